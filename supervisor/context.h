// Bundles what everything that runs processes needs.
#ifndef REINIT_SUPERVISOR_CONTEXT_H_
#define REINIT_SUPERVISOR_CONTEXT_H_

#include "reaper/child_table.h"
#include "reaper/event_loop.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "supervisor/marks.h"
#include "supervisor/observer.h"
#include "supervisor/value/command_times.h"

namespace reinit {

// Borrowed pointers to the parts that main built, in the order in which they
// may be used. Everything that holds a Context ends before them.
struct Context {
  EventLoop* loop;
  Os* os;
  ChildTable* children;
  Log* log;
  const UserProcess* user_process;  // how the user's processes are started
  Observer* observer;
  CommandTimes* commands = nullptr;  // or null: it is not recorded
  Marks* marks = nullptr;  // null only for what never looks for processes
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTEXT_H_
