"""What a run that was cut off left on the destination: files that the status does not know."""
import os
import re

from offlineimap import imaputil
from offlineimap.folder.IMAP import IMAPFolder
from offlineimap.folder.Maildir import MaildirFolder

from .replacing import replace

AT_ONCE = 500
_UID = re.compile(rb'\bUID (\d+)', re.IGNORECASE)
_SIZE = re.compile(rb'\bRFC822\.SIZE (\d+)', re.IGNORECASE)


def whole_or_copied_again():
    """OfflineIMAP trusts a file's name: after a power cut it may be there with less than the message, or nothing.

    Such a file is replaced by the message. Some servers tell wrong sizes: what has another size or date than
    the source says is fetched, and stays when it is the message.
    """
    def syncmessagesto(self, dstfolder, statusfolder):
        dstfolder.doubted = {}
        unknown = [uid for uid in self.getmessageuidlist()
                   if dstfolder.uidexists(uid) and not statusfolder.uidexists(uid)]
        for start in range(0, len(unknown), AT_ONCE):
            uids = unknown[start:start + AT_ONCE]
            sizes = _sizes(self, uids)
            for uid in uids:
                path = _path(dstfolder, uid, dstfolder.messagelist[uid])
                if path and not _agrees(path, sizes.get(uid), self.getmessagetime(uid)):
                    dstfolder.doubted[uid] = dstfolder.messagelist.pop(uid)
        synced(self, dstfolder, statusfolder)

    def savemessage(self, uid, msg, flags, rtime):
        left = self.doubted.pop(uid, None)
        if left is None:
            return saved(self, uid, msg, flags, rtime)
        path, content = _path(self, uid, left), msg.as_bytes()
        if path is None or (_agrees(path, len(content), rtime) and _content(path) == content):
            self.messagelist[uid] = left
            return uid
        os.unlink(path)
        return saved(self, uid, msg, flags, rtime)
    synced = replace(IMAPFolder, 'syncmessagesto', syncmessagesto)
    saved = replace(MaildirFolder, 'savemessage', savemessage)


def _sizes(folder, uids):
    imapobj = folder.imapserver.acquireconnection()
    try:
        imapobj.select(folder.getfullIMAPname())
        _, answers = imapobj.uid('FETCH', imaputil.uid_sequence(uids), '(RFC822.SIZE)')
    finally:
        folder.imapserver.releaseconnection(imapobj)
    pairs = [(_UID.search(answer), _SIZE.search(answer)) for answer in answers if isinstance(answer, bytes)]
    return {int(uid[1]): int(size[1]) for uid, size in pairs if uid and size}


def _path(folder, uid, left):
    """Its mail program may rename it meanwhile; None when the person has removed it."""
    if not os.path.exists(os.path.join(folder.getfullname(), left['filename'])):
        now = folder._scanfolder().get(uid)
        if now is None:
            return None
        left['filename'] = now['filename']
    return os.path.join(folder.getfullname(), left['filename'])


def _agrees(path, size, date):
    status = os.stat(path)
    return status.st_size == size and date in (None, status.st_mtime)


def _content(path):
    with open(path, 'rb') as file:
        return file.read()
