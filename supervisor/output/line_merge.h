// Merges the output of several processes into one stream of whole lines.
#ifndef REINIT_SUPERVISOR_OUTPUT_LINE_MERGE_H_
#define REINIT_SUPERVISOR_OUTPUT_LINE_MERGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// Puts the prefix of its source before each line, and passes every other byte
// on as it is. Lines of different sources do not mix:
//
// - A line of up to kWholeLine bytes is held until its newline is there.
// - A longer one is passed on in parts. Meanwhile the other sources wait
//   (MayAdd), but not beyond kAlone bytes.
// - Rest passes on what a source has begun and not finished. That must not wait
//   for a newline that may never come.
//
// A line that was begun and is not finished when another source goes on ends
// with a newline that its source has not written, and its rest becomes a line
// with a prefix. A value without system calls.
class LineMerge {
 public:
  static constexpr size_t kWholeLine = size_t{64} << 10;
  static constexpr size_t kAlone = size_t{1} << 20;

  // Returns the number of the source: 0, 1, 2...
  size_t AddSource(std::string prefix);

  // Whether Add and Rest of `source` may be called now.
  bool MayAdd(size_t source) const {
    return !alone_ || open_ == source || open_ == kNone;
  }
  // `source` has written `bytes`. Appends to `out` what may be shown of all
  // that it has written.
  void Add(size_t source, std::string_view bytes, std::string* out);
  // `source` is quiet for now.
  void Rest(size_t source, std::string* out);
  // Whether Rest would change anything.
  bool Unfinished(size_t source) const {
    return !sources_[source].held.empty() || (alone_ && open_ == source);
  }

 private:
  static constexpr size_t kNone = ~size_t{0};
  struct Source {
    std::string prefix;
    std::string held;  // of a line; nothing of that was passed on
  };

  std::string_view Continue(std::string_view bytes, std::string* out);
  void Cut(std::string* out);

  std::vector<Source> sources_;
  size_t open_ = kNone;  // whose line the stream is in the middle of
  bool alone_ = false;   // and no other may cut it
  size_t passed_ = 0;    // bytes of it while it was alone
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OUTPUT_LINE_MERGE_H_
