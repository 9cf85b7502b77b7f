#!/bin/bash
# Tests tools/bazel and tools/debian.sh against fake Bazels, in a copy of the tree.
set -euo pipefail

tree=$TEST_TMPDIR/tree
mkdir -p "$tree/tools" "$TEST_TMPDIR/bin"
cp -L tools/bazel tools/debian.sh tools/*.bazelrc "$tree/tools"
for shim in rules_cc platforms remote_coverage_tools; do
  mkdir -p "$tree/third_party/shims/$shim"
  touch "$tree/third_party/shims/$shim/WORKSPACE"
done

# A Bazel that says its version and what it was called with.
# shellcheck disable=SC2016
fake_bazel() {
  mkdir -p "$(dirname "$1")"
  printf '#!/bin/bash\nif [[ $1 == --version ]]; then echo "bazel %s"; else echo "%s:$*"; fi\n' "$2" "$2" >"$1"
  chmod +x "$1"
}

# A launcher like Debian's or Bazelisk: calls tools/bazel with BAZEL_REAL.
fake_launcher() {
  printf '#!/bin/bash\nBAZEL_REAL=%s exec %s "$@"\n' "$2" "$tree/tools/bazel" >"$1"
  chmod +x "$1"
}

failures=0
expect() {
  local what=$1 pattern=$2 answer=$3
  # shellcheck disable=SC2053  # A pattern, on purpose.
  if [[ $answer != $pattern ]]; then
    echo "FAILED: $what: expected $pattern, got: $answer"
    failures=$((failures + 1))
  fi
}

export PATH=$TEST_TMPDIR/bin:/usr/bin:/bin
export XDG_CACHE_HOME=$TEST_TMPDIR/cache
export REINIT_DEBIAN_ROOT=$TEST_TMPDIR/debian
unset BAZEL_REAL
wrapper=$tree/tools/bazel
fake_bazel "$TEST_TMPDIR/real-7" 7.4.1
fake_bazel "$TEST_TMPDIR/real-8" 8.0.0
fake_bazel "$REINIT_DEBIAN_ROOT/usr/bin/bazel-4" no_version
fake_launcher "$TEST_TMPDIR/bin/bazelisk" /usr/bin/bazel-none
fake_launcher "$TEST_TMPDIR/bin/bazel" /usr/bin/bazel-none

# Nothing but Debian's Bazel, and packages missing. apt-get is a fake that "installs" by touching the files.
cat >"$TEST_TMPDIR/bin/apt-get" <<'APT'
#!/bin/bash
echo "apt: $*" >>"$TEST_TMPDIR/apt.log"
[[ " $* " == *" install "* ]] || exit 0
for file in usr/share/bazel/{rules/java,rules/proto,tools/skylib}/WORKSPACE usr/bin/g++ usr/bin/python3; do
  mkdir -p "$(dirname "$REINIT_DEBIAN_ROOT/$file")"
  touch "$REINIT_DEBIAN_ROOT/$file"
done
APT
chmod +x "$TEST_TMPDIR/bin/apt-get"
# The source packages are there already, so that no real apt is needed.
mkdir -p "$XDG_CACHE_HOME/reinit" "$TEST_TMPDIR/source/x"
touch "$TEST_TMPDIR/source/x/WORKSPACE"
while read -r sha256; do
  tar -cf "$XDG_CACHE_HOME/reinit/$sha256.tar" -C "$TEST_TMPDIR/source" x
done < <(grep -oE '\b[0-9a-f]{64}\b' tools/debian.sh)

if ((EUID == 0)); then
  expect "installs as root" "no_version:--bazelrc=*/bazelrc test //..." "$("$wrapper" test //... 2>/dev/null)"
  expect "what is missing" "*install bazel-rules-java bazel-rules-proto bazel-skylib g++ python3" "$(cat "$TEST_TMPDIR/apt.log")"
  : >"$TEST_TMPDIR/apt.log"
