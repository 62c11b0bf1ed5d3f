"""What OfflineIMAP's status calls copied is on the destination's disk."""
import ctypes
import os
import time
from contextlib import suppress

from offlineimap.folder.Base import BaseFolder
from offlineimap.folder.LocalStatusSQLite import LocalStatusSQLiteFolder
from offlineimap.folder.Maildir import MaildirFolder

from .replacing import replace

SECONDS_BETWEEN = 2  # What a killed run has not noted yet, the next one knows by its file's name.

_libc = ctypes.CDLL(None, use_errno=True)
_file_systems = {}  # device: descriptor. Opened before anything is written, so that syncfs tells every error since.
_unnoted = {}  # directory of a mailbox: names, without flags, of the files that were copied since the last note
_failure = None  # What syncfs said. It says so once: nothing in this run can be called copied any more.


def synced_before_known():
    """OfflineIMAP synced each file, but neither its time nor its name: a power cut lost mail that was noted as copied.

    Files, times, names, flags and folders are synced as they are, many at once, and then noted: one syncfs costs less
    than one fsync and one commit a message.
    """
    def openfiles(self):
        root = self.repository.account.localrepos.getlocalroot()
        _watch(root)
        _watch(self.getroot())
        opened(self)
        if _failure:
            raise _failure
        self._in_transactions, self._noted_at = 1, time.monotonic()

    def cachemessagelist(self, *args, **kw):
        _watch(self.getfullname())
        cached(self, *args, **kw)

    def savemessage(self, uid, msg, flags, rtime):
        known = uid in self.messagelist
        result = saved(self, uid, msg, flags, rtime)
        if not known:
            name = os.path.basename(self.messagelist[uid]['filename'])
            _unnoted.setdefault(self.getfullname(), set()).add(_without_flags(name))
        return result

    def write(self, *args, **kw):
        written(self, *args, **kw)
        if time.monotonic() - self._noted_at > SECONDS_BETWEEN:
            _note(self)

    def closefiles(self):
        try:
            _note(self)
        finally:
            closed(self)
    opened = replace(LocalStatusSQLiteFolder, 'openfiles', openfiles)
    cached = replace(MaildirFolder, 'cachemessagelist', cachemessagelist)
    saved = replace(MaildirFolder, 'savemessage', savemessage)
    written = replace(LocalStatusSQLiteFolder, '_LocalStatusSQLiteFolder__sql_write', write)
    closed = replace(LocalStatusSQLiteFolder, 'closefiles', closefiles)
    replace(BaseFolder, 'dofsync', lambda self: False)


def _watch(folder):
    """The folder may be a link to another file system."""
    device = os.stat(folder).st_dev
    if device not in _file_systems:
        _file_systems[device] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _note(status):
    global _failure
    if _failure is None and status.connection is not None and status.connection.in_transaction:
        try:
            for descriptor in _file_systems.values():
                _sync(descriptor)
        except OSError as error:
            _failure = error
            status.connection.rollback()
            _remove_unnoted()
            raise
        status.connection.commit()
        _unnoted.clear()
    status._noted_at = time.monotonic()


def _sync(descriptor):
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, 'the new server cannot keep what was copied: %s' % os.strerror(number))


def _remove_unnoted():
    """They look whole as long as they are in memory, and the next run would take them for copied."""
    for folder, names in _unnoted.items():
        for path in (os.path.join(folder, place, name) for place in ('new', 'cur')
                     for name in os.listdir(os.path.join(folder, place)) if _without_flags(name) in names):
            with suppress(OSError):
                os.unlink(path)


def _without_flags(name):
    return name.partition(':')[0]
