#!/bin/sh
# Makes another release of Debian than this machine's own, once (make-root.sh). The tests run its servers and tools in a
# view of this machine that has its /usr and /etc (test/support/debian.ts).
# usage: debian-root.sh [RELEASE [where]]     RELEASE: 12 or 13, default: the one that this machine is not; where: only says
#                                             where it is, or would be
set -eu
. "$(dirname "$0")/make-root.sh"

other=13
! grep -qx 'VERSION_ID="13"' /etc/os-release || other=12
release=${1:-$other}
packages='dovecot-imapd,dovecot-lmtpd,dovecot-pop3d,dovecot-sieve,dovecot-managesieved,dovecot-auth-lua,lua-cjson,lua-socket,offlineimap3,postfix,fail2ban,openssl,age,gcc,libc6-dev'
case $release in
  12) suite=bookworm packages="$packages,postgresql-15" ;;
  13) suite=trixie packages="$packages,postgresql-17" ;;
  *)
    echo 'usage: debian-root.sh [12|13 [where]]' >&2
    exit 64
    ;;
esac

root=$(root_for "debian-$release")
if [ "${2-}" = where ]; then
  echo "$root"
  exit 0
fi
make_root "$root" "$suite" "$packages" \
  --customize-hook='chroot "$1" useradd --system --user-group --no-create-home --shell /usr/sbin/nologin postferry'
