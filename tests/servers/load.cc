// Clients of a server that is being exchanged: each asks over one new
// connection after the other, and nothing that happens to a request is missed.
// Usage:
//   load PORT CLIENTS PAUSE_US PATIENCE_MS FILE
// until standard input ends. The server answers with the number of its version.
// Prints "steady VERSION" whenever a version has given 20 answers in a row, and
// leaves in FILE a Record for each request. A client waits PAUSE_US after an
// answer, so that the server and its next version have the processors too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int kSteady = 20;

// The same in exchange.py.
enum Outcome : int32_t {
  kAnswered,
  kRefused,
  kTimedOut,   // nobody accepted, or nobody answered
  kCutOff,     // accepted, then closed or reset without a whole answer
  kBadAnswer,  // a whole one, but not 200 with a version
};

struct Record {
  int64_t began = 0;  // CLOCK_MONOTONIC, as all times in ns
  int64_t took = 0;
  int32_t version = 0;
  Outcome outcome = kAnswered;
};

struct Plan {
  uint16_t port;
  useconds_t pause;
  timeval patience;
};

int64_t Now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The version that answers now, over all clients.
class Steady {
 public:
  void Answered(int32_t version) {
    const std::lock_guard<std::mutex> lock(mutex_);
    count_ = version == version_ ? count_ + 1 : 1;
    version_ = version;
    if (count_ != kSteady) return;
    std::printf("steady %d\n", version);
    std::fflush(stdout);
  }

 private:
  std::mutex mutex_;
  int32_t version_ = 0;
  int count_ = 0;
};

Outcome OutcomeOf(int error) {
  if (error == ECONNREFUSED) return kRefused;
  const bool late = error == EAGAIN || error == EINPROGRESS ||
                    error == ETIMEDOUT || error == EWOULDBLOCK;
  return late ? kTimedOut : kCutOff;
}

// The answer as far as it has come.
class Answer {
 public:
  void Append(std::string_view more) {
    text_ += more;
    const size_t end = text_.find("\r\n\r\n");
    if (body_ != 0 || end == std::string::npos) return;
    body_ = end + 4;
    std::string head = text_.substr(0, body_);
    std::transform(head.begin(), head.end(), head.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    good_ = head.compare(0, 5, "http/") == 0 && head.find(" 200 ") < 16;
    const size_t length = head.find("\r\ncontent-length:");
    if (length == std::string::npos) return;
    length_ = std::strtoul(head.c_str() + length + 17, nullptr, 10);
    told_length_ = true;
  }

  // Nothing more is to be waited for.
  bool Complete() const {
    return told_length_ && text_.size() >= body_ + length_;
  }
  // All there is has come: the connection was closed.
  bool Whole() const { return told_length_ ? Complete() : body_ != 0; }

  int32_t Version() const {
    if (!good_) return 0;
    return static_cast<int32_t>(
        std::strtol(text_.c_str() + body_, nullptr, 10));
  }

 private:
  std::string text_;
  size_t body_ = 0;  // where it begins
  size_t length_ = 0;
  bool told_length_ = false;
  bool good_ = false;
};

Outcome Exchange(int fd, const Plan& plan, int32_t* version) {
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &plan.patience, sizeof(timeval));
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &plan.patience, sizeof(timeval));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(plan.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd, generic, sizeof(address)) != 0) return OutcomeOf(errno);
  constexpr std::string_view kRequest =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  if (::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    return OutcomeOf(errno);
  }
  Answer answer;
  char chunk[4096];
  while (!answer.Complete()) {
    const ssize_t got = ::recv(fd, chunk, sizeof(chunk), 0);
    if (got < 0) return OutcomeOf(errno);
    if (got == 0) break;
    answer.Append({chunk, static_cast<size_t>(got)});
  }
  if (!answer.Whole()) return kCutOff;
  *version = answer.Version();
  return *version > 0 ? kAnswered : kBadAnswer;
}

Record Ask(const Plan& plan) {
  Record record;
  record.began = Now();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  record.outcome = Exchange(fd, plan, &record.version);
  ::close(fd);
  record.took = Now() - record.began;
  return record;
}

void WaitForEndOfInput() {
  char chunk[256];
  while (::read(STDIN_FILENO, chunk, sizeof(chunk)) > 0) {
  }
}

bool Write(const char* name, const std::vector<std::vector<Record>>& all) {
  std::FILE* const file = std::fopen(name, "wbe");
  if (file == nullptr) return false;
  for (const std::vector<Record>& records : all) {
    std::fwrite(records.data(), sizeof(Record), records.size(), file);
  }
  return std::fclose(file) == 0;
}

int Run(const Plan& plan, int clients, const char* file) {
  Steady steady;
  std::atomic<bool> ended = false;
  std::vector<std::vector<Record>> records(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  threads.reserve(records.size());
  for (std::vector<Record>& mine : records) {
    threads.emplace_back([&] {
      while (!ended) {
        mine.push_back(Ask(plan));
        const Record& last = mine.back();
        if (last.outcome == kAnswered) steady.Answered(last.version);
        ::usleep(plan.pause);
      }
    });
  }
  WaitForEndOfInput();
  ended = true;
  for (std::thread& thread : threads) thread.join();
  if (Write(file, records)) return 0;
  std::perror(file);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr,
                 "usage: load PORT CLIENTS PAUSE_US PATIENCE_MS FILE\n");
    return 2;
  }
  const auto number = [argv](int i) {
    return std::strtol(argv[i], nullptr, 10);
  };
  const long patience = number(4);
  const Plan plan = {static_cast<uint16_t>(number(1)),
                     static_cast<useconds_t>(number(3)),
                     {patience / 1000, patience % 1000 * 1000}};
  return Run(plan, static_cast<int>(number(2)), argv[5]);
}
