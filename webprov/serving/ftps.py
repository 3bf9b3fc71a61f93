"""FTPS on one port, implicit and explicit (spec 8, security FT-03)."""

import socket
from typing import Any

from webprov.serving.ftpsessions import PhoneSession


class TlsPhoneSession(PhoneSession):
    """A session on the FTPS port, implicit or explicit: the first byte tells. A client that starts with TLS gets TLS at
    once; one that waits for the banner gets it after FIRST_BYTE_SECONDS, and has to say AUTH TLS."""

    FIRST_BYTE_SECONDS = 1.0
    _CLIENT_HELLO = 0x16
    _undecided = False
    _implicit = False

    def handle(self) -> None:
        """Wait for the first byte before the banner."""
        self._undecided = True
        self.call_later(self.FIRST_BYTE_SECONDS, self._greet)

    def handle_read_event(self) -> None:
        """Look at the first byte, without taking it."""
        if self._undecided:
            first = _peek(self.socket)
            if first is None:
                return
            if first[:1] == bytes([self._CLIENT_HELLO]) and self.ssl_context is not None:
                self._undecided = False
                self._implicit = True
                self.secure_connection(self.ssl_context)
            elif first:
                self._greet()
        super().handle_read_event()

    def handle_ssl_established(self) -> None:
        """Greet a client that began with TLS; its data connections are TLS too unless it says otherwise."""
        if self._implicit:
            self._pbsz = self._prot = True
            super().handle()

    def _greet(self) -> None:
        if self._undecided:
            self._undecided = False
            super().handle()


def _peek(connection: Any) -> bytes | None:
    """The first byte that waits to be read, b"" at the end; None: none yet."""
    try:
        return bytes(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return None
    except OSError:
        return b""
