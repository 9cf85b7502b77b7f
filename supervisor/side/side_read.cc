#include "supervisor/side/side_read.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace reinit {

void SideRead::Unmap::operator()(Answer* answer) const {
  ::munmap(answer, sizeof(Answer));
}

void SideRead::Cancel() {
  child_.Cancel();
  answer_.reset();
}

void SideRead::Start(absl::FunctionRef<absl::StatusOr<std::string>()> work,
                     OnDone done) {
  void* const memory =
      ::mmap(nullptr, sizeof(Answer), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return done(absl::UnavailableError(SideChild::ErrorText(errno)));
  }
  answer_.reset(static_cast<Answer*>(memory));
  const auto fill = [this, &work] {
    const absl::StatusOr<std::string> result = work();
    std::string_view text = result.ok() ? *result : result.status().message();
    answer_->ok = result.ok() && text.size() <= kMost;
    if (result.ok() && !answer_->ok) text = "too large";
    answer_->size = std::min(text.size(), kMost);
    std::memcpy(answer_->text, text.data(), answer_->size);
    return 0;
  };
  child_.Start(fill, [this, done = std::move(done)](int error) {
    const auto answer = std::move(answer_);
    if (error == ETIMEDOUT) {
      done(absl::DeadlineExceededError(SideChild::ErrorText(error)));
    } else if (error != 0) {
      done(absl::UnavailableError(SideChild::ErrorText(error)));
    } else {
      std::string text(answer->text, answer->size);
      if (answer->ok) {
        done(std::move(text));
      } else {
        done(absl::FailedPreconditionError(text));
      }
    }
  });
}

}  // namespace reinit
