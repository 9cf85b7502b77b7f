#include "supervisor/side/memory_read.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace reinit {
namespace {

// A slot's state; kReading and more: that reader stands at it.
constexpr int kFree = 0;
constexpr int kWaiting = 1;
constexpr int kRead = 2;
constexpr int kReading = 3;

}  // namespace

struct MemoryRead::Slot {
  std::atomic<int> state;
  bool readable;
  pid_t pid;
  uint64_t started;
  size_t size;
  char text[kMostText];
};

void MemoryRead::Unmap::operator()(Slot* slots) const {
  ::munmap(slots, kMost * sizeof(Slot));
}

MemoryRead::MemoryRead(const Context& context, Work work, OnRead on_read)
    : context_(context),
      work_(std::move(work)),
      on_read_(std::move(on_read)),
      begin_(context.loop, [this] { Begin(); }),
      slow_(context.loop, [this] {
        active_ = -1;
        Begin();
      }) {}

MemoryRead::~MemoryRead() = default;

// The memory comes as zeros: all slots are free.
bool MemoryRead::Map() {
  if (slots_ != nullptr) return true;
  void* const memory =
      ::mmap(nullptr, kMost * sizeof(Slot), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  slots_.reset(static_cast<Slot*>(memory));
  return true;
}

void MemoryRead::Ask(const ProcessInfo& process) {
  const Key key(process.pid, process.started);
  if (asked_.size() == kMost || asked_.count(key) != 0) return;
  if (!begin_.armed()) begin_.ArmAfter(absl::ZeroDuration());
  if (!Map()) {
    refused_.push_back(key);
    return;
  }
  size_t at = used_ < kMost ? used_ : 0;
  while (slots_[at].state.load(std::memory_order_relaxed) != kFree) ++at;
  used_ = std::max(used_, at + 1);
  asked_[key] = at;
  slots_[at].pid = process.pid;
  slots_[at].started = process.started;
  slots_[at].state.store(kWaiting, std::memory_order_release);
}

SideChild* MemoryRead::FreeReader(int* number) {
  for (const auto& reader : readers_) {
    if (!reader->busy() && !reader->full()) {
      *number = static_cast<int>(&reader - readers_.data());
      return reader.get();
    }
  }
  if (readers_.size() == kReaders) return nullptr;
  *number = static_cast<int>(readers_.size());
  readers_.push_back(std::make_unique<SideChild>(context_));
  return readers_.back().get();
}

// Has a child read what waits, unless one is at it and not slow.
void MemoryRead::Begin() {
  if (!refused_.empty()) {
    std::vector<Result> results;
    for (const Key& key : std::exchange(refused_, {})) {
      results.push_back({key, std::nullopt, false});
    }
    on_read_(results);
  }
  if (active_ >= 0) return;
  const bool waits =
      std::any_of(slots_.get(), slots_.get() + used_, [](const Slot& slot) {
        return slot.state.load(std::memory_order_acquire) == kWaiting;
      });
  if (!waits) return;
  int number = 0;
  SideChild* const reader = FreeReader(&number);
  if (reader != nullptr) {
    active_ = number;
    slow_.ArmAfter(kSlow);
    reader->Start([this, number] { return Read(number); },
                  [this, number](int error) { OnEnd(number, error); });
  } else if (std::none_of(readers_.begin(), readers_.end(),
                          [](const auto& one) { return one->busy(); })) {
    // Each has left behind as many children that hang as it may.
    std::vector<Result> results;
    GiveUpWaiting(&results);
    on_read_(results);
  }
}

// In the child.
int MemoryRead::Read(int reader) {
  for (size_t i = 0; i < kMost; ++i) {
    Slot& slot = slots_[i];
    int state = kWaiting;
    if (!slot.state.compare_exchange_strong(state, kReading + reader)) {
      if (state == kFree && i >= used_) break;
      continue;
    }
    const std::optional<std::string> text = work_(slot.pid);
    // By now it may be another process.
    const auto now = context_.os->ReadProcess(slot.pid);
    slot.readable =
        text.has_value() && now.has_value() && now->started == slot.started;
    if (slot.readable) {
      slot.size = std::min(text->size(), kMostText);
      std::memcpy(slot.text, text->data(), slot.size);
    }
    slot.state.store(kRead, std::memory_order_release);
  }
  return 0;
}

void MemoryRead::OnEnd(int reader, int error) {
  if (active_ == reader) {
    active_ = -1;
    slow_.Cancel();
  }
  std::vector<Result> results;
  Collect(reader, error == ETIMEDOUT, &results);
  const absl::Time now = context_.loop->Now();
  if (!results.empty()) {
    idle_since_ = absl::InfiniteFuture();
  } else if (idle_since_ + SideChild::kPatience <= now) {
    GiveUpWaiting(&results);
    idle_since_ = absl::InfiniteFuture();
  } else {
    idle_since_ = std::min(idle_since_, now);
  }
  if (asked_.empty()) {
    slots_.reset();
    used_ = 0;
  } else if (!begin_.armed()) {
    // Where no child was to be had, there is one once others have ended.
    begin_.ArmAfter(error == EAGAIN ? kSlow : absl::ZeroDuration());
  }
  if (!results.empty()) on_read_(results);
}

void MemoryRead::GiveUpWaiting(std::vector<Result>* results) {
  for (size_t i = 0; i < used_; ++i) {
    if (slots_[i].state.load() == kWaiting) Answer(i, Result(), results);
  }
}

void MemoryRead::Collect(int reader, bool hangs, std::vector<Result>* results) {
  for (size_t i = 0; i < used_; ++i) {
    const Slot& slot = slots_[i];
    const int state = slot.state.load(std::memory_order_acquire);
    Result result;
    if (state == kRead) {
      if (slot.readable) result.text.emplace(slot.text, slot.size);
    } else if (state == kReading + reader) {
      result.hangs = hangs;
    } else {
      continue;
    }
    Answer(i, std::move(result), results);
  }
}

void MemoryRead::Answer(size_t at, Result result,
                        std::vector<Result>* results) {
  result.process = {slots_[at].pid, slots_[at].started};
  asked_.erase(result.process);
  slots_[at].state.store(kFree, std::memory_order_release);
  results->push_back(std::move(result));
}

}  // namespace reinit
