#!/bin/bash
# The first act runs before the C library: it needs nothing but the library's own start.
set -euo pipefail
needed=$(nm --undefined-only "$@" | awk '$1 == "U" { print $2 }' | grep -v '^_GLOBAL_OFFSET_TABLE_$' | sort -u)
[[ $needed == _start ]] || { echo "the first act needs: ${needed:-not even _start}"; exit 1; }
