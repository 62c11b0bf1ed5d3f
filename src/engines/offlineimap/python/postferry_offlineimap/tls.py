"""TLS: only what can be verified is spoken to."""
import hashlib
import select
import socket
import ssl
import threading

from . import settings
from .replacing import replace
from .trees import imaplib2


_OLDEST = {'tls1': ssl.TLSVersion.TLSv1, 'tls1_1': ssl.TLSVersion.TLSv1_1,
           'tls1_2': ssl.TLSVersion.TLSv1_2, 'tls1_3': ssl.TLSVersion.TLSv1_3}


def certificates_verified():
    """OfflineIMAP verifies no STARTTLS, knows no IP address in a certificate and trusts an unsigned common name."""
    def ssl_wrap_socket(self):
        context = ssl.create_default_context(cafile=self.ca_certs)
        # Python 3.13 asks for what a certificate authority made by hand lacks (key usage), and nobody else here does.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.minimum_version = _OLDEST.get(self.ssl_version, ssl.TLSVersion.TLSv1_2)
        if self.ssl_version in settings.OUTDATED:
            context.set_ciphers('DEFAULT:@SECLEVEL=0')
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
    replace(imaplib2.IMAP4, 'ssl_wrap_socket', ssl_wrap_socket)


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


def in_turns():
    """imaplib2 reads and writes in two threads, OpenSSL bears one: now and then STARTTLS got no answer any more."""
    def ssl_wrap_socket(self):
        wrap(self)
        self.sock = _InTurns(self.sock)
    wrap = replace(imaplib2.IMAP4, 'ssl_wrap_socket', ssl_wrap_socket)
