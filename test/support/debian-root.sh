#!/bin/sh
# Makes another release of Debian than this machine's own, once, in a cache outside of the checkout. The tests run its
# servers and tools in a view of this machine that has its /usr and /etc (test/support/debian.ts); nothing of it starts here.
# usage: debian-root.sh [RELEASE [where]]     RELEASE: 12 or 13, default: the one that this machine is not; where: only says
#                                             where it is, or would be
# POSTFERRY_TEST_CACHE: where, default: /var/cache/postferry-test
set -eu

other=13
! grep -qx 'VERSION_ID="13"' /etc/os-release || other=12
release=${1:-$other}
packages='dovecot-imapd dovecot-lmtpd dovecot-pop3d dovecot-sieve dovecot-managesieved dovecot-auth-lua lua-cjson lua-socket offlineimap3 postfix fail2ban openssl age gcc libc6-dev'
case $release in
  12) suite=bookworm packages="$packages postgresql-15" ;;
  13) suite=trixie packages="$packages postgresql-17" ;;
  *)
    echo 'usage: debian-root.sh [12|13 [where]]' >&2
    exit 64
    ;;
esac

cache=${POSTFERRY_TEST_CACHE:-/var/cache/postferry-test}
# Another script makes another root.
root=$cache/debian-$release-$(sha256sum <"$0" | cut -c 1-12)
if [ "${2-}" = where ]; then
  echo "$root"
  exit 0
fi
[ ! -d "$root" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "sudo sh test/support/debian-root.sh $release" >&2
  exit 69
fi
if ! command -v debootstrap >/dev/null; then
  echo "Debian $release cannot be made without debootstrap: apt-get install -y debootstrap" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$root.lock"
flock 9
[ ! -d "$root" ] || exit 0

work=$(mktemp -d "$root.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make() {
  debootstrap --variant=minbase "$suite" "$work/root" http://deb.debian.org/debian
  printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
  chmod 755 "$work/root/usr/sbin/policy-rc.d"
  echo "deb http://deb.debian.org/debian-security $suite-security main" >>"$work/root/etc/apt/sources.list"
  # Mounted where nobody else sees it, so that removing a root that was not finished removes nothing else.
  unshare --mount sh -euc '
    mount -t proc proc "$0/proc"
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    chroot "$0" apt-get update
    chroot "$0" apt-get -y upgrade
    chroot "$0" apt-get -y --no-install-recommends install "$@"
    chroot "$0" useradd --system --user-group --no-create-home --shell /usr/sbin/nologin postferry
  ' "$work/root" $packages
  rm -f "$work/root"/var/cache/apt/archives/*.deb
}

echo "Making Debian $release in $cache"
if ! make >"$work/log" 2>&1 </dev/null; then
  tail -n 40 "$work/log" >&2
  echo "Debian $release could not be made." >&2
  exit 69
fi
chmod 755 "$work/root"
mv "$work/root" "$root"
