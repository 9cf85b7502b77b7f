# shellcheck shell=bash
# Debian's Bazel 4.2.3 downloads nothing here: its dependencies come from apt. Sourced by tools/bazel.
#
# debian_install puts the packages on the machine; debian_rc prints the path of a bazelrc that overrides every external
# repository with an unpacked Debian source package, a package of Bazel rules, or a shim from third_party/shims.

debian_root=${REINIT_DEBIAN_ROOT:-}  # For tools/bazel_test.sh.
# shellcheck disable=SC2034  # Read by tools/bazel.
debian_bazel=$debian_root/usr/bin/bazel-4

# Package and a file that is there when it is installed: looking is faster than asking dpkg.
debian_packages=(
  "bazel-bootstrap /usr/bin/bazel-4"
  "bazel-rules-java /usr/share/bazel/rules/java/WORKSPACE"
  "bazel-rules-proto /usr/share/bazel/rules/proto/WORKSPACE"
  "bazel-skylib /usr/share/bazel/tools/skylib/WORKSPACE"
  "g++ /usr/bin/g++"
  "python3 /usr/bin/python3"
)

# Bazel repository, Debian source package/release, sha256 of its upstream tarball.
# All but Abseil are byte for byte the archives that WORKSPACE names; Abseil's is Debian's own tar of the same tag.
debian_sources=(
  "com_google_absl abseil/trixie df6d1f5ef540725f3851201176a60486aab332410788465c9877910bb471c34a"
  "com_google_googletest googletest/bookworm 81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2"
  "com_github_google_benchmark benchmark/bookworm 6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7"
  "com_github_cyan4973_xxhash xxhash/bookworm 3bb6b7d6f30c591dd65aaaff1c8b7a5b94d81687998ca9400082c739a690436c"
  "com_github_nghttp2 nghttp2/bookworm 6b71561a9950b4a90fa36aa3160763f1437f3730d7a12434e416aa3f4ab145e0"
)

debian_fail() {
  echo "tools/bazel: $*" >&2
  exit 1
}

