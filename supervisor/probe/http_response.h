// Reads the head of an HTTP answer bytewise and within hard limits.
#ifndef REINIT_SUPERVISOR_PROBE_HTTP_RESPONSE_H_
#define REINIT_SUPERVISOR_PROBE_HTTP_RESPONSE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace reinit {

// Reads the status line and the header of an HTTP/1.0 or 1.1 answer from a peer
// that nobody trusts: a pure function of the bytes fed, however they are cut.
// Holds at most kMaxHead bytes. Knows nothing of sockets, and nothing of the
// body: a health check needs only the status. Single-threaded, owned by the
// connection.
//
// Why our own: cpp-httplib's client grew to 650 MB in 2.5 s on endless headers.
class HttpResponse {
 public:
  enum class State {
    kMore,  // the header has not ended yet
    kDone,  // status() is that of the final answer; the body follows
    kBad,   // problem() says why; no more bytes are looked at
  };

  // Everything up to the end of the header, interim answers included.
  static constexpr size_t kMaxHead = 16 * 1024;
  // 100 Continue, 103 Early Hints: skipped, but not for ever.
  static constexpr int kMaxInterim = 8;

  // Takes the next bytes; after kDone or kBad they are ignored.
  State Feed(std::string_view bytes);

  // The other side has closed. kMore becomes kBad.
  State End();

  State state() const { return state_; }
  int status() const { return status_; }  // 100 to 999 once kDone
  std::string_view problem() const { return problem_; }  // static text
  size_t taken() const { return taken_; }  // bytes, all of the head once kDone
  bool chunked() const { return chunked_; }  // how the body comes, once kDone

 private:
  void Take(char c);
  void EndLine();
  void ReadStatusLine();
  void ReadFieldLine();
  void EndHead();
  void Fail(std::string_view problem);

  State state_ = State::kMore;
  bool in_fields_ = false;  // past the status line
  bool any_field_ = false;
  bool chunked_ = false;
  int status_ = 0;
  int interim_ = 0;
  size_t taken_ = 0;
  std::string line_;
  std::string_view problem_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_HTTP_RESPONSE_H_
