"""TFTP datagrams: requests read, options agreed on, answers written (RFC 1350, 2347, 2348, 2349, 7440). Pure."""

import struct
from enum import IntEnum
from typing import NamedTuple

from webprov.errors import WebprovError

LONGEST_REQUEST = 1024
DEFAULT_BLOCK_BYTES = 512
LARGEST_FILE = 4 * 1024**3
_BLOCK_BYTES = range(8, 65_465)
_TIMEOUTS = range(1, 7)  # five tries of six seconds are the half minute that a dead transfer may last (TF-04)
_WINDOWS = range(1, 65_536)
_LARGEST_WINDOW = 64
_WINDOW_BYTES = 128 * 1024
_TWO_NUMBERS = struct.Struct("!HH")


class Opcode(IntEnum):
    """What a datagram is."""

    READ = 1
    WRITE = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OPTIONS = 6


class ErrorCode(IntEnum):
    """Why an ERROR ends the conversation."""

    OTHER = 0
    NOT_FOUND = 1
    ACCESS = 2
    ILLEGAL = 4


class BadRequest(WebprovError):
    """A request that is none."""


class Request(NamedTuple):
    """A READ or WRITE: the name as sent (what is no UTF-8 escaped), text mode or not, options by lower-case name."""

    opcode: Opcode
    name: str
    netascii: bool
    options: dict[str, str]


class Agreed(NamedTuple):
    """How a transfer runs, and the options to confirm it with (none: no OACK). 0 s: the server's own patience."""

    block_bytes: int = DEFAULT_BLOCK_BYTES
    window: int = 1
    timeout_seconds: int = 0
    confirmed: tuple[tuple[str, int], ...] = ()


def parse_request(datagram: bytes) -> Request | None:
    """A READ or WRITE; None for any other kind of datagram; raises BadRequest for one that is broken."""
    opcode = int.from_bytes(datagram[:2], "big")
    if opcode not in (Opcode.READ, Opcode.WRITE):
        return None
    if len(datagram) > LONGEST_REQUEST:
        raise BadRequest("Request too long")
    fields = datagram[2:].split(b"\0")
    if len(fields) < 3 or not fields[0]:
        raise BadRequest("Illegal request")
    mode = fields[1].lower()
    if mode not in (b"octet", b"netascii"):
        raise BadRequest("Unknown transfer mode")
    name = fields[0].decode("utf-8", "backslashreplace")
    return Request(Opcode(opcode), name, mode == b"netascii", _options(fields[2:]))


def _options(fields: list[bytes]) -> dict[str, str]:
    """Pairs up to the first that is incomplete: old phones pad their requests with zeros. The first of equals holds."""
    found: dict[str, str] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if not name or not value:
            break
        found.setdefault(name.decode("ascii", "replace").lower(), value.decode("ascii", "replace"))
    return found


def agree(options: dict[str, str], size: int | None) -> Agreed:
    """What the server makes of the client's options; unknown or impossible ones are left out, as the RFCs want.

    `size` is what would be sent in bytes, None where that is not known beforehand.
    """
    block = _number(options.get("blksize"), _BLOCK_BYTES)
    timeout = _number(options.get("timeout"), _TIMEOUTS)
    window = _number(options.get("windowsize"), _WINDOWS)
    block_bytes = block or DEFAULT_BLOCK_BYTES
    if window:
        window = max(1, min(window, _LARGEST_WINDOW, _WINDOW_BYTES // block_bytes))
    known_size = size if _number(options.get("tsize"), range(LARGEST_FILE)) is not None else None
    offered = {"blksize": block, "timeout": timeout, "tsize": known_size, "windowsize": window}
    confirmed = [(name, value) for name in options if (value := offered.get(name)) is not None]
    return Agreed(block_bytes, window or 1, timeout or 0, tuple(confirmed))


def _number(text: str | None, allowed: range) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if int(text) in allowed else None


def acknowledged(datagram: bytes) -> int | None:
    """The block number of an ACK, or None: it is something else."""
    if len(datagram) < 4:
        return None
    opcode, block = _TWO_NUMBERS.unpack_from(datagram)
    return int(block) if opcode == Opcode.ACK else None


def is_error(datagram: bytes) -> bool:
    """Whether the other side gives up."""
    return datagram[:2] == b"\0\5"


def data(block: int, content: bytes) -> bytes:
    """DATA; block numbers wrap after 65,535 to 0."""
    return _TWO_NUMBERS.pack(Opcode.DATA, block & 0xFFFF) + content


def option_ack(agreed: Agreed) -> bytes:
    """OACK with the options agreed on."""
    pairs = "".join(f"{name}\0{value}\0" for name, value in agreed.confirmed)
    return b"\0\6" + pairs.encode("ascii")


def error(code: ErrorCode, text: str) -> bytes:
    """ERROR; `text` is ASCII and tells nothing that the code does not."""
    return _TWO_NUMBERS.pack(Opcode.ERROR, code) + text.encode("ascii") + b"\0"


def as_netascii(content: bytes) -> bytes:
    """Text as TFTP's text mode sends it (RFC 764): CR LF ends a line, CR NUL is a bare CR."""
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
