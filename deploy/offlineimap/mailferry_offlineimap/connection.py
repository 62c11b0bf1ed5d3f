"""The connection to OLD: verified, signed in to once, and only read from."""
import hashlib
import select
import socket
import ssl
import threading

import imaplib2
from offlineimap import imaplibutil
from offlineimap.error import OfflineImapError
from offlineimap.folder.IMAP import IMAPFolder
from offlineimap.imapserver import IMAPServer

from . import imap_data

READING = {'CAPABILITY', 'STARTTLS', 'AUTHENTICATE', 'LOGIN', 'ID', 'LIST', 'NAMESPACE',
           'EXAMINE', 'FETCH', 'NOOP', 'LOGOUT'}


def certificates_verified():
    """OfflineIMAP verifies no STARTTLS, knows no IP address in a certificate and trusts an unsigned common name."""
    def ssl_wrap_socket(self):
        context = ssl.create_default_context(cafile=self.ca_certs)
        fingerprints = [each for each in getattr(self, '_fingerprint', []) if each]
        if fingerprints:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
        self.read_fd = self.sock.fileno()
        found = hashlib.sha256(self.sock.getpeercert(True)).hexdigest()
        if fingerprints and found not in fingerprints:
            raise ssl.SSLCertVerificationError('its certificate has another fingerprint: %s' % found)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    imaplib2.IMAP4.ssl_wrap_socket = ssl_wrap_socket


class _InTurns:
    """A TLS socket for one thread that reads and one that writes."""

    def __init__(self, sock):
        self._sock = sock
        self._seconds = sock.gettimeout()
        self._turn = threading.Lock()
        sock.setblocking(False)

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def recv(self, size):
        return self._when_ready(self._sock.recv, size, None)

    read = recv

    def sendall(self, data):
        rest = memoryview(data)
        while rest:
            rest = rest[self._when_ready(self._sock.send, rest, self._seconds):]

    def _when_ready(self, call, argument, seconds):
        while True:
            with self._turn:
                try:
                    return call(argument)
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
            poll = select.poll()
            poll.register(self._sock, wanted)
            if not poll.poll(None if seconds is None else seconds * 1000):
                raise TimeoutError('no answer after %s seconds' % seconds)


def tls_in_turns():
    """imaplib2 reads and writes in two threads, OpenSSL bears one: now and then STARTTLS got no answer any more."""
    wrap = imaplib2.IMAP4.ssl_wrap_socket

    def ssl_wrap_socket(self):
        wrap(self)
        self.sock = _InTurns(self.sock)
    imaplib2.IMAP4.ssl_wrap_socket = ssl_wrap_socket


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
            raise OfflineImapError('%s: no sign-in at %s: %s' % (self.repos.account, self.hostname, _words(error)),
                                   OfflineImapError.ERROR.REPO)
    IMAPServer._IMAPServer__authn_helper = authn_helper


def _start_tls(server, imapobj):
    imapobj._fingerprint = server.fingerprint
    imapobj.starttls(ca_certs=server.sslcacertfile)


def _authenticate(server, imapobj):
    if 'AUTH=PLAIN' in imapobj.capabilities:
        imapobj.authenticate('PLAIN', server._IMAPServer__plainhandler)
    elif 'LOGINDISABLED' in imapobj.capabilities:
        raise ValueError('neither AUTH=PLAIN nor LOGIN is offered')
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


def secrets_unlogged():
    """A debug log (-d imap) and an error after LOGIN showed the password; LOGIN quotes and takes any character now."""
    encode = imaplib2._Authenticator.encode

    def login(self, user, password, **kw):
        try:
            kind, answers = self._simple_command('LOGIN', imap_data.quoted(user), _Secret(imap_data.quoted(password)))
            if kind != 'OK':
                raise self.error(answers[-1])
            self.state = imaplib2.AUTH
        finally:
            self._release_state_change()
        return kind, answers
    imaplib2.IMAP4.login = login
    imaplib2._Authenticator.encode = lambda self, text: _Secret(encode(self, text))


def only_reads():
    """OfflineIMAP selects for writing, which takes \\Recent from new mail; nothing but reading leaves us now."""
    command, select = imaplib2.IMAP4._command, imaplibutil.UsefulIMAPMixIn.select

    def reading_command(self, name, *args, **kw):
        if name not in READING and (name, args[:1]) != ('UID', ('FETCH',)):
            raise OfflineImapError('refused, because it would change OLD: %s' % name, OfflineImapError.ERROR.REPO)
        return command(self, name, *args, **kw)

    def examine(self, mailbox='INBOX', readonly=True, force=False):
        return select(self, mailbox, True, force)

    def always_examine(self, imapobj, force=False):
        imapobj.select(self.getfullIMAPname(), force=True)
    imaplib2.IMAP4._command = reading_command
    imaplibutil.UsefulIMAPMixIn.select = examine
    IMAPFolder._IMAPFolder__selectro = always_examine
