"""What a program reads about each account of a run: one line of JSON."""
import errno
import json
import socket
import ssl

from offlineimap import accounts
from offlineimap.folder.Maildir import MaildirFolder

from .replacing import replace
from .trees import imaplib2

FULL = {errno.ENOSPC, errno.EDQUOT}
BUSY = {'LIMIT', 'INUSE', 'UNAVAILABLE'}

_folders = _messages = 0


class Locked(Exception):
    """Another run is at work on the account."""


class NotOpened(Exception):
    """The account's credential cannot be opened, or not for that endpoint."""


class NotSignedIn(Exception):
    """The source answered the sign-in with something else than OK."""


def begin():
    global _folders, _messages
    _folders = _messages = 0


def line(account, reason):
    return json.dumps({'account': account, 'complete': reason is None, 'reason': reason,
                       'folders': _folders, 'messages': _messages})


def count_copies():
    def counted_folder(account, remotefolder, quick):
        global _folders
        syncfolder(account, remotefolder, quick)
        _folders += 1

    def counted_message(self, uid, msg, flags, rtime):
        global _messages
        known = uid in self.messagelist
        saved = savemessage(self, uid, msg, flags, rtime)
        if saved > 0 and not known:
            _messages += 1
            self.ui.info('postferry: brought %d bytes' % len(msg.as_bytes()))
        return saved
    syncfolder = replace(accounts, 'syncfolder', counted_folder)
    savemessage = replace(MaildirFolder, 'savemessage', counted_message)


def reason(errors, recreated, stopped):
    """The first cause that has a name; errors come with what they were raised from."""
    if stopped:
        return 'stopped'
    if recreated:
        return 'old-recreated'
    for error in errors:
        while isinstance(error, BaseException):
            name = _name(error)
            if name:
                return name
            error = error.__cause__ or error.__context__
    return 'error'


def _name(error):
    if isinstance(error, Locked):
        return 'locked'
    if isinstance(error, NotOpened):
        return 'endpoint-changed' if error.args == ('endpoint-changed',) else 'credential-unopened'
    if isinstance(error, NotSignedIn):
        return _answer(str(error))
    if isinstance(error, OSError) and error.errno in FULL:
        return 'new-full'
    if isinstance(error, PermissionError):
        return 'new-unwritable'
    if isinstance(error, ssl.SSLError):
        return 'old-tls'
    # imaplib2 raises errors of the network without a number, files always have one.
    if isinstance(error, OSError) and error.errno is None:
        return 'old-unreachable'
    if isinstance(error, (ConnectionError, TimeoutError, socket.gaierror, imaplib2.IMAP4.abort)):
        return 'old-unreachable'
    return None


def _answer(text):
    """What the source meant, by its response code alone (RFC 5530): its words are read by the check before a run."""
    code = text.partition('[')[2].partition(']')[0].upper()
    if code == 'AUTHENTICATIONFAILED':
        return 'credential-refused'
    return 'old-busy' if code in BUSY else 'old-no-sign-in'
