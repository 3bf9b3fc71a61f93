"""A TFTP client as phones have one: octet, larger blocks where the server takes them (RFC 1350, 2347, 2348)."""

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from webprov.errors import WebprovError

_BLOCK_BYTES = 1_428
_TRY_SECONDS = 1.0
_WORDS = struct.Struct("!HH")
_DATA, _ERROR, _OPTIONS = 3, 5, 6


class TftpRefused(WebprovError):
    """The server answered with an ERROR; `code` is TFTP's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def fetch_tftp(
    host: str, port: int, name: str, take: Callable[[bytes], None], *, seconds: float, options: Mapping[str, str]
) -> None:
    """Hand the file in pieces to `take`; raises TftpRefused, or OSError (TimeoutError after `seconds` of silence)."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    wanted = {"blksize": str(_BLOCK_BYTES), **options}
    fields = [name, "octet", *(part for pair in wanted.items() for part in pair)]
    first = b"\0\1" + b"".join(field.encode() + b"\0" for field in fields)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        reply, server = _ask(client, first, address, seconds)
        block_bytes, number = 512, 0
        if reply[:2] == b"\0\6":
            block_bytes = int(_options(reply).get("blksize", "512"))
            reply, server = _ask(client, _ack(0), server, seconds)
        while True:
            opcode, block = _WORDS.unpack_from(reply)
            if opcode == _DATA and block == (number + 1) & 0xFFFF:
                number += 1
                take(reply[4:])
                if len(reply) - 4 < block_bytes:
                    client.sendto(_ack(number), server)
                    return
            else:
                take(b"")  # whoever takes decides how long a server may answer with other blocks
            reply, server = _ask(client, _ack(number), server, seconds)


def _ask(client: socket.socket, datagram: bytes, address: Any, seconds: float) -> tuple[bytes, Any]:
    """Send, again each second, until something comes; a refusal is raised."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.sendto(datagram, address)
        client.settimeout(min(_TRY_SECONDS, max(0.01, end - time.monotonic())))
        try:
            reply, sender = client.recvfrom(65_536)
        except TimeoutError:
            continue
        if len(reply) < 4:
            continue
        opcode, code = _WORDS.unpack_from(reply)
        if opcode == _ERROR:
            raise TftpRefused(code, reply[4:].rstrip(b"\0").decode("ascii", "replace"))
        return reply, sender
    raise TimeoutError("no answer")


def _ack(block: int) -> bytes:
    return _WORDS.pack(4, block & 0xFFFF)


def _options(reply: bytes) -> dict[str, str]:
    fields = reply[2:].decode("ascii", "replace").split("\0")
    return {name.lower(): value for name, value in zip(fields[::2], fields[1::2], strict=False)}
