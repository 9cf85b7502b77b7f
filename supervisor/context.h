// What everything that runs processes needs.
#ifndef REINIT_SUPERVISOR_CONTEXT_H_
#define REINIT_SUPERVISOR_CONTEXT_H_

#include "reaper/child_table.h"
#include "reaper/event_loop.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "supervisor/observer.h"

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
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTEXT_H_
