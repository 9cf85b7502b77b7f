#include "supervisor/probe/grpc_health.h"

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// Five bytes before each message: whether it is compressed, and its length.
constexpr size_t kPrefix = 5;
// A reply is two bytes.
constexpr size_t kMaxReply = 1024;
constexpr std::string_view kHttp1 = "HTTP/1";

constexpr std::string_view kStatusNames[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND): it does not know the service",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED): it has no grpc.health.v1.Health",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

std::string GrpcStatusText(int status) {
  const bool known = status < static_cast<int>(std::size(kStatusNames));
  const std::string_view name = known ? kStatusNames[status] : "no known one";
  return absl::StrCat("gRPC status ", status, " (", name,
                      absl::StrContains(name, ')') ? "" : ")");
}

// HealthCheckRequest: its only field, a string, is left out if it is empty.
std::string Message(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';
    for (size_t left = service.size();; left >>= 7) {
      const bool more = left > 0x7f;
      message += static_cast<char>((left & 0x7f) | (more ? 0x80 : 0));
      if (!more) break;
    }
    absl::StrAppend(&message, service);
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    framed += static_cast<char>(message.size() >> shift & 0xff);
  }
  return framed + message;
}

std::optional<uint64_t> TakeVarint(std::string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    value |= uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Steps over a field of wire type `type`, whose key has been read.
bool Skip(uint64_t type, std::string_view* bytes) {
  std::optional<uint64_t> size;
  if (type == 0) return TakeVarint(bytes).has_value();
  if (type == 1) size = 8;
  if (type == 2) size = TakeVarint(bytes);
  if (type == 5) size = 4;
  if (!size.has_value() || *size > bytes->size()) return false;
  bytes->remove_prefix(*size);
  return true;
}

// HealthCheckResponse: the number of its status, 0 where it is not there.
std::optional<uint64_t> ReadReply(std::string_view framed) {
  if (framed.size() < kPrefix || framed[0] != 0) return std::nullopt;
  size_t size = 0;
  for (size_t i = 1; i < kPrefix; ++i) {
    size = size << 8 | static_cast<uint8_t>(framed[i]);
  }
  std::string_view bytes = framed.substr(kPrefix);
  if (bytes.size() != size) return std::nullopt;
  uint64_t status = 0;
  while (!bytes.empty()) {
    const auto key = TakeVarint(&bytes);
    if (!key.has_value()) return std::nullopt;
    if (*key == (1 << 3)) {
      const auto value = TakeVarint(&bytes);
      if (!value.has_value()) return std::nullopt;
      status = *value;
    } else if (!Skip(*key & 7, &bytes)) {
      return std::nullopt;
    }
  }
  return status;
}

nghttp2_nv Field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    // It is only read, and copied before the call returns.
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

// What nghttp2 calls, with the object as the last argument.
struct GrpcHealth::Callbacks {
  static GrpcHealth* Self(void* user) { return static_cast<GrpcHealth*>(user); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    GrpcHealth* const self = Self(user);
    if (frame->hd.stream_id == self->stream_) {
      self->OnHeader({reinterpret_cast<const char*>(name), name_size},
                     {reinterpret_cast<const char*>(value), value_size});
    }
    return 0;
  }

  static int OnData(nghttp2_session*, uint8_t, int32_t stream,
                    const uint8_t* bytes, size_t size, void* user) {
    GrpcHealth* const self = Self(user);
    if (stream == self->stream_) {
      self->OnData({reinterpret_cast<const char*>(bytes), size});
    }
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    GrpcHealth* const self = Self(user);
    const bool ends =
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && frame->hd.stream_id == self->stream_) self->OnReply();
    if (frame->hd.type == NGHTTP2_GOAWAY &&
        frame->goaway.last_stream_id < self->stream_) {
      self->Fail(absl::StrCat("the server sends it away (",
                              nghttp2_http2_strerror(frame->goaway.error_code),
                              ")"));
    }
    return 0;
  }

  static int OnClosed(nghttp2_session*, int32_t stream, uint32_t error,
                      void* user) {
    GrpcHealth* const self = Self(user);
    if (stream == self->stream_) self->OnClosed(error);
    return 0;
  }

  static ssize_t ReadRequest(nghttp2_session*, int32_t, uint8_t* buffer,
                             size_t size, uint32_t* flags, nghttp2_data_source*,
                             void* user) {
    std::string& request = Self(user)->request_;
    const size_t part = std::min(size, request.size());
    std::copy_n(request.begin(), part, buffer);
    request.erase(0, part);
    if (request.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(part);
  }
};

void GrpcHealth::Deleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

GrpcHealth::GrpcHealth(std::string_view authority, std::string_view service)
    : request_(Message(service)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session* session = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) == 0) {
    nghttp2_session_callbacks_set_on_header_callback(callbacks,
                                                     &Callbacks::OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, &Callbacks::OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                         &Callbacks::OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, &Callbacks::OnClosed);
    nghttp2_session_client_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
  }
  session_.reset(session);
  if (session == nullptr) {
    Fail("out of memory");
  } else {
    Ask(authority);
  }
}

