"""The connection to the source: signed in to once, and only read from."""
import socket

from offlineimap import imaplibutil
from offlineimap.error import OfflineImapError
from offlineimap.folder.IMAP import IMAPFolder
from offlineimap.imapserver import IMAPServer

from . import imap_data, report
from .replacing import replace
from .trees import imaplib2

READING = {'CAPABILITY', 'STARTTLS', 'AUTHENTICATE', 'LOGIN', 'ID', 'LIST', 'NAMESPACE',
           'STATUS', 'EXAMINE', 'FETCH', 'NOOP', 'LOGOUT'}


def refusals_told():
    """OfflineIMAP says nothing, or nothing but a number, of a server that no connection can be made to."""
    def open_socket(self):
        try:
            return socket.create_connection((self.host, self.port))
        except socket.gaierror:
            raise
        except OSError as error:
            raise OfflineImapError('no connection to %s port %d: %s' % (self.host, self.port, error),
                                   OfflineImapError.ERROR.REPO) from ConnectionError(*error.args)
    replace(imaplibutil.UsefulIMAPMixIn, 'open_socket', open_socket)


def sign_in_once():
    """OfflineIMAP goes on in the clear without STARTTLS, tries a wrong password twice and leaves connections open."""
    def authn_helper(self, imapobj):
        try:
            if imapobj.state != imaplib2.NONAUTH:
                raise ValueError('the server lets in without asking (PREAUTH)')
            if self.starttls:
                _start_tls(self, imapobj)
            _authenticate(self, imapobj)
        except (imapobj.error, OSError, ValueError) as error:
            _drop(imapobj)
            words = _words(error)
            told = OfflineImapError('%s: no sign-in at %s: %s' % (self.repos.account, self.hostname, words),
                                    OfflineImapError.ERROR.REPO)
            answered = isinstance(error, imapobj.error) and not isinstance(error, imapobj.abort)
            raise told from (report.NotSignedIn(words) if answered else error)
    replace(IMAPServer, '_IMAPServer__authn_helper', authn_helper)


def _start_tls(server, imapobj):
    imapobj._fingerprint = server.fingerprint
    imapobj.starttls(ca_certs=server.sslcacertfile, ssl_version=server.sslversion)


def _authenticate(server, imapobj):
    for_whom, _, name = server.username.rpartition('\0')
    if for_whom:
        server.user_identity, server.username = for_whom, name
    if 'AUTH=PLAIN' in imapobj.capabilities:
        imapobj.authenticate('PLAIN', server._IMAPServer__plainhandler)
    elif 'LOGINDISABLED' in imapobj.capabilities or server.user_identity:
        raise ValueError('neither AUTH=PLAIN nor a LOGIN that could do is offered')
    else:
        server._IMAPServer__loginauth(imapobj)


def _drop(imapobj):
    try:
        imapobj._close_threads()
    except OSError:
        pass  # It is closed already.


def _words(error):
    first = error.args[0] if error.args else error
    return first.decode('utf-8', 'replace') if isinstance(first, bytes) else error


class _Secret(bytes):
    """Bytes that go over the wire and into no log."""

    def __add__(self, other):
        return _Secret(bytes(self) + other)

    def __radd__(self, other):
        return _Secret(other + bytes(self))

    def __repr__(self):
        return '(not shown)'

    __str__ = __repr__


def broken_released():
    """A connection that broke, and none to be had in its place, was released twice: the run waited for ever."""
    def releaseconnection(self, connection, drop_conn=False):
        with self.connectionlock:
            if connection not in self.assignedconnections:
                return
            self.assignedconnections.remove(connection)
            is_broken = connection.Terminate or drop_conn
            if not is_broken:
                self.availableconnections.append(connection)
        try:
            if is_broken:
                _drop(connection)
        finally:
            self.semaphore.release()
    replace(IMAPServer, 'releaseconnection', releaseconnection)


def login_quoted():
    """A server without AUTH=PLAIN gets LOGIN, which sent the user name bare and knew ASCII only."""
    def login(self, user, password, **kw):
        try:
            kind, answers = self._simple_command('LOGIN', imap_data.quoted(user), imap_data.quoted(password))
            if kind != 'OK':
                raise self.error(answers[-1])
            self.state = imaplib2.AUTH
        finally:
            self._release_state_change()
        return kind, answers
    replace(imaplib2.IMAP4, 'login', login)


def secrets_unlogged():
    """A debug log (-d imap) showed the password, and so did the error after a LOGIN that the server called BAD."""
    def simple_command(self, name, *args, **kw):
        if name == 'LOGIN':
            args = [_Secret(arg) for arg in args]
        return command(self, name, *args, **kw)
    command = replace(imaplib2.IMAP4, '_simple_command', simple_command)
    encode = replace(imaplib2._Authenticator, 'encode', lambda self, text: _Secret(encode(self, text)))


def only_reads():
    """OfflineIMAP selects for writing, which takes \\Recent from new mail; nothing but reading leaves us now."""
    def reading_command(self, name, *args, **kw):
        if name not in READING and (name, args[:1]) != ('UID', ('FETCH',)):
            raise OfflineImapError('refused, because it would change the old server: %s' % name, OfflineImapError.ERROR.REPO)
        return command(self, name, *args, **kw)

    def examine(self, mailbox='INBOX', readonly=True, force=False):
        return select(self, mailbox, True, force)

    def always_examine(self, imapobj, force=False):
        imapobj.select(self.getfullIMAPname(), force=True)
    command = replace(imaplib2.IMAP4, '_command', reading_command)
    select = replace(imaplibutil.UsefulIMAPMixIn, 'select', examine)
    replace(IMAPFolder, '_IMAPFolder__selectro', always_examine)
