// Makes one call of grpc.health.v1.Health/Check, over HTTP/2 without TLS.
#ifndef REINIT_SUPERVISOR_PROBE_GRPC_HEALTH_H_
#define REINIT_SUPERVISOR_PROBE_GRPC_HEALTH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace reinit {

// Bytes in, bytes out: knows nothing of sockets and clocks. The peer is not
// trusted: it is listened to for kMaxReceived bytes, and what is kept of them
// is some 100 KiB at most. Single-threaded, owned by the connection.
class GrpcHealth {
 public:
  enum class State {
    kMore,    // it has not answered yet
    kPassed,  // SERVING
    kFailed,  // anything else; text() says what
  };

  // An answer is some 200 bytes, with what servers say of themselves first.
  static constexpr size_t kMaxReceived = 64 * 1024;

  // `authority` is "HOST:PORT"; an empty `service` is the server as a whole.
  GrpcHealth(std::string_view authority, std::string_view service);
  ~GrpcHealth();
  GrpcHealth(const GrpcHealth&) = delete;
  GrpcHealth& operator=(const GrpcHealth&) = delete;

  // To be sent; call Sent for as many bytes of it as were.
  std::string_view outgoing() const { return outgoing_; }
  void Sent(size_t size) { outgoing_.erase(0, size); }

  // The next bytes; after the answer they are ignored.
  State Feed(std::string_view bytes);
  // The other side has closed. kMore becomes kFailed.
  State End();

  State state() const { return state_; }
  // Of an answer: "SERVING", "NOT_SERVING", "gRPC status 12 (...)"...
  const std::string& text() const { return text_; }

 private:
  struct Callbacks;

  void Ask(std::string_view authority);
  void Collect();
  void OnHeader(std::string_view name, std::string_view value);
  void OnData(std::string_view bytes);
  void OnClosed(uint32_t error);
  void OnReply();
  void Fail(std::string_view why);

  struct Deleter {
    void operator()(nghttp2_session* session) const;
  };
  std::unique_ptr<nghttp2_session, Deleter> session_;
  State state_ = State::kMore;
  std::string text_;
  std::string outgoing_;
  std::string request_;  // the message, framed
  size_t received_ = 0;
  std::string begins_with_;  // the first bytes received
  int stream_ = 0;
  int http_status_ = 0;   // 0: none yet
  int grpc_status_ = -1;  // -1: none yet
  std::string reply_;     // the message, framed, as far as it is looked at
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_GRPC_HEALTH_H_
