// Shows the beginning of the body of an HTTP error.
#ifndef REINIT_SUPERVISOR_PROBE_ERROR_BODY_H_
#define REINIT_SUPERVISOR_PROBE_ERROR_BODY_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace reinit {

// What a server that nobody trusts says about an error. Bounded; a pure
// function of the bytes fed, however they are cut.
class ErrorBody {
 public:
  static constexpr size_t kMaxShown = 300;  // before they are escaped

  // Takes the next bytes; false: no more are needed.
  bool Feed(std::string_view bytes);

  // Its first kMaxShown bytes as printable text in one line, in which any white
  // space is one blank. `headers` and `path`, as ProbeTarget has them, were
  // sent: where the server sends back a value of a header, a word of one or a
  // value of the query, *** stands for it. With chunked transfer encoding what
  // is between the chunks is left out.
  std::string Text(bool chunked, std::string_view headers,
                   std::string_view path) const;

 private:
  std::string bytes_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_ERROR_BODY_H_
