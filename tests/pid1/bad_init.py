"""A deliberately bad init, for twins: forwards nothing, reaps only its own child, blocks on its log."""

import os
import sys

arguments = [word for word in sys.argv[1:] if word != "--"]
child = os.fork()
if child == 0:
    os.execvp(arguments[0], arguments)
status = os.waitpid(child, 0)[1]
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
