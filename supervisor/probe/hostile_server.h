// Runs scripted servers on loopback, for tests.
#ifndef REINIT_SUPERVISOR_PROBE_HOSTILE_SERVER_H_
#define REINIT_SUPERVISOR_PROBE_HOSTILE_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "reaper/unique_fd.h"

namespace reinit {

// Sends all of `bytes`; false once the other side is gone.
inline bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Reads up to and including the end of a request's header, or the end.
inline std::string ReadRequestHead(int fd) {
  std::string head;
  char c;
  while (head.find("\r\n\r\n") == std::string::npos &&
         ::recv(fd, &c, 1, 0) == 1) {
    head.push_back(c);
  }
  return head;
}

// Waits until the other side closes, or the pause is over (true).
inline bool Pause(int fd, int milliseconds) {
  pollfd polled = {fd, POLLRDHUP, 0};
  return ::poll(&polled, 1, milliseconds) == 0;
}

inline UniqueFd ListenOn(const char* ipv4, uint16_t port, int backlog) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, ipv4, &in.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    fd.reset();
  }
  return fd;
}

// Invalid where there is no IPv6.
inline UniqueFd ListenOnIpv6() {
  UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 in = {};
  in.sin6_family = AF_INET6;
  in.sin6_addr = in6addr_loopback;
  if (!fd.valid() ||
      ::bind(fd.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) != 0 ||
      ::listen(fd.get(), 16) != 0) {
    fd.reset();
  }
  return fd;
}

inline UniqueFd ListenOnUnix(const std::string& path, int backlog) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un un = {};
  un.sun_family = AF_UNIX;
  path.copy(un.sun_path, sizeof(un.sun_path) - 1);
  ::unlink(path.c_str());
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&un), sizeof(un)) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    fd.reset();
  }
  return fd;
}

inline uint16_t PortOf(const UniqueFd& fd) {
  sockaddr_in6 in = {};  // the port is where sockaddr_in has it
  socklen_t size = sizeof(in);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&in), &size),
            0);
  return ntohs(in.sin6_port);
}

// Takes connections one after the other and runs `script` on each, in a thread
// of its own, until it is destroyed.
class HostileServer {
 public:
  using Script = std::function<void(int)>;

  explicit HostileServer(Script script)
      : HostileServer(ListenOn("127.0.0.1", 0, 16), std::move(script)) {}
  HostileServer(UniqueFd listener, Script script)
      : listener_(std::move(listener)),
        port_(PortOf(listener_)),
        thread_([this, script = std::move(script)] {
          for (;;) {
            UniqueFd fd(
                ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd.valid()) return;
            script(fd.get());
          }
        }) {}
  ~HostileServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
    thread_.join();
  }
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  uint16_t port() const { return port_; }

 private:
  UniqueFd listener_;
  const uint16_t port_;
  std::thread thread_;
};

// A listener whose queue is full: a SYN to it is dropped, as behind a firewall.
class FullListener {
 public:
  FullListener(const char* ipv4, uint16_t port)
      : listener_(ListenOn(ipv4, port, 0)) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                  &size);
    for (int i = 0; i < 4; ++i) {
      UniqueFd fd(
          ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
      clients_.push_back(std::move(fd));
    }
    // The first is in the queue once it is connected; the rest stay outside.
    pollfd polled = {clients_[0].get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&polled, 1, -1), 1);
  }

  uint16_t port() const { return PortOf(listener_); }

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> clients_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_HOSTILE_SERVER_H_