GrpcHealth::~GrpcHealth() = default;

void GrpcHealth::Ask(std::string_view authority) {
  constexpr nghttp2_settings_entry kSettings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kMaxReceived / 4},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxReceived / 4},
  };
  const nghttp2_nv fields[] = {
      Field(":method", "POST"),
      Field(":scheme", "http"),
      Field(":path", "/grpc.health.v1.Health/Check"),
      Field(":authority", authority),
      Field("content-type", "application/grpc"),
      Field("te", "trailers"),
      Field("user-agent", "reinit-probe/0.1"),
  };
  nghttp2_data_provider body = {};
  body.read_callback = &Callbacks::ReadRequest;
  if (nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, kSettings,
                              std::size(kSettings)) == 0) {
    stream_ = nghttp2_submit_request(session_.get(), nullptr, fields,
                                     std::size(fields), &body, nullptr);
  }
  if (stream_ <= 0) return Fail("out of memory");
  Collect();
}

// At most as much as was received makes it write: acknowledgements.
void GrpcHealth::Collect() {
  for (;;) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) return Fail(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) return;
    outgoing_.append(reinterpret_cast<const char*>(bytes),
                     static_cast<size_t>(size));
  }
}

GrpcHealth::State GrpcHealth::Feed(std::string_view bytes) {
  if (state_ != State::kMore) return state_;
  bytes = bytes.substr(0, kMaxReceived - received_);
  received_ += bytes.size();
  if (begins_with_.size() < kHttp1.size()) {
    begins_with_ += bytes.substr(0, kHttp1.size() - begins_with_.size());
  }
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()),
      bytes.size());
  if (taken < 0) {
    Fail(absl::StrCat("not an HTTP/2 answer: ",
                      nghttp2_strerror(static_cast<int>(taken))));
    return state_;
  }
  Collect();
  if (nghttp2_session_want_read(session_.get()) == 0) {
    Fail("not an HTTP/2 answer");
  } else if (received_ == kMaxReceived) {
    Fail("the answer is longer than 64 KiB");
  }
  return state_;
}

GrpcHealth::State GrpcHealth::End() {
  Fail(received_ == 0 ? "connection closed without an answer"
                      : "connection closed in the middle of the answer");
  return state_;
}

void GrpcHealth::OnHeader(std::string_view name, std::string_view value) {
  if (name == ":status") {
    // nghttp2 lets three digits pass, and nothing else.
    if (!absl::SimpleAtoi(value, &http_status_)) http_status_ = 0;
  } else if (name == "grpc-status") {
    if (!absl::SimpleAtoi(value, &grpc_status_) || grpc_status_ < 0) {
      grpc_status_ = 2;  // UNKNOWN, as the protocol has it
    }
  }
}

void GrpcHealth::OnData(std::string_view bytes) {
  reply_.append(bytes.substr(0, kMaxReply - reply_.size()));
}

void GrpcHealth::OnClosed(uint32_t error) {
  Fail(absl::StrCat("the server broke off the call (",
                    nghttp2_http2_strerror(error), ")"));
}

// All of it is here.
void GrpcHealth::OnReply() {
  if (http_status_ != 200) return Fail(absl::StrCat("HTTP ", http_status_));
  if (grpc_status_ < 0) return Fail("an answer without a gRPC status");
  if (grpc_status_ > 0) return Fail(GrpcStatusText(grpc_status_));
  const std::optional<uint64_t> status = ReadReply(reply_);
  if (!status.has_value()) return Fail("malformed gRPC answer");
  constexpr std::string_view kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                         "SERVICE_UNKNOWN"};
  if (*status != 1) {
    return Fail(*status < std::size(kNames)
                    ? std::string(kNames[*status])
                    : absl::StrCat("health status ", *status));
  }
  if (state_ != State::kMore) return;
  state_ = State::kPassed;
  text_ = kNames[1];
}

void GrpcHealth::Fail(std::string_view why) {
  if (state_ != State::kMore) return;
  state_ = State::kFailed;
  text_ = begins_with_ == kHttp1 ? "the server speaks HTTP/1, not gRPC" : why;
}

}  // namespace reinit
