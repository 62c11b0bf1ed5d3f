#!/bin/sh
# Makes what is published of a tagged commit, in release/: npm package, Debian package, and checksums. It sends nothing anywhere.
# usage: git tag v1.2.3 && npm run release
set -eu
cd "$(dirname "$0")/.."

refuse() {
  echo "release: $1" >&2
  exit 65
}

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
[ -z "$(git status --porcelain)" ] || refuse 'something is not committed: git status'
[ "$(git tag --points-at HEAD "v$version")" ] || refuse "this commit is not v$version: git tag v$version"
grep -q "^## $version, [0-9]" CHANGELOG.md || refuse "CHANGELOG.md has no date for $version: \"## $version, 2027-01-31\""

npm run --silent build
rm -rf release
mkdir release
npm pack --silent --ignore-scripts --pack-destination release >/dev/null
sh build/with-node.sh node build/package.ts >/dev/null
cd release
sha256sum -- *.tgz *.deb >SHA256SUMS
ls -l
