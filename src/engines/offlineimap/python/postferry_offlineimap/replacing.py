"""Puts a repair in the place of what it repairs, where that is what the repair was made for."""
import hashlib
import inspect
import os
import sys

from . import trees

_possible = set(trees.NAMES)


def replace(owner, name, repaired):
    """Returns what stood there; anywhere else the repair would be lost, or lose mail, without a word."""
    stock = getattr(owner, name, None)
    if not _is_repair(stock):
        place = '%s.%s' % (owner.__name__.rpartition('.')[2], name)
        _possible.intersection_update(trees.having(place, stock and _digest(owner, stock)))
        if not _possible:
            refuse('%s is another one here' % place)
    setattr(owner, name, repaired)
    return stock


def refuse(found):
    """Ends the run with a code of its own: no later run can do better."""
    print('postferry: the repairs are made for OfflineIMAP of %s: %s' % (' and '.join(trees.NAMES), found), file=sys.stderr)
    sys.exit(os.EX_CONFIG)


def _is_repair(thing):
    return getattr(thing, '__module__', '').startswith(__package__)


def _digest(owner, thing):
    """Of the source; for what is Python's own, of who uses it."""
    is_theirs = thing.__module__.partition('.')[0] in ('offlineimap', 'imaplib2')
    return hashlib.sha256(inspect.getsource(thing if is_theirs else owner).encode()).hexdigest()[:16]
