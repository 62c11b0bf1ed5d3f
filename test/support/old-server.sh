#!/bin/sh
# Starts an old server beside the new one of a Debian that was booted for it: a Dovecot on port 10143, where anna has a
# message.
set -eu
mkdir -p /srv/old/mail
useradd --system oldmail
chown oldmail: /srv/old/mail
echo 'anna@old.example:{PLAIN}secret of anna' >/srv/old/passwd
case $(dovecot --version) in
  2.3.*)
    cat >/srv/old/dovecot.conf <<'END'
disable_plaintext_auth = no
mail_location = maildir:~
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = 10143
  }
}
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
    cat >/srv/old/dovecot.conf <<'END'
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
auth_username_chars = abcdefghijklmnopqrstuvwxyz@.
mail_driver = maildir
mail_path = ~
service imap-login {
  inet_listener imap {
    listen = 127.0.0.1
    port = 10143
  }
}
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
cat >>/srv/old/dovecot.conf <<'END'
base_dir = /run/old
first_valid_uid = 100
log_path = /srv/old/log
protocols = imap
ssl = no
END
dovecot -c /srv/old/dovecot.conf
printf 'From: ben@old.example\nSubject: hello\n\nIt has come across.\n' |
  doveadm -c /srv/old/dovecot.conf save -u anna@old.example
