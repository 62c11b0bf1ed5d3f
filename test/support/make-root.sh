# Makes a root of a Debian once, in a cache outside of the checkout; nothing of it starts here. To be sourced, by a script
# with `set -eu` that then calls root_for and make_root.
# POSTFERRY_TEST_CACHE: where, default: /var/cache/postferry-test
here=$(cd "$(dirname "$0")" && pwd)
cache=${POSTFERRY_TEST_CACHE:-/var/cache/postferry-test}

# root_for NAME: says where it is, or would be. Another script makes another root.
root_for() {
  echo "$cache/$1-$(cat "$0" "$here/make-root.sh" | sha256sum | cut -c 1-12)"
}

# make_root ROOT bookworm|trixie PACKAGES [OPTION of mmdebstrap…]
make_root() {
  root=$1 suite=$2 packages=$3
  shift 3
  [ ! -d "$root" ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v mmdebstrap >/dev/null; then
    echo "As root, with Debian's mmdebstrap: sh $0" >&2
    exit 69
  fi
  mkdir -p "$cache"
  exec 9>"$root.lock"
  flock 9
  [ ! -d "$root" ] || return 0

  work=$(mktemp -d "$root.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  echo "Making $root"
  # It is thrown away when it does not become whole: nothing waits for the disk.
  if ! mmdebstrap --mode=root --variant=minbase --include="$packages" --dpkgopt=force-unsafe-io \
    --skip=cleanup/apt/lists,cleanup/reproducible "$@" \
    "$suite" "$work/root" \
    "deb http://deb.debian.org/debian $suite main" \
    "deb http://deb.debian.org/debian-security $suite-security main" >"$work/log" 2>&1 </dev/null; then
    tail -n 40 "$work/log" >&2
    echo "$root could not be made." >&2
    exit 69
  fi
  printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
  chmod 755 "$work/root" "$work/root/usr/sbin/policy-rc.d"
  mv "$work/root" "$root"
}
