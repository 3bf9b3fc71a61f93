"""HTTPS on the same bounded waitress as HTTP, so that its limits hold for both (RL-01), with TLS on each connection.

All handshakes go on side by side in the server's one loop: a silent or dawdling client costs a socket and nothing
else. (Servers with a thread for each connection stall there, or hold a thread for every slow header.)
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from webprov.serving.answertask import WholeAnswerTask
from webprov.serving.httpserver import BoundedChannel, BoundedServer, Limits, make_server

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10
_RECORD_BYTES = 16 * 1024  # the most that one TLS record holds: read whole, nothing is left where no poll sees it
_LATER = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _NothingYet(Exception):
    """No whole record has come."""


class TlsTask(WholeAnswerTask):
    """One request, with what the handshake proved in its environ, named as web servers do (SSL_CLIENT_…)."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environ."""
        environ: dict[str, Any] = super().get_environment()
        environ.update(self.channel.tls_environ)
        return environ


class TlsChannel(BoundedChannel):
    """One connection; `tls_environ` is set once its handshake is done."""

    task_class = TlsTask

    def __init__(self, server: "TlsServer", sock: ssl.SSLSocket, addr: Any, *args: Any, **kwargs: Any) -> None:
        self.tls_environ: Mapping[str, str] = {}
        self._shaking = True
        self._wants_write = False
        self._opened = time.monotonic()
        self._tls = threading.Lock()  # requests answer from threads of their own; one TLS session bears one at a time
        super().__init__(server, sock, addr, *args, **kwargs)
        self.sendbuf_len = _RECORD_BYTES  # one record is taken at a time: do not read more from a file for it

    def readable(self) -> bool:
        """Whether to wait for bytes to come."""
        return not self._wants_write if self._shaking else bool(super().readable())

    def writable(self) -> bool:
        """Whether to wait for room to send."""
        return bool(self._wants_write or self.will_close) if self._shaking else bool(super().writable())

    def handle_read(self) -> None:
        """Go on with the handshake, or read."""
        if self._shaking:
            self._shake()
        else:
            with suppress(_NothingYet):
                super().handle_read()

    def handle_write(self) -> None:
        """Go on with the handshake, or send."""
        if self._shaking and not self.will_close:
            self._shake()
        else:
            super().handle_write()

    def recv(self, buffer_size: int) -> bytes:
        """Decrypted bytes; b"" at the end."""
        try:
            with self._tls:
                data = self.socket.recv(buffer_size)
        except _LATER:
            raise _NothingYet from None
        except OSError:
            data = b""
        if not data:
            self.handle_close()
        return bytes(data)

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Encrypt and send; how many bytes were taken."""
        try:
            with self._tls:
                return int(self.socket.send(data))
        except _LATER:
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        """Say goodbye where that needs no waiting, and close."""
        if not self._shaking and self.connected:
            with suppress(OSError, ValueError), self._tls:
                self.socket.unwrap()
        super().handle_close()

    def is_late(self, now: float) -> bool:
        """Whether the handshake or the request has used up its time."""
        return now - self._opened > HANDSHAKE_SECONDS if self._shaking else super().is_late(now)

    def _shake(self) -> None:
        self._wants_write = False
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            self._wants_write = True
        except OSError as e:
            log.info("%s: TLS handshake failed: %s", self.source, getattr(e, "reason", None) or e)
            self.handle_close()
        else:
            self.tls_environ = describe_peer(self.socket)
            self._shaking = False
            self.last_activity = time.time()


class TlsServer(BoundedServer):
    """Gives every connection the TLS context of its moment; without one there is nothing to say to anybody."""

    channel_class = TlsChannel

    def __init__(self, *args: Any, context: Callable[[], ssl.SSLContext | None], **kwargs: Any) -> None:
        self._context = context
        super().__init__(*args, **kwargs)

    def accept(self) -> Any:
        """The next connection, its handshake still to come."""
        accepted, context = super().accept(), self._context()
        if accepted is None:
            return None
        connection, address = accepted
        if context is None:
            connection.close()
            return None
        return _wrap(connection, context), address


def _wrap(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection.setblocking(False)
    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def make_tls_server(
    application: Any,
    listener: socket.socket,
    limits: Limits,
    unlimited: Callable[[str], bool],
    context: Callable[[], ssl.SSLContext | None],
) -> BoundedServer:
    """As `make_server`, with TLS; `context` is asked for each new connection, so that certificates may change."""
    kind = partial(TlsServer, context=context)
    return make_server(application, listener, limits, unlimited, kind, url_scheme="https", recv_bytes=_RECORD_BYTES)


def describe_peer(connection: ssl.SSLSocket) -> dict[str, str]:
    """What the handshake proved about the client, by the names of Apache's mod_ssl."""
    found = {"SSL_PROTOCOL": connection.version() or "", "SSL_CLIENT_VERIFY": "NONE"}
    certificate = connection.getpeercert()  # empty where none was asked for or sent; a bad one ended the handshake
    if not certificate:
        return found
    subject = list(_attributes(certificate.get("subject", ())))
    found["SSL_CLIENT_VERIFY"] = "SUCCESS"
    found["SSL_CLIENT_S_DN"] = ",".join(f"{name}={value}" for name, value in subject)
    common = [value for name, value in subject if name == "commonName"]
    found["SSL_CLIENT_S_DN_CN"] = common[-1] if common else ""
    alternative: Any = certificate.get("subjectAltName", ())
    names = [value for kind, value in alternative if kind == "DNS"]
    return found | {f"SSL_CLIENT_SAN_DNS_{number}": name for number, name in enumerate(names)}


def _attributes(subject: Any) -> Iterator[tuple[str, str]]:
    for group in subject:
        yield from group
