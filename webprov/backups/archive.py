"""What a backup is: a tar file in gzip, sealed where there is a passphrase. Its members, in this order:

`webprov.json` (which webprov, which revision of the tables, when), `secret.key`, `database/<table>.jsonl`,
`files/<place in the instance>`, `sums.json` (the SHA-256 of each, and the proof that nothing is cut off).
"""

import gzip
import hashlib
import io
import json
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import func, select, text

from webprov import __version__
from webprov.audit import record_change
from webprov.backups.sealing import SealingWriter
from webprov.backups.tables import read_tables
from webprov.errors import StorageError
from webprov.rights import CONSOLE
from webprov.store.database import reading, writing
from webprov.store.instance import Instance
from webprov.store.models import Device, utc_now

FORMAT = 1
ABOUT, KEY, SUMS = "webprov.json", "secret.key", "sums.json"
TABLES, FILES = "database/", "files/"
FOLDERS = ("provisioning", "user_provisioning", "uploads", "tls", "scripts")
CONFIG = "webprov.cfg"
_FIRMWARE = "FIRMWARE-"
_COMPRESSION = 3


@dataclass(frozen=True)
class Summary:
    """What a backup holds; `bytes` is the size of the file."""

    devices: int
    files: int
    bytes: int


def write_backup(instance: Instance, target: Path, *, passphrase: str = "", firmware: bool = True) -> Summary:
    """Write the whole instance to `target` (0600), which must not exist yet; webprov may run meanwhile.

    The tables are those of one moment. Files are read after them; one that changes in between is found and made again
    at the start after a restore. Raises StorageError where something cannot be read or written; then nothing is left.
    """
    if target.exists():
        raise StorageError(f"{target} exists already. Choose another name, or move that file away.")
    if not target.parent.is_dir():
        raise StorageError(f"There is no folder {target.parent}. Make it first, or choose another.")
    part = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                devices, files = _write(instance, file, passphrase, firmware=firmware)
                file.flush()
                os.fsync(file.fileno())
            size = part.stat().st_size
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as e:
        where, why = e.filename or target, e.strerror or e
        raise StorageError(f"The backup could not be written: {where}: {why}. Nothing was left behind.") from e
    with instance.sessions() as session, writing(session):
        record_change(session, CONSOLE, "make", "backup", target.name)
    return Summary(devices, files, size)


def _write(instance: Instance, file: BinaryIO, passphrase: str, *, firmware: bool) -> tuple[int, int]:
    with ExitStack() as stack:
        out: Any = stack.enter_context(SealingWriter(file, passphrase)) if passphrase else file
        packed = stack.enter_context(gzip.GzipFile("", "wb", _COMPRESSION, out, mtime=0))
        tar = stack.enter_context(tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT))
        bag = _Bag(tar)
        devices = _add_database(instance, bag, firmware=firmware)
        files = 0
        for name, path in _paths(instance.config.instance, firmware=firmware):
            files += bag.add_file(FILES + name, path)
        bag.add(SUMS, json.dumps(bag.sums).encode())
        return devices, files


def _add_database(instance: Instance, bag: "_Bag", *, firmware: bool) -> int:
    """All tables as they are at one moment, with the key that opens them; how many devices."""
    with instance.sessions() as session, reading(session):
        options = {"isolation_level": "REPEATABLE READ"} if instance.engine.dialect.name == "postgresql" else {}
        connection = session.connection(execution_options=options)
        about = {
            "format": FORMAT,
            "version": __version__,
            "revision": session.scalar(text("SELECT version_num FROM alembic_version")),
            "made_at": utc_now().isoformat(timespec="seconds"),
            "firmware": firmware,
        }
        bag.add(ABOUT, json.dumps(about).encode())
        bag.add(KEY, instance.config.key_file.read_bytes())
        for name, lines in read_tables(connection).items():
            bag.add_lines(f"{TABLES}{name}.jsonl", lines, instance.config.instance)
        return session.scalar(select(func.count()).select_from(Device)) or 0


class _Bag:
    """Adds members and keeps their sums."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.sums: dict[str, str] = {}

    def add(self, name: str, content: bytes) -> None:
        self._put(name, io.BytesIO(content), len(content), 0o600)

    def add_lines(self, name: str, lines: Iterable[bytes], folder: Path) -> None:
        """A member whose size is known at its end only."""
        with tempfile.TemporaryFile(dir=folder) as spool:
            spool.writelines(lines)
            size = spool.tell()
            spool.seek(0)
            self._put(name, spool, size, 0o600)

    def add_file(self, name: str, path: Path) -> bool:
        """The file at `path`; False where it has gone, or is something else, since it was listed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            self._put(name, file, status.st_size, status.st_mode & 0o770, int(status.st_mtime))
        return True

    def _put(self, name: str, file: Any, size: int, mode: int, changed_at: int = 0) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, mode, changed_at
        summing = Summing(file)
        self._tar.addfile(member, summing)
        self.sums[name] = summing.sum.hexdigest()


class Summing:
    """A file that is read through, and the SHA-256 of what was read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data: bytes = self._file.read(size)
        self.sum.update(data)
        return data


def _paths(root: Path, *, firmware: bool) -> Iterator[tuple[str, Path]]:
    """The regular files of an instance by their names below it; no links, nothing half written."""
    if (root / CONFIG).is_file():
        yield CONFIG, root / CONFIG
    for folder in FOLDERS:
        yield from _below(root / folder, folder, firmware=firmware)


def _below(folder: Path, name: str, *, firmware: bool) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        inside = f"{name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if firmware or not entry.name.upper().startswith(_FIRMWARE):
                yield from _below(Path(entry.path), inside, firmware=firmware)
        elif entry.is_file(follow_symlinks=False) and not (entry.name.startswith(".") and entry.name.endswith(".tmp")):
            yield inside, Path(entry.path)
