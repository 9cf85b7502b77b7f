// Builds the HTTP/2 frames of a server by hand, for tests.
#ifndef REINIT_SUPERVISOR_PROBE_H2_FRAMES_H_
#define REINIT_SUPERVISOR_PROBE_H2_FRAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace reinit::h2 {

inline constexpr int kData = 0, kHeaders = 1, kRst = 3, kSettings = 4,
                     kPing = 6, kGoaway = 7, kContinuation = 9;
inline constexpr int kEndStream = 1, kEndHeaders = 4;

// Big-endian, in `size` bytes.
inline std::string Number(uint64_t number, int size) {
  std::string bytes;
  while (--size >= 0) bytes += static_cast<char>(number >> (8 * size) & 0xff);
  return bytes;
}

inline std::string Frame(int type, int flags, uint32_t stream,
                         std::string_view payload) {
  std::string bytes = Number(static_cast<uint32_t>(payload.size()), 3);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += Number(stream, 4);
  return bytes.append(payload);
}

// A header field as HPACK has it without any table; below 127 bytes each.
inline std::string Field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size());
  bytes += name;
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

// A message as gRPC frames it.
inline std::string Message(std::string_view bytes) {
  std::string framed(1, '\0');
  framed += Number(static_cast<uint32_t>(bytes.size()), 4);
  return framed.append(bytes);
}

inline std::string Settings() { return Frame(kSettings, 0, 0, ""); }

inline std::string Head(std::string_view status = "200") {
  return Frame(
      kHeaders, kEndHeaders, 1,
      Field(":status", status) + Field("content-type", "application/grpc"));
}

inline std::string Trailers(std::string_view grpc_status) {
  return Frame(kHeaders, kEndHeaders | kEndStream, 1,
               Field("grpc-status", grpc_status));
}

inline std::string Data(std::string_view bytes) {
  return Frame(kData, 0, 1, bytes);
}

// A whole answer; `status` is that of the service, 1 is SERVING.
inline std::string Answer(char status) {
  return Settings() + Head() +
         Data(Message({"\x08" + std::string(1, status)})) + Trailers("0");
}

// Without a message: "5" is NOT_FOUND.
inline std::string Refusal(std::string_view grpc_status) {
  return Settings() + Frame(kHeaders, kEndHeaders | kEndStream, 1,
                            Field(":status", "200") +
                                Field("content-type", "application/grpc") +
                                Field("grpc-status", grpc_status));
}

}  // namespace reinit::h2

#endif  // REINIT_SUPERVISOR_PROBE_H2_FRAMES_H_
