#!/bin/sh
# Tells every story that talks to a destination as on a Debian 12 and as on a Debian 13: with their Dovecot, Postfix,
# OfflineIMAP, Python and PostgreSQL. The old server stays Debian 12's. Then much is sent to the auth API, attempts are
# interrupted, the Debian package is installed on both, hosts fail, and many people are flipped on both.
# usage: soak.sh [FILE…]     default: all such files
set -eu
cd "$(dirname "$0")/../.."

# These ask no Dovecot, or start both Debians' servers themselves.
alone='test/http/fuzz.test.ts test/soak/interrupted.ts test/soak/package.ts test/soak/hosts.ts test/soak/flips.ts test/soak/flips-killed.ts'
# The panel's stories want a browser, and ask no Dovecot.
[ $# -gt 0 ] || set -- test/soak/storages.ts test/soak/large.ts $(ls test/deploy/dovecot-*.test.ts test/engines/offlineimap/*.test.ts test/e2e/*.test.ts | grep -v /panel-) $alone
once='' both=''
for file; do
  case " $alone " in
    *" $file "*) once="$once $file" ;;
    *) both="$both $file" ;;
  esac
done

for release in 12 13; do
  sh test/support/debian-root.sh "$release"
done
sh test/support/old-servers-root.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
status=0
for release in 12 13; do
  [ -n "$both" ] || break
  echo "# As on Debian $release"
  # Users have other numbers on each: what is left of the one is not for the other.
  mkdir -m 1777 "$work/$release"
  TMPDIR=$work/$release POSTFERRY_SOAK=1 sh test/support/within.sh "$(sh test/support/debian-root.sh "$release" where)" \
    sh build/with-node.sh node node_modules/.bin/tap run $both || status=1
done
[ -z "$once" ] || POSTFERRY_SOAK=1 sh build/with-node.sh node node_modules/.bin/tap run $once || status=1
exit $status
