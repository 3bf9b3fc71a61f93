"""Secrets at rest: the key file, the encrypted column type, random credentials (security SE-01, SE-02)."""

import base64
import binascii
import hmac
import os
import stat
import string
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from webprov.durability import sync_folder
from webprov.errors import KeyFileError

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Keyring:
    """Keys of 32 bytes, the current one first; older ones still decrypt.

    A token is base64 of key id, nonce and AES-GCM text. AES-GCM rather than Fernet: it decrypts some ten times faster,
    and a run over a fleet decrypts several secrets per phone.
    """

    def __init__(self, keys: list[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])
        self._session_key = HKDF(hashes.SHA256(), 32, salt=None, info=b"webprov session").derive(keys[0])

    @property
    def session_key(self) -> bytes:
        """Signs the cookies of the admin UI; derived, so that one file holds every key."""
        return self._session_key

    def encrypt(self, text: str) -> str:
        """An ASCII token that only this ring opens; different each time."""
        return base64.b64encode(self.seal(text.encode())).decode()

    def decrypt(self, token: str) -> str:
        """The text of `token`; raises KeyFileError where no key of this ring opens it."""
        try:
            raw = binascii.a2b_base64(token)
        except ValueError:
            raw = b""
        return self.unseal(raw).decode()

    def seal(self, content: bytes) -> bytes:
        """`content` encrypted, as bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, content, None)

    def unseal(self, sealed: bytes) -> bytes:
        """What was given to `seal`; raises KeyFileError where no key of this ring opens it."""
        try:
            return self._ciphers[sealed[:4]].decrypt(sealed[4:16], sealed[16:], None)
        except (KeyError, ValueError, InvalidTag):
            raise KeyFileError(
                "The key file does not open the secrets in this database. Put back the secret.key that belongs to it."
            ) from None

    def renew(self, token: str) -> str:
        """`token` encrypted with the current key, itself where it is already; raises KeyFileError."""
        raw = binascii.a2b_base64(token)
        return token if raw[:4] == self._current else base64.b64encode(self.reseal(raw)).decode()

    def reseal(self, sealed: bytes) -> bytes:
        """What `renew` does, for bytes."""
        return sealed if sealed[:4] == self._current else self.seal(self.unseal(sealed))


def open_keyring(path: Path, *, create: bool) -> Keyring:
    """The keys of `path` (base64, one a line, current first), made at first start where `create` allows it.

    Raises KeyFileError when the file is missing, readable by others, or holds something else.
    """
    if not path.exists():
        if not create:
            raise KeyFileError(
                f"{path} is missing, but the database holds secrets. Put back the key file that belongs to it."
            )
        write_keys(path, [new_key()])
    return Keyring(read_keys(path))


def read_keys(path: Path) -> list[bytes]:
    """The keys that `path` holds, the current one first; raises KeyFileError as `open_keyring` does."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyFileError(f"{path} can be read by others (mode {mode:04o}). Allow only its owner: chmod 600 {path}")
    try:
        keys = [base64.b64decode(line, validate=True) for line in path.read_text().split()]
    except ValueError:
        keys = []
    if not keys or any(len(key) != _KEY_BYTES or len(set(key)) < _KEY_BYTES // 4 for key in keys):
        raise KeyFileError(f"{path} does not hold keys of webprov. Put back the file that was made with this instance.")
    return keys


def new_key() -> bytes:
    """A random key."""
    return os.urandom(_KEY_BYTES)


def write_keys(path: Path, keys: list[bytes]) -> None:
    """Put a file with these keys at `path`, durably, whole or not at all, for its owner alone. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # of a crash
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(base64.b64encode(key) + b"\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def _key_id(key: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"webprov key id" + key)
    return digest.finalize()[:4]


_ring: Keyring | None = None


def unlock(ring: Keyring) -> None:
    """Let this process read and write encrypted columns."""
    global _ring
    _ring = ring


def keyring() -> Keyring:
    """The ring given to `unlock`; raises KeyFileError before that."""
    if _ring is None:
        raise KeyFileError("The key file has not been opened.")
    return _ring


class Secret(TypeDecorator[str]):
    """A text column that is encrypted at rest. Empty stays empty, so that "is it set?" needs no key."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return keyring().encrypt(value) if value else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return keyring().decrypt(value) if value else value


class Sealed(TypeDecorator[bytes]):
    """Bytes that `Keyring.seal` gave; whoever reads them opens them."""

    impl = LargeBinary
    cache_ok = True


_ALPHABET = (string.ascii_letters + string.digits).encode()
_LETTERS = (_ALPHABET * 5)[:256]
_SURPLUS = bytes(range(256 - 256 % len(_ALPHABET), 256))  # left out, so that every letter is equally likely


def random_password(length: int = 22) -> str:
    """`length` of `[A-Za-z0-9]`: 22 carry 131 bits, and every phone accepts them (spec 5, security SE-02, SE-05)."""
    text = b""
    while len(text) < length:
        text += os.urandom(2 * length).translate(_LETTERS, _SURPLUS)
    return text[:length].decode()


def same_secret(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expectation is never met."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
