#!/bin/sh
# Makes a Debian that boots, once, in the cache of debian-root.sh: what lies above that root, with systemd and lintian.
# usage: package-root.sh 12|13 [where]     where: only says where it is, or would be
set -eu
here=$(cd "$(dirname "$0")" && pwd)
base=$(sh "$here/debian-root.sh" "$1" where)
layer=$base-boots-$(sha256sum <"$0" | cut -c 1-12)
if [ "${2-}" = where ]; then
  echo "$layer"
  exit 0
fi
[ ! -d "$layer" ] || exit 0
sh "$here/debian-root.sh" "$1"

exec 9>"$layer.lock"
flock 9
[ ! -d "$layer" ] || exit 0
work=$(mktemp -d "$layer.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make() {
  mkdir "$work/upper" "$work/work" "$work/root"
  unshare --mount sh -euc '
    mount -t overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
    mount -t proc proc "$1/root/proc"
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    chroot "$1/root" apt-get update
    chroot "$1/root" apt-get -y --no-install-recommends install systemd systemd-sysv dbus iproute2 lintian groff mandoc bash-completion
    # Servers start as on any Debian, but a package of ours finds no user of its own.
    chroot "$1/root" systemctl disable dovecot postfix fail2ban postgresql
    rm "$1/root/usr/sbin/policy-rc.d"
    chroot "$1/root" userdel postferry
  ' "$base" "$work"
  rm -f "$work"/upper/var/cache/apt/archives/*.deb
}

echo "Making a Debian $1 that boots in $layer"
if ! make >"$work/log" 2>&1 </dev/null; then
  tail -n 40 "$work/log" >&2
  echo "Debian $1 could not be made." >&2
  exit 69
fi
chmod 755 "$work/upper"
mv "$work/upper" "$layer"
