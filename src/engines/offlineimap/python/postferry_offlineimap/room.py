"""Room on the destination's disks that is not ours: new mail has to find some, and so has the database."""
import errno
import os

from offlineimap.folder.Maildir import MaildirFolder

from . import settings
from .replacing import replace


def some_left():
    """OfflineIMAP filled the disk to its last byte: nobody got new mail or could sign in any more."""
    def savemessage(self, uid, msg, flags, rtime):
        if uid not in self.messagelist:
            _refuse(self.getfullname(), len(msg.as_bytes()))
        return stock(self, uid, msg, flags, rtime)
    stock = replace(MaildirFolder, 'savemessage', savemessage)


def _refuse(home, size):
    kept = settings.general('postferry_keep_free', None)
    if not kept:
        return
    for folder in [home] + kept['folders']:
        try:
            status = os.statvfs(folder)
        except OSError:
            continue  # It is on another host, or not for this user to see: nothing of it is filled here.
        floor = min(status.f_blocks * status.f_frsize * kept['percent'] / 100, kept['bytes'])
        if status.f_bavail * status.f_frsize - size < floor:
            raise OSError(errno.ENOSPC, 'the rest of the disk is kept free', folder)
