#!/bin/sh
# Gets the real servers and tools that tests and demo run: from Debian, when this is root; otherwise says how.
# usage: install-servers.sh [panel]     panel: also what the panel is tested with, a browser and a reverse proxy
set -eu

packages='dovecot-imapd dovecot-lmtpd dovecot-pop3d dovecot-sieve dovecot-managesieved dovecot-auth-lua dovecot-pgsql lua-cjson lua-socket offlineimap3 openssl age gcc libc6-dev postfix postfix-pgsql fail2ban mmdebstrap prometheus dnsmasq-base systemd groff-base iproute2 libfaketime'
case $(. /etc/os-release && echo "$ID$VERSION_ID") in
  debian13) packages="$packages postgresql-17" ;;
  *) packages="$packages postgresql-15" ;;
esac
[ "${1-}" != panel ] || packages="$packages chromium fonts-dejavu-core nginx-light"

if ! command -v dpkg-query >/dev/null; then
  echo "The tests and the demo need these packages of Debian 12 or 13: $packages" >&2
  exit 69
fi

# Whom postferry's own PostgreSQL, and the demo, run as for root.
if [ "$(id -u)" -eq 0 ] && ! getent passwd postferry >/dev/null; then
  useradd --system --user-group --no-create-home --shell /usr/sbin/nologin postferry
fi

here=$(dpkg-query -W -f='${db:Status-Status}:${Package}\n' $packages 2>/dev/null || true)
missing=
for package in $packages; do
  echo "$here" | grep -qx "installed:$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "sudo apt-get install -y$missing"
  exit 69
fi

fresh=
[ -e /usr/sbin/dovecot ] || fresh="$fresh dovecot.service dovecot.socket"
[ -e /usr/lib/postgresql ] || fresh="$fresh postgresql.service"
[ -e /usr/sbin/postfix ] || fresh="$fresh postfix.service"
[ -e /usr/bin/prometheus ] || fresh="$fresh prometheus.service"
[ -e /usr/bin/fail2ban-server ] || fresh="$fresh fail2ban.service"
[ "${1-}" != panel ] || [ -e /usr/sbin/nginx ] || fresh="$fresh nginx.service"

work=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
trap 'rm -rf "$work"; [ -z "${our_policy-}" ] || rm -f "$policy"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Debian starts a server as soon as it is installed, unless this says no. An existing one is the administrator's.
if [ ! -e "$policy" ]; then
  our_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

install() {
  apt-get -q update || echo 'Some package lists could not be renewed.'
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install $missing
}

echo "Installing from Debian:$missing"
if ! install >"$work/log" 2>&1 </dev/null; then
  cat "$work/log" >&2
  echo 'The packages could not be installed.' >&2
  exit 69
fi

# Nor is it to run from the next boot on: the tests start their own.
if [ -d /run/systemd/system ] && [ -n "$fresh" ]; then
  systemctl --quiet disable $fresh || true
fi
