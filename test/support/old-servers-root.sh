#!/bin/sh
# Makes a Debian 12 with old servers that are not Dovecot, once, in the cache that debian-root.sh uses; test/support/within.sh
# enters it. Nothing of it starts here.
# usage: old-servers-root.sh [where]     where: only says where it is, or would be
set -eu

packages='courier-imap courier-pop courier-authlib-userdb cyrus-common sasl2-bin isync procps'
cache=${POSTFERRY_TEST_CACHE:-/var/cache/postferry-test}
# Another script makes another root.
root=$cache/old-servers-$(sha256sum <"$0" | cut -c 1-12)
if [ "${1-}" = where ]; then
  echo "$root"
  exit 0
fi
[ ! -d "$root" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
  echo 'as root, with debootstrap: sh test/support/old-servers-root.sh' >&2
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

make() (
  set -eu
  debootstrap --variant=minbase bookworm "$work/root" http://deb.debian.org/debian
  printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
  chmod 755 "$work/root/usr/sbin/policy-rc.d"
  # Mounted where nobody else sees it, so that removing a root that was not finished removes nothing else.
  unshare --mount sh -euc '
    mount -t proc proc "$0/proc"
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    chroot "$0" apt-get update
    chroot "$0" apt-get -y --no-install-recommends install "$@"
    # Debian lets nobody have two IMAP servers: of the second one only the files.
    chroot "$0" sh -c "cd /tmp && apt-get download cyrus-imapd cyrus-pop3d && for deb in cyrus-*.deb; do dpkg -x \$deb /; rm \$deb; done"
  ' "$work/root" $packages
  rm -f "$work/root"/var/cache/apt/archives/*.deb
)

echo "Making old servers in $cache"
make >"$work/log" 2>&1 </dev/null &
if ! wait $!; then
  tail -n 40 "$work/log" >&2
  echo 'The old servers could not be made.' >&2
  exit 69
fi
chmod 755 "$work/root"
mv "$work/root" "$root"
