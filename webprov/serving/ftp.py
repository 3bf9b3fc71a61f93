"""FTP and FTPS for phones, on pyftpdlib in one thread: limits, passive ports, the address behind NAT (FT-02, FT-03)."""

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from webprov.enums import Protocol
from webprov.errors import CertificateError
from webprov.serving.fetching import Fetching
from webprov.serving.ftps import TlsPhoneSession
from webprov.serving.ftpsessions import PhoneSession
from webprov.serving.retirement import RETIRING
from webprov.serving.tlscontexts import LEGACY_CIPHERS, TlsPolicy
from webprov.store.settings import ProvisioningSettings

CONNECTIONS = 512
CONNECTIONS_PER_SOURCE = 16
_TURN_SECONDS = 1.0


class FtpServer(FTPServer):  # type: ignore[misc]
    """Serves one bound socket by `protocol` (FTP or FTPS) until SystemExit, or when retiring until nobody is left.

    `tls_context` is asked for each session, so that certificates may change; None: no TLS is offered.
    """

    max_cons = CONNECTIONS
    max_cons_per_ip = CONNECTIONS_PER_SOURCE

    def __init__(
        self,
        listener: socket.socket,
        fetching: Fetching,
        protocol: Protocol,
        tls_context: Callable[[], SSL.Context | None],
    ) -> None:
        logging.getLogger("pyftpdlib").setLevel(logging.ERROR)
        self.fetching = fetching
        self.gatekeeper = fetching.gatekeeper
        self.protocol = protocol
        self.tls_context = tls_context
        self.retiring = RETIRING
        self._outside = OutsideAddress()
        kind = TlsPhoneSession if protocol is Protocol.FTPS else PhoneSession
        super().__init__(listener, kind, ioloop=IOLoop(), backlog=1_024)

    @property
    def settings(self) -> ProvisioningSettings:
        """Those saved last."""
        return self.gatekeeper.rules.settings

    @property
    def passive_ports(self) -> range | None:
        """The ports that data connections may use; None: any."""
        first, dash, last = self.settings.ftp_passive_ports.partition("-")
        return range(int(first), int(last) + 1) if dash else None

    def outside_address(self, client: str) -> str | None:
        """The address that `client` reaches this server by, where that is not the one it came to; None: it is."""
        return self._outside.for_client(self.settings.server_address, client)

    def run(self) -> None:
        """Serve."""
        pause: float = 0
        try:
            while not (self.retiring.is_set() and self._is_done()):
                pause = min(self.ioloop.loop(pause, blocking=False) or _TURN_SECONDS, _TURN_SECONDS)
        except SystemExit:
            pass
        finally:
            self.close_all()

    def handle_accepted(self, sock: socket.socket, addr: Any) -> Any:
        """Begin a session; where all places are taken, whoever has waited longest without signing in makes room."""
        if len(self.ip_map) >= self.max_cons:
            waiting = [session for session in self.sessions if not session.authenticated]
            if waiting:
                min(waiting, key=lambda session: session.started).close()
        return super().handle_accepted(sock, addr)

    @property
    def sessions(self) -> list[PhoneSession]:
        """All control connections."""
        return [item for item in self.ioloop.socket_map.values() if isinstance(item, PhoneSession)]

    def _accept_new_cons(self) -> bool:
        """Sessions are counted; each has one data connection at most."""
        return len(self.ip_map) <= self.max_cons

    def _is_done(self) -> bool:
        """Take no more sessions; whether none is left. Those here end by themselves, and begin nothing new: a control
        connection closed right after 226 would make clients drop what they have not read yet."""
        if self._fileno in self.ioloop.socket_map:
            self.close()
        return not self.sessions


class OutsideAddress:
    """What PASV has to name behind NAT: the server address, where that is no address of this machine.

    A client of a private network that the server address lies outside of came past the NAT, so it keeps the inner one.
    """

    def __init__(self) -> None:
        self._name = ""
        self._address: ipaddress.IPv4Address | None = None

    def for_client(self, server_address: str, client: str) -> str | None:
        """The IPv4 address to name; None: the one that the client came to."""
        if server_address != self._name:
            self._name, self._address = server_address, None
            threading.Thread(target=self._find, args=(server_address,), name="Resolve", daemon=True).start()
        address = self._address
        if address is None:
            return None
        is_inside = ipaddress.ip_address(client.removeprefix("::ffff:").partition("%")[0]).is_private
        return None if is_inside and not address.is_private else str(address)

    def _find(self, name: str) -> None:
        """Look the name up aside, because a name server may take its time; sessions until then get the inner one."""
        try:
            found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        except (OSError, UnicodeError):
            return
        if name == self._name and not _is_own(str(found)):
            self._address = ipaddress.IPv4Address(found)


def _is_own(address: str) -> bool:
    """Whether this machine has that address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def openssl_context(policy: TlsPolicy) -> SSL.Context:
    """A server context of pyOpenSSL, which pyftpdlib wants; raises CertificateError."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_id(b"webprov")
    if policy.is_legacy:
        context.set_cipher_list(LEGACY_CIPHERS.encode())
        context.set_min_proto_version(SSL.TLS1_VERSION)
    pair = policy.pair
    try:
        context.use_certificate_chain_file(str(pair.certificate))
        context.use_privatekey_file(str(pair.key))
        context.check_privatekey()
    except SSL.Error as e:
        raise CertificateError(f"{pair.certificate} and {pair.key} cannot be used together for TLS.") from e
    return context
