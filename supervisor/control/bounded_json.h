// Writes JSON from any bytes, without anything that could throw.
#ifndef REINIT_SUPERVISOR_CONTROL_BOUNDED_JSON_H_
#define REINIT_SUPERVISOR_CONTROL_BOUNDED_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace reinit {

// Writes one value after the other into a string; commas come by themselves.
// The caller keeps Begin and End, and keys and values, in step. What is not
// UTF-8 becomes the text \xNN, so that the result always is; a string, escaped,
// is cut to `max` bytes, on a character.
class BoundedJson {
 public:
  static constexpr size_t kMaxText = 300;

  BoundedJson& BeginObject() { return Open('{'); }
  BoundedJson& EndObject() { return Close('}'); }
  BoundedJson& BeginArray() { return Open('['); }
  BoundedJson& EndArray() { return Close(']'); }
  BoundedJson& Key(std::string_view name);  // ours: nothing to be escaped
  BoundedJson& Text(std::string_view bytes, size_t max = kMaxText);
  BoundedJson& Number(int64_t number);
  BoundedJson& Seconds(absl::Duration duration);  // to the millisecond
  BoundedJson& Bool(bool value);
  BoundedJson& Null();
  BoundedJson& Value(const BoundedJson& whole);  // one that is complete

  const std::string& text() const { return out_; }

 private:
  BoundedJson& Open(char bracket);
  BoundedJson& Close(char bracket);
  void Separate();

  std::string out_;
};

// `bytes` as UTF-8: what is none becomes \xNN. At most `max` bytes, of which
// "..." are the last three if something is missing.
std::string ValidText(std::string_view bytes, size_t max);

// "1.500"; a negative one is 0.
std::string SecondsText(absl::Duration duration);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_BOUNDED_JSON_H_
