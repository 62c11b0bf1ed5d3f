#!/bin/sh
# Runs a program as on the Debian of which ROOT has /usr and /etc (debian-root.sh). All else is this machine's: temp
# folders, the checkout, devices, processes.
# usage: within.sh ROOT PROGRAM [ARGUMENT…]
set -eu
root=$1
shift
# The shell that mounts is this machine's, what it becomes is the other's. The namespace ends with the last of its processes.
exec unshare --mount sh -euc 'mount --bind "$0/usr" /usr && mount --bind "$0/etc" /etc && exec "$@"' "$root" "$@"
