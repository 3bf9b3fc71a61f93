"""What each TFTP request gets, by the rules that hold for every protocol (spec 8, security TF-01, TF-02, TF-06)."""

import os
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from webprov import enums
from webprov.serving import tftppackets as packets
from webprov.serving.askers import Asker, Reason
from webprov.serving.fetchedfile import FetchedFile
from webprov.serving.fetching import Fetching
from webprov.serving.simulated import TFTP_OPTION, is_mark
from webprov.serving.sources import Source
from webprov.serving.tftppackets import ErrorCode, Opcode, Request
from webprov.serving.tftptransfer import Content

_LARGEST_TEXT = 4 * 1024 * 1024
_NOT_FOUND = packets.error(ErrorCode.NOT_FOUND, "File not found")
_READ_ONLY = packets.error(ErrorCode.ACCESS, "Read only")
_TOO_LARGE = packets.error(ErrorCode.OTHER, "Too large for this mode")


class MemoryContent(NamedTuple):
    """A small file, whole."""

    content: bytes

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        """A part of it."""
        return self.content[offset : offset + length]

    def close(self) -> None:
        """Nothing is held."""


class FileContent(NamedTuple):
    """An open file, read block by block: firmware takes no memory."""

    file: BinaryIO
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """A part of it; raises OSError, also where the file has become shorter."""
        found = os.pread(self.file.fileno(), length, offset)
        if len(found) < min(length, self.size - offset):
            raise OSError("the file became shorter while it was sent")
        return found

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Offer(NamedTuple):
    """What to send; `finish` wants to know, once, whether the client has got it all."""

    content: Content
    finish: Callable[[bool], None]


class Desk:
    """What each request gets, by the rules that hold for every protocol."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching

    def source(self, address: str) -> Source:
        """Where a request comes from, and whether phones may ask by TFTP there."""
        return self._fetching.gatekeeper.source(enums.Protocol.TFTP, address)

    def answer(self, request: Request, source: Source) -> Offer | bytes:
        """What to send, or the packet that refuses it."""
        verdict = self._fetching.gatekeeper.check_tftp(source)
        if not verdict.passed:
            return self.refuse(request, source, verdict.reason, _NOT_FOUND)
        if request.opcode is Opcode.WRITE:
            return self.refuse(request, source, Reason.METHOD, _READ_ONLY)
        simulated = is_mark(request.options.get(TFTP_OPTION, ""))
        asker = Asker(enums.Protocol.TFTP, source, identity=verdict.identity, simulated=simulated)
        fetched, finish = self._fetching.begin_fetch(request.name, asker)
        content = _content(fetched, netascii=request.netascii) if fetched.found else None
        if content is None:
            fetched.close()
            finish(False)
            return _TOO_LARGE if fetched.found else _NOT_FOUND
        return Offer(content, finish)

    def refuse(self, request: Request, source: Source, reason: Reason, answer: bytes = b"") -> bytes:
        """Leave a record that a request was refused; `answer` is what its client is told."""
        self._fetching.refuse(request.name, Asker(enums.Protocol.TFTP, source), 404, reason)
        return answer


def _content(fetched: FetchedFile, *, netascii: bool) -> Content | None:
    """What is sent of a file; None where it is too large. In text mode a file is changed whole, so it must be small."""
    if fetched.size >= (_LARGEST_TEXT if netascii else packets.LARGEST_FILE):
        return None
    if fetched.file is not None and not netascii:
        return FileContent(fetched.file, fetched.size)
    content = fetched.content
    if fetched.file is not None:
        with fetched.file as file:
            content = file.read(_LARGEST_TEXT)
    return MemoryContent(packets.as_netascii(content) if netascii else content)
