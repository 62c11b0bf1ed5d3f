"""Root copies in others' names: what it makes is theirs, and it goes nowhere where they could not go themselves."""
import ctypes
import json
import os
import pwd
import threading
from contextlib import contextmanager

from offlineimap.folder.Maildir import MaildirFolder
from offlineimap.init import OfflineImap
from offlineimap.repository.Maildir import MaildirRepository

from . import settings
from .replacing import replace

_libc = ctypes.CDLL(None, use_errno=True)
_acting = threading.local()


def state_of_its_owner():
    """A run by root left files that the next run, by who owns the folder, could not write: the account stood still."""
    def sync(self, list_accounts, profiledir):
        status = os.stat(settings.config().getmetadatadir())
        if os.geteuid() == 0 and status.st_uid != 0:
            _become(status.st_uid, status.st_gid)
        singlethreaded(self, list_accounts, profiledir)
    singlethreaded = replace(OfflineImap, '_OfflineImap__sync_singlethreaded', sync)


def homes_of_their_owners():
    """A Maildir that root made was root's: its person could not sign in. And root wrote wherever a link led."""
    def made(self, reposname, account):
        root = os.fsdecode(json.loads(account.config.get('Repository ' + reposname, 'localfolders')).encode())
        self.owner = _owner_of(os.path.dirname(root))
        with _as(self.owner):
            os.makedirs(root, 0o700, exist_ok=True)
        init(self, reposname, account)
    init = replace(MaildirRepository, '__init__', made)
    for name in ('makefolder', 'getfolders'):
        _let_owner(MaildirRepository, name, lambda repository: repository.owner)
    for name in ('cachemessagelist', 'savemessage', 'savemessageflags', 'deletemessage'):
        _let_owner(MaildirFolder, name, lambda folder: folder.repository.owner)


def _let_owner(kind, name, owner_of):
    def by_owner(self, *args, **kw):
        with _as(owner_of(self)):
            return stock(self, *args, **kw)
    stock = replace(kind, name, by_owner)


def _owner_of(home):
    """Of a home that is not there yet: who owns the folder that it will be in."""
    while not os.path.lexists(home):
        home = os.path.dirname(home)
    status = os.lstat(home)
    return status.st_uid, status.st_gid


@contextmanager
def _as(owner):
    """Files alone: with the owner's rights, and without root's. Nothing changes for who is not root."""
    uid, gid = owner
    if os.geteuid() != 0 or uid == 0 or getattr(_acting, 'depth', 0):
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    _libc.setfsgid(gid)
    _libc.setfsuid(uid)
    _acting.depth = 1
    try:
        yield
    finally:
        _acting.depth = 0
        _libc.setfsuid(0)
        _libc.setfsgid(0)
        os.setgroups(groups)


def _become(uid, gid):
    try:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
