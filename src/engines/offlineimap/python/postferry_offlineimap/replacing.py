"""Puts a repair in the place of what it repairs."""
import sys


def replace(owner, name, repaired):
    """Returns what stood there; where nothing stands the repair would be lost without a word."""
    stock = getattr(owner, name, None)
    if stock is None:
        sys.exit('postferry: this OfflineIMAP has no %s.%s to repair' % (owner.__name__, name))
    setattr(owner, name, repaired)
    return stock
