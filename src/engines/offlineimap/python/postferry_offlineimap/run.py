"""The run as a whole: its accounts one by one, and a truthful end."""
import fcntl
import json
import os
from itertools import takewhile

from offlineimap import globals as given
from offlineimap.accounts import Account, SyncableAccount
from offlineimap.CustomConfig import CustomConfigParser
from offlineimap.error import OfflineImapError
from offlineimap.init import OfflineImap
from offlineimap.repository.Maildir import MaildirRepository
from offlineimap.ui.UIBase import UIBase

from . import report, settings
from .replacing import replace


def single_thread():
    """The threaded mode can wait for itself for ever after one account's error. The same as `offlineimap -1`."""
    vars(given.options)['__source'].singlethreading = True


def all_accounts():
    """`accounts = all` are all accounts of the file, none included, which OfflineIMAP takes for an error."""
    def sync(self, list_accounts, profiledir):
        names = settings.every_account() if list_accounts == [settings.EVERY_ACCOUNT] else list_accounts
        return singlethreaded(self, names, profiledir)
    singlethreaded = replace(OfflineImap, '_OfflineImap__sync_singlethreaded', sync)


def one_failure_one_account():
    """What OfflineIMAP did not expect (a full disk, a refused connection) ended the run for all accounts after it."""
    def guarded(self):
        try:
            syncrunner(self)
        except Exception as error:
            self.ui.error(error, error.__traceback__, '%s ends here' % self)
    syncrunner = replace(SyncableAccount, 'syncrunner', guarded)


def results_told():
    """OfflineIMAP does not say which account was copied completely, nor how much, nor why not: report.py does."""
    def told(self):
        queue, self.ui.uidval_problem, earlier = self.ui.exc_queue, False, self.ui.uidval_problem
        before = queue.qsize()
        report.begin()
        syncrunner(self)
        stopped = Account.abort_NOW_signal.is_set()
        errors = [error for _, error, _ in list(queue.queue)[before:]]
        whole = not errors and not self.ui.uidval_problem and not stopped
        reason = None if whole else report.reason(errors, self.ui.uidval_problem, stopped)
        self.ui.uidval_problem |= earlier
        if whole:
            self.ui.info('postferry: %s complete' % self)
        else:
            self.ui.warn('postferry: %s incomplete' % self)
        self.ui.info('postferry: %s' % report.line(str(self), reason))
    syncrunner = replace(SyncableAccount, 'syncrunner', told)
    report.count_copies()


def one_run_an_account():
    """A run that found the account locked removed the lock file of the run that held it: a third one came in."""
    def lock(self):
        self._lockfd = open(self._lockfilepath, 'w')
        try:
            fcntl.lockf(self._lockfd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # What another engine holds while it copies: Linux keeps both kinds apart.
            fcntl.flock(self._lockfd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lockfd.close()
            raise OfflineImapError('Could not lock account %s. Is another instance using this account?' % self,
                                   OfflineImapError.ERROR.REPO) from report.Locked(error)

    def unlock(self):
        # The file stays: who removes it may remove another run's.
        if self._lockfd:
            self._lockfd.close()
    replace(SyncableAccount, '_SyncableAccount__lock', lock)
    replace(SyncableAccount, '_unlock', unlock)


def known_errors_without_traceback():
    """A refused password ended as a page of Python; what OfflineIMAP itself calls an error is told in a line."""
    def short_error(self, exc, exc_traceback=None, msg=None):
        error(self, exc, None if isinstance(exc, OfflineImapError) else exc_traceback, msg)
    error = replace(UIBase, 'error', short_error)


def interruption_told():
    """After SIGTERM OfflineIMAP still signs in for every account that is left, and ends with 0 as if all were copied."""
    stopped = Account.abort_NOW_signal.is_set

    def sync(self, list_accounts, profiledir):
        singlethreaded(self, takewhile(lambda _: not stopped(), list_accounts), profiledir)
        if stopped():
            raise InterruptedError('a signal ended the run before everything was copied')
    singlethreaded = replace(OfflineImap, '_OfflineImap__sync_singlethreaded', sync)


def paths_as_written():
    """OfflineIMAP puts variables into paths and reads the file in the locale's encoding: other people's folders."""
    def getlocalroot(self):
        return os.fsdecode(json.loads(self.getconf('localfolders')).encode())
    replace(MaildirRepository, 'getlocalroot', getlocalroot)
    replace(CustomConfigParser, 'apply_xforms', lambda self, path, transforms: path)
