"""A backup under a passphrase: scrypt makes the key, AES-GCM seals it piece by piece, so that size does not matter.

Each piece is bound to its place, and the last one is marked: nothing can be left out, swapped or cut off unnoticed.
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from webprov.errors import BackupError

MAGIC = b"webprov sealed backup 1\n"
_SALT_BYTES = 16
_PIECE_BYTES = 64 * 1024
_TAG_BYTES = 16
_LAST, _MORE = b"\x01", b"\x00"


class SealingWriter(io.RawIOBase):
    """Writes what it is given, sealed, to `file`; whole only once it is closed. `file` stays open."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt = os.urandom(_SALT_BYTES)
        file.write(MAGIC + salt)
        self._file, self._cipher = file, _cipher(passphrase, salt)
        self._waiting = bytearray()
        self._number = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take bytes; they leave in whole pieces."""
        self._waiting += data
        while len(self._waiting) > _PIECE_BYTES:  # one is kept back: the last has to be known as such
            self._put(bytes(self._waiting[:_PIECE_BYTES]), _MORE)
            del self._waiting[:_PIECE_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the last piece."""
        if not self.closed:
            self._put(bytes(self._waiting), _LAST)
        super().close()

    def _put(self, piece: bytes, mark: bytes) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, mark), piece, None))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads back what a SealingWriter wrote, from behind the magic words on.

    Raises BackupError where the passphrase is another one, or the file is not as it was written.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file, self._cipher = file, _cipher(passphrase, file.read(_SALT_BYTES))
        self._ahead = file.read(_PIECE_BYTES + _TAG_BYTES)
        self._open = b""
        self._number = 0
        self._ended = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill `buffer` as far as a piece goes; 0 at the end."""
        while not self._open and not self._ended:
            self._next()
        part = self._open[: len(buffer)]
        buffer[: len(part)] = part
        self._open = self._open[len(part) :]
        return len(part)

    def _next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(_PIECE_BYTES + _TAG_BYTES)
        self._ended = not self._ahead
        try:
            self._open = self._cipher.decrypt(_nonce(self._number, _LAST if self._ended else _MORE), sealed, None)
        except (InvalidTag, ValueError):
            what = "The backup is damaged or cut off." if self._number else "The passphrase does not open this backup."
            raise BackupError(what) from None
        self._number += 1


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, mark: bytes) -> bytes:
    return number.to_bytes(11, "big") + mark