debian_install() {
  local entry missing=()
  for entry in "${debian_packages[@]}"; do
    [[ -e $debian_root${entry#* } ]] || missing+=("${entry%% *}")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    debian_fail "needs Bazel 7 (for example through Bazelisk), or on Debian: apt-get install ${missing[*]}"
  fi
  echo "tools/bazel: installing ${missing[*]}" >&2
  # Slim images lack this folder, and Java's package fails without it.
  [[ -n $debian_root ]] || mkdir -p /usr/share/man/man1
  debian_apt install "${missing[@]}" 2>/dev/null ||
    { debian_apt update && debian_apt install "${missing[@]}"; } ||
    debian_fail "could not install ${missing[*]}"
}

# Waits for another apt at work; all output to stderr, since stdout may be the answer to a query.
debian_apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 "$@" >&2 </dev/null
}

# Prints the bazelrc, made once for each state of this file and third_party.
debian_rc() {
  local third_party key cache bundle
  third_party=$(dirname "$(dirname "${BASH_SOURCE[0]}")")/third_party
  key=$(find "$third_party" "${BASH_SOURCE[0]}" -type f -exec sha256sum {} + | cut -d' ' -f1 | sort | sha256sum | cut -c1-16)
  cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/reinit
  bundle=$cache/debian-$key
  if [[ ! -e $bundle ]]; then
    mkdir -p "$cache"
    # One at a time; the bundle appears whole, by rename, or not at all.
    (
      flock 9
      [[ -e $bundle ]] || debian_make_bundle "$cache" "$third_party" "$bundle"
    ) 9>"$cache/lock" || debian_fail "could not get the dependencies from apt"
  fi
  echo "$bundle/bazelrc"
}

# A subshell for its trap. The caller's `||` turns `set -e` off in here, so each step that can fail says what then.
debian_make_bundle() (
  cache=$1 third_party=$2 bundle=$3
  work=$(mktemp -d "$cache/work.XXXXXX") || exit
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/bundle" && cp -r "$third_party/shims" "$work/bundle/shims" || exit
  repositories=(
    "rules_cc $bundle/shims/rules_cc"
    "platforms $bundle/shims/platforms"
    "remote_coverage_tools $bundle/shims/remote_coverage_tools"
    "rules_java /usr/share/bazel/rules/java"
    "rules_proto /usr/share/bazel/rules/proto"
    "bazel_skylib /usr/share/bazel/tools/skylib"
  )
  for entry in "${debian_sources[@]}"; do
    read -r name package sha256 <<<"$entry"
    [[ -e $cache/$sha256.tar ]] || debian_download "$work" "$package" "$sha256" "$cache/$sha256.tar" || exit
    mkdir "$work/bundle/$name" &&
      tar -xf "$cache/$sha256.tar" -C "$work/bundle/$name" --strip-components=1 || exit
    if [[ -e $third_party/$name.BUILD ]]; then
      cp "$third_party/$name.BUILD" "$work/bundle/$name/BUILD.bazel" && touch "$work/bundle/$name/WORKSPACE" || exit
    fi
    repositories+=("$name $bundle/$name")
  done
  for entry in "${repositories[@]}"; do
    for command in build fetch query; do
      echo "$command --override_repository=${entry/ /=}"
    done
  done >"$work/bundle/bazelrc" || exit
  mv -T "$work/bundle" "$bundle"
)

# Downloads the upstream tarball of a source package as TARGET, whichever mirror this machine's apt uses.
debian_download() {
  local work=$1 package=$2 sha256=$3 target=$4
  local apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  if [[ ! -d $work/sources ]]; then
    echo "tools/bazel: getting source packages through apt" >&2
    mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial"
    debian_source_lists "$work/sources"
    # An entry of a third party without our releases fails here and does not matter.
    "${apt[@]}" update >&2 || true
  fi
  mkdir "$work/download" &&
    (cd "$work/download" && "${apt[@]}" source --download-only --tar-only "$package" >&2) &&
    sha256sum --quiet -c <<<"$sha256  $(echo "$work"/download/*.orig.tar.*)" >&2 &&
    mv "$work"/download/*.orig.tar.* "$target" &&
    rm -r "$work/download"
}

# Writes deb-src entries for the releases that debian_sources uses, made from this machine's own deb entries for Debian's main:
# same addresses, keys and options.
debian_source_lists() {
  local out=$1 file
  find "$debian_root/etc/apt" -name '*.list' -exec awk '
    $1 == "deb" && match($0, /^deb[ \t]+(\[[^]]*\][ \t]+)?[^ \t]+[ \t]+/) {
      start = substr($0, 4, RLENGTH - 3); $0 = substr($0, RLENGTH + 1)
      if ($1 ~ /^(bookworm|trixie|forky|(old)*stable|testing|unstable|sid)$/ && / main( |$)/)
        print "deb-src" start "trixie main\ndeb-src" start "bookworm main"
    }' {} + | sort -u >"$out/machine.list"
  for file in "$debian_root"/etc/apt/sources.list.d/*.sources; do
    [[ -e $file ]] || continue
    # Paragraphs of fields; a field goes on in lines that start with a space (a key may stand in Signed-By).
    awk -v RS= '
      tolower($0) ~ /(^|\n)enabled:[ \t]*(no|false|off|0)/ { next }
      !/(^|\n)Types:[^\n]*deb([ \t\n]|$)/ { next }
      !/(^|\n)Suites:([^\n]*[ \t])?(bookworm|trixie|forky|(old)*stable|testing|unstable|sid)([ \t\n]|$)/ { next }
      !/(^|\n)Components:([^\n]*[ \t])?main([ \t\n]|$)/ { next }
      {
        n = split($0, line, "\n"); keep = 1
        for (i = 1; i <= n; i++) {
          if (line[i] !~ /^[ \t#]/) keep = line[i] !~ /^(Types|Suites|Components):/
          if (keep && line[i] !~ /^#/) print line[i]
        }
        print "Types: deb-src\nSuites: trixie bookworm\nComponents: main\n"
      }' "$file" >"$out/$(basename "$file")"
  done
}
