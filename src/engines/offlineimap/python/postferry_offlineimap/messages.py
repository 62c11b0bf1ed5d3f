"""Messages: their bytes, dates and order."""
import os
import socket
import time

from offlineimap.folder import Base
from offlineimap.folder.Maildir import MaildirFolder

from . import names
from .replacing import replace


class _Untouched:
    """A message as the source sent it, where OfflineIMAP expects a parsed one."""
    defects = ()
    received = None

    def __init__(self, content):
        self._content = content

    def as_bytes(self, policy=None):
        return self._content

    def as_string(self, policy=None):
        return self._content.decode('latin-1')


class _NoParser:
    def __init__(self, policy=None):
        pass

    def parsebytes(self, content):
        return _Untouched(content)


def bytes_untouched():
    """Python's email package rewrites or refuses messages: `From ` lines, bare CR, 8-bit and broken headers."""
    replace(Base, 'BytesParser', _NoParser)


def dates_kept():
    """INTERNALDATE is the file's time for Dovecot, and OfflineIMAP drops it. Set before Dovecot can see the file."""
    def dated_savemessage(self, uid, msg, flags, rtime):
        msg.received = rtime
        return savemessage(self, uid, msg, flags, rtime)

    def dated_file(self, filename, msg, policy=None):
        name = save_to_tmp_file(self, filename, msg, policy)
        if msg.received is None:
            self.ui.warn('%s has no date on the old server' % filename)
        else:
            os.utime(os.path.join(self.getfullname(), name), (msg.received, msg.received))
        return name
    savemessage = replace(MaildirFolder, 'savemessage', dated_savemessage)
    save_to_tmp_file = replace(MaildirFolder, 'save_to_tmp_file', dated_file)


_copied = 0


def order_kept():
    """Dovecot numbers new files by the time in their names: OfflineIMAP's are alike within a second."""
    def new_message_filename(self, uid, flags=None, date=None):
        global _copied
        _copied += 1
        host = socket.gethostname().replace('/', '\\057').replace(':', '\\072')
        now = time.time_ns() // 1000
        unique = '%d.M%06dP%dQ%d.%s' % (now // 1000000, now % 1000000, os.getpid(), _copied, host)
        return names.message_file(unique, uid, self.getvisiblename(), flags or ())
    replace(MaildirFolder, 'new_message_filename', new_message_filename)
