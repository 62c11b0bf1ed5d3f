#!/bin/sh
# Runs a command with the Node that comes with `npm ci` first in PATH, for itself and for whatever it starts: the
# machine's own may be too old.  usage: sh build/with-node.sh COMMAND [ARGS…], in this checkout
# npm installs the package of this machine's processor alone. Its link in node_modules/.bin is missing with most versions
# of npm, because the packages of all processors call their command the same.
for node in "$PWD"/node_modules/node-linux-*/bin/node; do :; done
if [ ! -x "$node" ]; then
  echo 'No Node is installed here for this processor: run npm ci, with optional packages, on Linux (x64 or arm64).' >&2
  exit 69
fi
PATH=${node%/*}:$PATH exec "$@"
