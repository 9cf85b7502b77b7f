#include "supervisor/workers/worker.h"

#include <utility>

namespace reinit {
namespace {

// Without what Workers does for all of them.
Options OwnOptions(Options options, int number) {
  options.workers.self = number;
  options.watch.paths.clear();
  options.reload.check.clear();
  options.reload.signal = 0;
  options.ready.file.clear();
  options.termination_log.clear();
  options.control = kControlOff;
  options.status_listen.reset();
  options.clear = false;
  return options;
}

// As all of them, but for its output, and the folder, which may name it.
UserProcess OwnProcess(const UserProcess& all, const WorkerParts& parts,
                       const Options& options) {
  UserProcess process =
      parts.process ? *parts.process(options.workers.self) : all;
  process.directory = options.process.as.directory;
  return process;
}

Context OwnContext(Context context, Log* log, const UserProcess* process) {
  context.log = log;
  context.user_process = process;
  return context;
}

}  // namespace

Worker::Worker(const Context& context, const Options& all, int number,
               const WorkerParts& parts, std::function<void()> on_moved)
    : options_(OwnOptions(parts.options(all, number), number)),
      user_process_(OwnProcess(*context.user_process, parts, options_)),
      log_(context.log, number),
      context_(OwnContext(context, &log_, &user_process_)),
      parts_(parts),
      on_moved_(std::move(on_moved)),
      notify_(parts.notify()) {}

void Worker::Start() {
  supervisor_.reset();  // before the next one takes its socket
  supervisor_ = std::make_unique<Supervisor>(
      context_, &options_, parts_.environment,
      parts_.strategies(context_, &options_), parts_.random, notify_.get(),
      parts_.sockets);
  supervisor_->set_on_moved(on_moved_);
  tickets_.clear();
  told_end_ = stops_ = false;
  supervisor_->Startup();
}

void Worker::Keep(const Reason& reason, bool restart) {
  if (retired_) return;
  std::optional<Reason>& kept = restart ? restart_ : change_;
  const std::optional<Reason> before = std::exchange(kept, reason);
  if (before.has_value()) kept->files.Precede(before->files);
}

void Worker::Take() {
  const std::optional<Reason> change = std::exchange(change_, std::nullopt);
  const std::optional<Reason> restart = std::exchange(restart_, std::nullopt);
  works_ = true;
  failed_ = false;
  if (gone()) {
    Start();
    return;
  }
  if (change.has_value()) {
    tickets_.push_back(supervisor_->Apply(*change));
  }
  if (restart.has_value()) {
    tickets_.push_back(supervisor_->Replace(*restart));
  }
}

void Worker::Retire() {
  retired_ = stops_ = true;
  change_.reset();
  restart_.reset();
  supervisor_->EndNow(0);
}

Roll::Worker Worker::Look() {
  const Supervisor::Progress progress = supervisor_->progress();
  const bool settled = progress == Supervisor::Progress::kSettled;
  const bool refused = progress == Supervisor::Progress::kRefused;
  failed_ = failed_ || (works_ && (gone() || refused));
  if (gone() || settled || refused) works_ = false;
  return {.number = number(),
          .waits = change_.has_value() || restart_.has_value(),
          .works = works_,
          .serves = settled || refused,
          .failed = failed_ || gone()};
}

std::optional<std::string> Worker::TakeFailure() {
  std::vector<uint64_t> open;
  std::optional<std::string> why;
  for (const uint64_t ticket : tickets_) {
    const std::optional<absl::Status> outcome = supervisor_->Outcome(ticket);
    if (!outcome.has_value()) {
      open.push_back(ticket);
    } else if (!outcome->ok()) {
      why = outcome->message();
    }
  }
  tickets_ = works_ ? std::move(open) : std::vector<uint64_t>();
  return why;
}

bool Worker::TakeEnd() {
  return gone() && !stops_ && !std::exchange(told_end_, true);
}

bool Worker::TakeReturn() {
  return gone() && !retired_ && std::exchange(stops_, false);
}

void Worker::ReadMessages() {
  if (notify_ != nullptr) notify_->Read();
}

Status::Worker Worker::Describe() const {
  Status all = supervisor_->Describe();
  Status::Worker own;
  own.number = number();
  own.state = std::move(all.state);
  own.generation = all.generation;
  own.serves = all.serves;
  own.process = std::move(all.process);
  own.other_process = std::move(all.other_process);
  own.last_exit = std::move(all.last_exit);
  own.exits = all.exits;
  own.next_start = all.next_start;
  own.restarts = std::move(all.restarts);
  own.end_reason = std::move(all.end_reason);
  own.checks = std::move(all.checks);
  own.outdated = change_.has_value() || restart_.has_value();
  return own;
}

}  // namespace reinit
