#!/bin/sh
# Makes a Debian 12 with old servers that are not Dovecot, once (make-root.sh); test/support/within.sh enters it.
# usage: old-servers-root.sh [where]     where: only says where it is, or would be
set -eu
. "$(dirname "$0")/make-root.sh"

root=$(root_for old-servers)
if [ "${1-}" = where ]; then
  echo "$root"
  exit 0
fi
# Debian lets nobody have two IMAP servers: of the second one only the files.
make_root "$root" bookworm courier-imap,courier-pop,courier-authlib-userdb,cyrus-common,sasl2-bin,isync,procps \
  --customize-hook='cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download cyrus-imapd cyrus-pop3d' \
  --customize-hook='for deb in "$1"/tmp/cyrus-*.deb; do dpkg -x "$deb" "$1"; rm "$deb"; done'
