"""What OfflineIMAP's status says is on NEW is on NEW's disk."""
import ctypes
import os
import time

from offlineimap.folder.Base import BaseFolder
from offlineimap.folder.LocalStatusSQLite import LocalStatusSQLiteFolder
from offlineimap.folder.Maildir import MaildirFolder

from .replacing import replace

SECONDS_BETWEEN = 2  # What a killed run has not noted yet, the next one knows by its file's name.

_libc = ctypes.CDLL(None, use_errno=True)
_file_systems = {}  # device: descriptor. Opened before anything is written, so that syncfs tells every error since.


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
        self._in_transactions, self._noted_at = 1, time.monotonic()

    def cachemessagelist(self, *args, **kw):
        _watch(self.getfullname())
        cached(self, *args, **kw)

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
    written = replace(LocalStatusSQLiteFolder, '_LocalStatusSQLiteFolder__sql_write', write)
    closed = replace(LocalStatusSQLiteFolder, 'closefiles', closefiles)
    replace(BaseFolder, 'dofsync', lambda self: False)


def _watch(folder):
    """The folder may be a link to another file system."""
    device = os.stat(folder).st_dev
    if device not in _file_systems:
        _file_systems[device] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _note(status):
    if status.connection is not None and status.connection.in_transaction:
        for descriptor in _file_systems.values():
            if _libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, 'NEW cannot keep what was copied: %s' % os.strerror(number))
        status.connection.commit()
    status._noted_at = time.monotonic()
