"""What stands in the offlineimaprc. Options of postferry's own are JSON, so that any character is safe in them."""
import json

from offlineimap import globals as given
from offlineimap.ui import getglobalui

EVERY_ACCOUNT = 'all'
OUTDATED = {'tls1': '1.0', 'tls1_1': '1.1'}  # by their names in ssl_version


def config():
    return getglobalui().config


def general(option, default):
    return _decoded('general', option, default)


def of_source(account, option, default):
    """An option of the account's repository at the source."""
    return _decoded('Repository ' + config().get('Account ' + account, 'remoterepository'), option, default)


def endpoint(account):
    """Where the account's credential will be sent, and what proves that it is the right server."""
    section = 'Repository ' + config().get('Account ' + account, 'remoterepository')
    tls = 'implicit' if config().getboolean(section, 'ssl') else 'starttls'
    if tls == 'starttls' and not config().getboolean(section, 'starttls'):
        tls = 'none'
    found = {'host': config().get(section, 'remotehost'), 'port': config().getint(section, 'remoteport'), 'tls': tls,
             'trusts': None if tls == 'none' else _trusted(section)}
    outdated = None if tls == 'none' else OUTDATED.get(config().get(section, 'ssl_version'))
    return {**found, 'outdated': outdated} if outdated else found


def _trusted(section):
    if config().has_option(section, 'cert_fingerprint'):
        return 'sha256:' + config().get(section, 'cert_fingerprint')
    file = config().get(section, 'sslcacertfile')
    return None if file == 'OS-DEFAULT' else file


def accounts():
    """The accounts of this run."""
    chosen = given.options.accounts
    names = [name.strip() for name in chosen.split(',')] if chosen else [EVERY_ACCOUNT]
    return every_account() if names == [EVERY_ACCOUNT] else names


def every_account():
    return [name for name in config().getsectionlist('Account') if name != EVERY_ACCOUNT]


def _decoded(section, option, default):
    return json.loads(config().get(section, option)) if config().has_option(section, option) else default
