#!/bin/sh
# Starts an old server beside the new one of a Debian that was booted for it, in a network of its own: Dovecot as
# imap.old.example, where anna has a message, and Postfix as mx.old.example.
set -eu

ip netns add old
ip link add old type veth peer name eth0 netns old
ip address add 192.0.2.1/24 dev old
ip link set old up
ip -n old address add 192.0.2.2/24 dev eth0
ip -n old link set eth0 up
ip -n old link set lo up
echo '192.0.2.2 imap.old.example mx.old.example' >>/etc/hosts

mkdir -p /srv/old/mail
useradd --system oldmail
chown oldmail: /srv/old/mail
cd /srv/old

# Certificates as from an authority that everybody trusts.
{
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out /usr/local/share/ca-certificates/old.crt -subj '/CN=CA' -days 99
  openssl req -newkey rsa:2048 -nodes -keyout key -out request -subj '/CN=imap.old.example' \
    -addext 'subjectAltName = DNS:imap.old.example, DNS:mx.old.example'
  openssl x509 -req -in request -copy_extensions copy -CA /usr/local/share/ca-certificates/old.crt -CAkey ca.key -days 99 -out cert
  update-ca-certificates
} >log 2>&1

echo 'anna@old.example:{PLAIN}secret of anna' >passwd
case $(dovecot --version) in
  2.3.*)
    cat >dovecot.conf <<'END'
mail_location = maildir:~
ssl_cert = </srv/old/cert
ssl_key = </srv/old/key
passdb {
  driver = passwd-file
  args = /srv/old/passwd
}
userdb {
  driver = static
  args = uid=oldmail gid=oldmail home=/srv/old/mail/%u
}
END
    ;;
  *)
    cat >dovecot.conf <<'END'
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_username_chars = abcdefghijklmnopqrstuvwxyz@.
mail_driver = maildir
mail_path = ~
ssl_server_cert_file = /srv/old/cert
ssl_server_key_file = /srv/old/key
passdb passwd-file {
  passwd_file_path = /srv/old/passwd
}
userdb static {
  fields {
    uid = oldmail
    gid = oldmail
    home = /srv/old/mail/%{user}
  }
}
END
    ;;
esac
cat >>dovecot.conf <<'END'
base_dir = /run/old
first_valid_uid = 100
log_path = /srv/old/log
protocols = imap
END
# It would keep the output of whoever starts it open.
ip netns exec old dovecot -c /srv/old/dovecot.conf >/dev/null 2>&1
printf 'From: ben@old.example\nSubject: hello\n\nIt has come across.\n' |
  doveadm -c /srv/old/dovecot.conf save -u anna@old.example

mkdir -p postfix data queue
chown postfix: data
# No chroot.
awk '/^[a-z]/ { $5 = "n" } { print }' /etc/postfix/master.cf >postfix/master.cf
cat >postfix/main.cf <<END
compatibility_level = 3.6
queue_directory = /srv/old/queue
data_directory = /srv/old/data
multi_instance_enable = no
maillog_file = /srv/old/mail.log
maillog_file_prefixes = /srv/old
myhostname = mx.old.example
mydestination =
virtual_mailbox_domains = old.example
virtual_mailbox_maps = inline:{ anna@old.example=anna@old.example/ }
virtual_mailbox_base = /srv/old/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u oldmail)
virtual_gid_maps = static:$(id -g oldmail)
smtpd_tls_security_level = may
smtpd_tls_cert_file = /srv/old/cert
smtpd_tls_key_file = /srv/old/key
END
ip netns exec old postfix -c /srv/old/postfix start >>log 2>&1
