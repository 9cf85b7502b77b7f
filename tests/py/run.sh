#!/bin/sh
# Runs a Python program of this repository under Bazel: the first argument is its path below the runfiles, which Bazel
# makes the working directory. A shell rule, since py_test needs a Python toolchain set up differently by each Bazel.
command -v python3 >/dev/null || PATH=$PATH:/usr/bin:/usr/local/bin
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH="$PWD/tests/py:$PWD/tests/container:$PWD/tests/pid1:$PWD/tests/bench:$PWD/tests/servers:$PWD/tests/layers"
exec python3 "$@"
