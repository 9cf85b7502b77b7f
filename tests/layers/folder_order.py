"""The order of the folders: each may include from itself and from those below it. CONTRIBUTING.md describes each."""

import fnmatch
import os

# Top first. A folder, or some files of it: "supervisor/" has two places, the class that uses all other folders, and the
# plain values that those share.
ORDER = (
    "cmd",
    "cmd/plan",
    "cmd/reference",
    "cmd/flags",
    "cmd/personality",
    "supervisor/status_server",
    "supervisor/control",
    "supervisor/workers",
    "supervisor/supervisor*",
    "supervisor/inbox",
    "supervisor/ending",
    "supervisor/run",
    "supervisor/change",
    "supervisor/action",
    "supervisor/strategy",
    "supervisor/strategy/rules",
    "supervisor/notify",
    "supervisor/process",
    "supervisor/output",
    "supervisor/helper",
    "supervisor/side",
    "supervisor",
    "supervisor/watch",
    "supervisor/watch/tree",
    "supervisor/probe",
    "supervisor/socket",
    "supervisor/watch/filter",
    "supervisor/value",
    "reaper/first_act",
    "reaper",
    "reaper/self",
    "reaper/value",
)


def place(path):
    """Where in ORDER the file `path` is: 0 is the top. None if its folder is not in the list."""
    folder, name = os.path.split(path)
    for at, entry in enumerate(ORDER):
        if entry == folder or ("*" in entry and os.path.dirname(entry) == folder
                               and fnmatch.fnmatchcase(name, os.path.basename(entry))):
            return at
    return None