else
  expect "says what is missing" "*apt-get install bazel-rules-java *" "$("$wrapper" test //... 2>&1 || true)"
  "$TEST_TMPDIR/bin/apt-get" install
  : >"$TEST_TMPDIR/apt.log"
fi

answer=$("$wrapper" test //... 2>&1)
expect "Debian's Bazel gets overrides" "no_version:--bazelrc=*/bazelrc test //..." "$answer"
rc=${answer#*--bazelrc=}
rc=${rc%% *}
for repository in com_google_absl com_google_googletest com_github_google_benchmark rules_cc platforms; do
  path=$(sed -n "s/^build --override_repository=$repository=//p" "$rc")
  expect "override of $repository exists" "yes" "$([[ -e $path/WORKSPACE ]] && echo yes)"
done
expect "the usual call needs no apt" "" "$(cat "$TEST_TMPDIR/apt.log")"

# Two at the same time, on an empty cache, get the same.
rm -rf "$(dirname "$rc")"
"$wrapper" info >"$TEST_TMPDIR/one" &
"$wrapper" info >"$TEST_TMPDIR/two"
wait $!
expect "concurrent calls agree" "$(cat "$TEST_TMPDIR/one")" "$(cat "$TEST_TMPDIR/two")"
expect "no litter" "" "$(find "$XDG_CACHE_HOME/reinit" -name 'work.*')"

expect "Debian's launcher" "no_version:--bazelrc=*/bazelrc info" "$("$TEST_TMPDIR/bin/bazel" info 2>&1)"
fake_launcher "$TEST_TMPDIR/bin/bazelisk" "$TEST_TMPDIR/real-7"
expect "Bazelisk in PATH" "7.4.1:--bazelrc=$tree/tools/bazel-7.bazelrc info x" "$("$wrapper" info x 2>&1)"
expect "called by Bazelisk" "7.4.1:--bazelrc=$tree/tools/bazel-7.bazelrc info" "$("$TEST_TMPDIR/bin/bazelisk" info 2>&1)"
expect "BAZEL_REAL first" "8.0.0:--bazelrc=$tree/tools/bazel-8.bazelrc info" "$(BAZEL_REAL=$TEST_TMPDIR/real-8 "$wrapper" info 2>&1)"
rm "$TEST_TMPDIR/bin/bazelisk"
fake_bazel "$TEST_TMPDIR/bin/bazel" 6.5.0
expect "a Bazel that needs nothing" "6.5.0:info" "$("$wrapper" info 2>&1)"

# Source lists from both of apt's formats; third parties, other pockets and what is turned off do not count.
mkdir -p "$REINIT_DEBIAN_ROOT/etc/apt/sources.list.d" "$TEST_TMPDIR/lists"
cat >"$REINIT_DEBIAN_ROOT/etc/apt/sources.list" <<'LIST'
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib
deb http://one.example/debian bookworm-updates main
deb http://one.example/security bookworm-security main
deb http://vendor.example/apt vendor main
LIST
cat >"$REINIT_DEBIAN_ROOT/etc/apt/sources.list.d/debian.sources" <<'SOURCES'
Types: deb deb-src
# Comment.
URIs: http://two.example/debian
 http://three.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://two.example/security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
SOURCES
(
  # shellcheck source=tools/debian.sh
  source "$tree/tools/debian.sh"
  debian_source_lists "$TEST_TMPDIR/lists"
)
expect "one-line lists" "deb-src \[arch=amd64 signed-by=/k.gpg\] http://one.example/debian bookworm main
deb-src \[arch=amd64 signed-by=/k.gpg\] http://one.example/debian trixie main" "$(cat "$TEST_TMPDIR/lists/machine.list")"
expect "deb822 lists" "URIs: http://two.example/debian
 http://three.example/debian
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
Types: deb-src
Suites: trixie bookworm
Components: main" "$(cat "$TEST_TMPDIR/lists/debian.sources")"

exit $((failures > 0))
