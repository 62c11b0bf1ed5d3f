"""What stands in the offlineimaprc. Options of mailferry's own are JSON, so that any character is safe in them."""
import json

from offlineimap import globals as given
from offlineimap.ui import getglobalui

EVERY_ACCOUNT = 'all'


def config():
    return getglobalui().config


def general(option, default):
    return _decoded('general', option, default)


def of_old(account, option, default):
    """An option of the account's repository on OLD."""
    return _decoded('Repository ' + config().get('Account ' + account, 'remoterepository'), option, default)


def accounts():
    """The accounts of this run."""
    chosen = given.options.accounts
    names = [name.strip() for name in chosen.split(',')] if chosen else [EVERY_ACCOUNT]
    return every_account() if names == [EVERY_ACCOUNT] else names


def every_account():
    return [name for name in config().getsectionlist('Account') if name != EVERY_ACCOUNT]


def _decoded(section, option, default):
    return json.loads(config().get(section, option)) if config().has_option(section, option) else default
