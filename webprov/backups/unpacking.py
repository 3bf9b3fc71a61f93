"""Unpacking a backup: nothing leaves it that webprov would not have put in, wherever the file comes from (DB-05)."""

import gzip
import json
import os
import re
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from webprov.backups.archive import ABOUT, CONFIG, FILES, FOLDERS, FORMAT, KEY, SUMS, TABLES, Summing
from webprov.backups.sealing import MAGIC, SealedReader
from webprov.config import Config
from webprov.errors import BackupError, StorageError

_FILE = rf"{CONFIG}|(?:{'|'.join(FOLDERS)})(?:/[^/\0]{{1,255}})+"
_MEMBER = re.compile(rf"{ABOUT}|{KEY}|{SUMS}|{TABLES}[a-z_]{{1,60}}\.jsonl|{FILES}(?:{_FILE})")
_HEAD_BYTES = 1024 * 1024
_SMALL_BYTES = 256 * 1024 * 1024
_TAR_BLOCK = 512


@dataclass
class Unpacked:
    """A backup in a folder: its files below `folder` as in an instance, with `secret.key`; its tables, by name."""

    folder: Path
    size: int
    revision: str = ""
    version: str = ""
    made_at: datetime = datetime.min
    tables: dict[str, Path] = field(default_factory=dict)
    files: int = 0


def is_sealed(file: Path) -> bool:
    """Whether a passphrase is needed; raises StorageError where `file` cannot be read."""
    with _reading(file) as stream:
        return stream.read(len(MAGIC)) == MAGIC


@contextmanager
def unpacked(config: Config, file: Path, passphrase: str) -> Iterator[Unpacked]:
    """The backup in a folder of the instance that goes at the end, with everything that is left in it.

    Raises BackupError for what is no whole backup of webprov, StorageError where files cannot be read or written.
    """
    os.umask(0o027)
    folder = config.instance / "tmp" / f"restore-{secrets.token_hex(6)}"
    try:
        config.instance.mkdir(mode=0o750, parents=True, exist_ok=True)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            with _reading(file) as raw:
                found = _unpack(raw, passphrase, folder)
            yield found
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as e:
        where, why = e.filename or config.instance, e.strerror or e
        raise StorageError(f"The backup could not be restored: {where}: {why}.") from e


@contextmanager
def _reading(file: Path) -> Iterator[BinaryIO]:
    try:
        stream = file.open("rb")
    except OSError as e:
        raise StorageError(f"{file} cannot be read: {e.strerror}.") from e
    with stream:
        yield stream


def _unpack(raw: BinaryIO, passphrase: str, folder: Path) -> Unpacked:
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o750)
    sealed = raw.read(len(MAGIC)) == MAGIC
    if sealed and not passphrase:
        raise BackupError("This backup is sealed. Give its passphrase.")
    raw.seek(len(MAGIC) if sealed else 0)
    plain: Any = SealedReader(raw, passphrase) if sealed else raw
    try:
        with ExitStack() as stack:
            packed = _Rationed(stack.enter_context(gzip.GzipFile(fileobj=plain, mode="rb")))
            tar = stack.enter_context(tarfile.open(fileobj=packed, mode="r|"))  # type: ignore[call-overload]
            return _Unpacker(folder, os.fstat(raw.fileno()).st_size).unpack(tar, packed)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as e:
        raise BackupError("This is no backup of webprov, or it is damaged or cut off.") from e


class _Rationed:
    """Gives so much and no more, so that a few bytes cannot unpack to a full disk or memory unnoticed."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = _HEAD_BYTES

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise BackupError("The backup unpacks to more than it says. It was not made by webprov.")
        return data


class _Unpacker:
    """Takes the members one by one, in the order in which webprov puts them in."""

    def __init__(self, folder: Path, size: int) -> None:
        self._found = Unpacked(folder, size)
        self._sums: dict[str, str] = {}
        self._is_whole = False

    def unpack(self, tar: tarfile.TarFile, packed: _Rationed) -> Unpacked:
        for member in tar:
            self._check(member)
            packed.left = member.size + _TAR_BLOCK + _HEAD_BYTES  # the next head included
            content = Summing(tar.extractfile(member))
            self._take(member, content)
            self._sums[member.name] = content.sum.hexdigest()
        if not self._is_whole:
            raise BackupError("The backup is cut off: its end is missing.")
        return self._found

    def _check(self, member: tarfile.TarInfo) -> None:
        name = member.name
        strange = not member.isreg() or member.issparse() or not _MEMBER.fullmatch(name) or name in self._sums
        if strange or self._is_whole or {".", ".."} & set(name.split("/")):
            raise BackupError(f"The backup holds “{name[:100]}”, which no backup of webprov does.")
        if not self._found.revision and name != ABOUT:
            raise BackupError("This is no backup of webprov: it does not say what it is.")
        if member.size > _SMALL_BYTES and name in (ABOUT, KEY, SUMS):
            raise BackupError("The backup is damaged: a part that should be small is large.")

    def _take(self, member: tarfile.TarInfo, content: Summing) -> None:
        name, folder = member.name, self._found.folder
        if name == ABOUT:
            self._read_about(_object(content.read()))
        elif name == SUMS:
            self._is_whole = _object(content.read()) == self._sums
            if not self._is_whole:
                raise BackupError("The backup is damaged: its parts are not those that were put in.")
        elif name == KEY:
            _write(folder / KEY, content, 0o600)
        elif name.startswith(TABLES):
            path = folder / name.removeprefix(TABLES)
            self._found.tables[path.stem] = path
            _write(path, content, 0o600)
        else:
            path = folder / name.removeprefix(FILES)
            _write(path, content, 0o750 if member.mode & 0o100 else 0o640)
            os.utime(path, (member.mtime, member.mtime))
            self._found.files += 1

    def _read_about(self, about: dict[str, Any]) -> None:
        found = self._found
        try:
            found.version, newer = str(about["version"]), int(about["format"]) > FORMAT
            found.made_at = datetime.fromisoformat(about["made_at"])
            found.revision = str(about["revision"])
        except (KeyError, TypeError, ValueError) as e:
            raise BackupError("This is no backup of webprov: it does not say what it is.") from e
        if newer:
            raise BackupError(
                f"The backup was made by a newer webprov ({found.version}). Restore it with that version."
            )


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BackupError("The backup is damaged: what it says of itself cannot be read.")
    return value


def _write(path: Path, content: Summing, mode: int) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
