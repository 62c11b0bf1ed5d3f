"""User names and passwords at the source: all of the run are opened in one process. They exist in pipes and memory only."""
import json
import subprocess
import sys
import threading

from offlineimap.error import OfflineImapError

from . import names, report, settings, starter

SECONDS_TO_START, SECONDS_PER_ACCOUNT = 60, 0.5

_lock = threading.Lock()
_answers = None


def user(account):
    return _credential(account)['user']


def password(account):
    return _credential(account)['password']


def _credential(account):
    global _answers
    with _lock:
        if _answers is None:
            _answers = _handed_over() if settings.general('postferry_starter', None) else _open(settings.accounts())
    answer = _answers.get(names.migration(account), {})
    if not _usable(answer):
        reason = answer.get('error', 'no usable answer')
        raise OfflineImapError('%s: its credential cannot be opened: %s' % (account, reason),
                               OfflineImapError.ERROR.REPO) from report.NotOpened(answer.get('code'))
    return answer


def _usable(answer):
    # A master user signs in for somebody: both names stand in one, with NUL between them.
    values = (str(answer.get('user') or '').replace('\0', '', 1), answer.get('password'))
    return all(isinstance(value, str) and value and not set(value) & set('\0\r\n') for value in values)


def _handed_over():
    """A program that starts the run gives the credentials itself, and ends the run when it ends."""
    lines = starter.opened(settings.general('postferry_starter', None))
    try:
        return read(lines)
    except (ValueError, KeyError, TypeError):
        sys.exit('postferry: no credential was handed over')


def _open(accounts):
    """Asks the command for all accounts; without its complete answer there is nothing to do for any of them."""
    command = settings.general('postferry_command', None)
    wanted = ''.join('%s %s\n' % (names.migration(account), json.dumps(settings.endpoint(account))) for account in accounts)
    try:
        done = subprocess.run([command, 'credential', 'open'], input=wanted.encode(),
                              stdout=subprocess.PIPE, timeout=SECONDS_TO_START + SECONDS_PER_ACCOUNT * len(accounts))
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit('postferry: no credential can be opened: %s' % error)
    if done.returncode != 0:
        sys.exit('postferry: no credential can be opened: %s ended with status %d' % (command, done.returncode))
    try:
        return read(done.stdout.splitlines())
    except (ValueError, KeyError, TypeError):
        # The error itself may hold what was read.
        sys.exit('postferry: no credential can be opened: %s answered something else than JSON lines' % command)


def read(lines):
    answers = [json.loads(line) for line in lines if line.strip()]
    return {answer['id']: answer for answer in answers}
