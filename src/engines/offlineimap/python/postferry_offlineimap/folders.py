"""Mailboxes: which ones, under which name at the source, in which directory on the destination."""
import re

from offlineimap.error import OfflineImapError
from offlineimap.folder.Base import BaseFolder
from offlineimap.folder.IMAP import IMAPFolder
from offlineimap.repository.IMAP import IMAPRepository
from offlineimap.repository.Maildir import MaildirRepository
from offlineimap.ui import getglobalui

from . import imap_data, names, patterns, settings
from .replacing import replace

ABSENT = 'not exist|no such|unknown|not found|nonexistent'
UNUSED = '\ue000'
_listed = {}  # the account at work: {name at the source: (wanted, directory)}


def wanted(account):
    """The folderfilter: the provider's include and exclude patterns."""
    return lambda name: _listed[account][name][0]


def directory(account):
    """The nametrans."""
    return lambda name: _listed[account][name][1]


def mailboxes_as_announced():
    """Separator and prefix are the source's own words, for each person; a name may come as a literal or hold anything."""
    def getfolders(self):
        if self.folders is None:
            imapobj = self.imapserver.acquireconnection()
            try:
                mailboxes = _mailboxes(imapobj)
            finally:
                self.imapserver.releaseconnection(imapobj)
            _listed.clear()
            _listed[self.accountname] = _decided(self.accountname, mailboxes)
            self.folders = [self.getfolder(imap_data.quoted(name).decode('utf-8', 'surrogateescape'))
                            for name, _, _ in mailboxes]
        return self.folders
    replace(IMAPRepository, 'getfolders', getfolders)


def names_quoted():
    """OfflineIMAP quotes some names and escapes none: a quote or parenthesis ended the account."""
    replace(IMAPFolder, 'getfullIMAPname', lambda self: imap_data.quoted(self.getname()))


def names_never_split():
    """OfflineIMAP exchanges the source's separator for the Maildir's in whole names, which tears names apart.

    Both are one character that no name holds; names.py has done what is needed.
    """
    for owner in (IMAPRepository, MaildirRepository, IMAPFolder):
        replace(owner, 'getsep', lambda self: UNUSED)


def own_status_per_mailbox():
    """OfflineIMAP keeps what it knows of `a.b` and `a/b` in one file; and a file name is 255 bytes at most."""
    replace(BaseFolder, 'getfolderbasename', lambda self: names.status_file(self.getvisiblename()))


def _decided(account, mailboxes):
    include = settings.of_source(account, 'postferry_include', []) or ['*']
    exclude = settings.of_source(account, 'postferry_exclude', [])
    found = names.directories(mailboxes)

    def copied(name, separator):
        text = names.decode(name)
        return (any(patterns.matches(pattern, text, separator) for pattern in include)
                and not any(patterns.matches(pattern, text, separator) for pattern in exclude))
    return {name: (copied(name, separator), found[name]) for name, separator, _ in mailboxes}


def _mailboxes(imapobj):
    """The person's own mailboxes that hold messages: [(name, separator or None, prefix)]."""
    own, foreign = _namespaces(imapobj)
    kind, answers = imapobj.list('""', '"*"')
    if kind != 'OK':
        raise OfflineImapError('the old server does not list its mailboxes: %s' % answers, OfflineImapError.ERROR.REPO)
    found = {}
    for attributes, separator, name in (imap_data.values(answer)[:3] for answer in answers if answer):
        if {'\\noselect', '\\nonexistent'} & {attribute.lower() for attribute in attributes if attribute}:
            continue
        if any(name.startswith(prefix) for prefix in foreign):
            continue
        if set(name) & set('\0\r\n'):
            getglobalui().error(OfflineImapError('%r is left out: no command can name it' % name,
                                                 OfflineImapError.ERROR.FOLDER))
            continue
        key = 'INBOX' if names.is_inbox(name) else name
        found[key] = (key, separator, _longest(own, name))
    unlisted = [] if 'INBOX' in found else _unlisted(imapobj, own, nothing_listed=not found)
    return unlisted + list(found.values())


def _unlisted(imapobj, own, nothing_listed):
    """Mailboxes that can be opened though LIST does not name them: a Cyrus lists nothing of a user with a dot."""
    prefix = own[0] if own else ''
    separator = prefix[-1:] or None
    usual = settings.general('postferry_usual', []) if nothing_listed and _opens(imapobj, 'INBOX') else []
    candidates = [('INBOX', separator, '')] + [(prefix + name, separator, prefix) for name in usual]
    return [mailbox for mailbox in candidates if _opens(imapobj, mailbox[0])]


def _opens(imapobj, name):
    kind, answer = imapobj.status(imap_data.quoted(name), '(MESSAGES)')
    if kind == 'OK' or name != 'INBOX' or re.search(ABSENT, str(answer), re.IGNORECASE):
        return kind == 'OK'
    raise OfflineImapError('the old server does not open the INBOX: %s' % answer, OfflineImapError.ERROR.REPO)


def _namespaces(imapobj):
    """Prefixes of the person's own mailboxes, and of other people's and shared ones (RFC 2342)."""
    if 'NAMESPACE' not in imapobj.capabilities:
        return [], []
    kind, answers = imapobj.namespace()
    spaces = imap_data.values(answers[-1]) if kind == 'OK' and answers[-1] else []
    own, others, shared = ([space[0] for space in kind or [] if space[0]] for kind in (spaces + [None] * 3)[:3])
    return own, [prefix for prefix in others + shared if prefix not in own]


def _longest(prefixes, name):
    return max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default='')
