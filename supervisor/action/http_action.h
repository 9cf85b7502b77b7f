// Applies a change by an HTTP request.
#ifndef REINIT_SUPERVISOR_ACTION_HTTP_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_HTTP_ACTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "supervisor/action/action.h"
#include "supervisor/context.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/options.h"
#include "supervisor/probe/target.h"
#include "supervisor/side/side_read.h"

namespace reinit {

// Sent, and answered, in a probe helper of its own, which is started with the
// first change: PID 1 sees no bytes of a network. A status of 200 to 299 is
// applied. Headers come from the files that the options name, which are read
// by a child for each request and go to the helper by a file in memory.
class HttpAction : public Action {
 public:
  // `request` and `options` are borrowed.
  HttpAction(const Context& context, const ProbeTarget* request,
             const ReloadOptions* options);

  void Apply(const Reason& reason, OnDone done) override;
  bool StartWillDo() const override { return false; }
  void Cancel() override;

 private:
  HelperProcess::Spec HelperSpec();
  void OnHeaders(const absl::StatusOr<std::string>& headers);
  void AskHelper();
  void Ask();
  bool OnReply(const char* bytes);
  void Finish(bool applied, std::string_view how);

  const Context context_;
  const ProbeTarget* const request_;
  const ReloadOptions* const options_;
  SideRead read_;        // of the files
  std::string headers_;  // that the helper has: each with a newline at its end
  std::unique_ptr<HelperProcess> helper_;  // null: not needed yet
  EventLoop::Timer late_;
  uint64_t asked_ = 0;  // id of the newest request
  Reason reason_;
  OnDone done_;  // empty: nothing is under way
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_HTTP_ACTION_H_
