#include "supervisor/ending/closing.h"

#include <signal.h>

#include "absl/strings/str_cat.h"

namespace reinit {

void Closing::Begin(const Last& last) {
  if (options_->Supervising() || !options_->init.ends_at_once) {
    Sweep(last);
  } else {
    EndAtOnce(last);
  }
}

// At the end of reinit this also ends what no mark or group claims, such as
// orphans that have wiped their environment.
void Closing::Sweep(const Last& last) {
  if (on_begin_) on_begin_();
  sweep_.emplace(context_, options_->stop.leftover_timeout,
                 Leftovers::Scope{.everything = options_->workers.self == 0,
                                  .adopted = last.adopts,
                                  .mark = last.mark,
                                  .main = last.pid,
                                  .stop = last.stop,
                                  .survivor = last.survivor},
                 [this] { RunHook(); });
  sweep_->Start();
  if (kill_now_) sweep_->KillNow();
}

void Closing::EndAtOnce(const Last& last) {
  if (options_->init.term_group_at_end && last.pid != 0) {
    // The group may outlive its leader; its number is not reused so soon.
    const int sent = options_->signals.rewrite.Of(SIGTERM);
    const bool any = sent != 0 && options_->signals.forward_to ==
                                      SignalOptions::ForwardTo::kGroup;
    const int error = any ? context_.os->Send(-last.pid, sent) : 0;
    context_.observer->OnForwarded(SIGTERM, sent, last.pid, error);
  }
  context_.observer->OnEnd(last.exit_code);
  RunHook();
}

void Closing::RunHook() {
  if (post_stop_ == nullptr) {
    WriteWords();
  } else {
    post_stop_->Run([this] { WriteWords(); });
  }
}

void Closing::WriteWords() {
  if (options_->termination_log.empty()) {
    Close();
    return;
  }
  if (words_file_.has_value()) return;
  words_file_.emplace(context_, options_->termination_log, [this](int error) {
    if (error != 0) {
      context_.log->Write(
          LogLevel::kWarning,
          absl::StrCat("--termination-log=", options_->termination_log,
                       ": cannot be written: ", SideFile::ErrorText(error)));
    }
    Close();
  });
  words_file_->Write(words_());
}

void Closing::Close() {
  closed_ = true;
  if (on_closed_) on_closed_();
}

void Closing::KillNow() {
  kill_now_ = true;
  if (sweep_.has_value()) sweep_->KillNow();
}

}  // namespace reinit
