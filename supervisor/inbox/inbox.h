// Finds out whose messages of sd_notify those are that reinit receives.
#ifndef REINIT_SUPERVISOR_INBOX_INBOX_H_
#define REINIT_SUPERVISOR_INBOX_INBOX_H_

#include <sys/types.h>

#include <functional>

#include "absl/time/time.h"
#include "supervisor/context.h"
#include "supervisor/notify/notify_message.h"
#include "supervisor/notify/strangers.h"
#include "supervisor/notify/undecided.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/runner.h"

namespace reinit {

// Anybody may send a message; only those of the process and its own count. A
// stranger that is found out is told why in the log, and remembered. Owned by
// the Supervisor, on its thread.
class Inbox {
 public:
  // `who` is never a stranger.
  using OnHeard =
      std::function<void(Runner::Sender who, const NotifyMessage& message)>;

  // `runner` and `pair` are borrowed.
  Inbox(const Context& context, Runner* runner, InstancePair* pair,
        OnHeard on_heard)
      : context_(context),
        runner_(runner),
        pair_(pair),
        on_heard_(std::move(on_heard)),
        undecided_(context, [this](const Undecided::Message& message) {
          OnDecided(message);
        }) {}

  // To be called for each message of the notify socket.
  void OnNotify(pid_t sender, const NotifyMessage& message);

 private:
  void OnStranger(pid_t sender, const NotifyMessage& message);
  void OnDecided(const Undecided::Message& message);
  void Hear(Runner::Sender who, pid_t sender, const NotifyMessage& message);

  const Context context_;
  Runner* const runner_;
  InstancePair* const pair_;
  const OnHeard on_heard_;
  Strangers strangers_;
  Undecided undecided_;
  absl::Time next_stranger_warning_ = absl::InfinitePast();
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_INBOX_INBOX_H_
