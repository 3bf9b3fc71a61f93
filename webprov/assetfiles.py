"""Firmware and other files that administrators put into the provisioning directory: list, store, delete (spec 7).

What provisioning makes is none of them: files of devices, shared files, contacts, folders named like a model's segment.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import IO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.delivery.assetnames import DEEPEST, is_asset, names_device
from webprov.durability import sync_folder
from webprov.errors import InvalidValue, NotFound, StorageError
from webprov.phones.catalog import Catalog
from webprov.phones.modelkeys import model_segment
from webprov.rights import Actor, Right
from webprov.store.database import writing
from webprov.store.models import Device, RenderedFileRecord, Tenant

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+()@ -]{0,119}", re.ASCII)
_CHUNK = 1024 * 1024
_CONTACTS = "contacts"


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file; `name` is relative to the provisioning directory."""

    name: str
    size: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Firmware:
    """The firmware that a model in use names: where it should lie, the file if it is there, and who would load it."""

    model_key: str
    label: str
    name: str
    devices: int
    file: AssetFile | None


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """What was stored: its name, size, checksum, and whether it took the place of another."""

    name: str
    size: int
    sha256: str
    replaced: bool


class AssetFolder:
    """The assets below one provisioning directory."""

    def __init__(self, root: Path, catalog: Catalog, made: Collection[str] = ()) -> None:
        """`made`: casefolded names of files that provisioning made at the top."""
        self.root = root
        self._segments = {model_segment(model.key).casefold() for model in catalog.models()}
        self._made = frozenset(made)

    @property
    def free_bytes(self) -> int:
        """How much room is left on its disk."""
        return shutil.disk_usage(self.root).free

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder ("" = the top) that may be looked into."""
        try:
            self._check_parts(folder.split("/") if folder else [], folder)
        except InvalidValue:
            return False
        path = self.root / folder
        return path.is_dir() and path.resolve().is_relative_to(self.root.resolve()) and self._is_ours(f"{folder}/")

    def entries(self, folder: str) -> tuple[list[str], list[AssetFile]]:
        """The folders and the files of one folder ("" = the top), by name. Raises NotFound."""
        if not self.has_folder(folder):
            raise NotFound("There is no such folder.")
        folders, files = [], []
        for entry in sorted(os.scandir(self.root / folder), key=lambda one: one.name.casefold()):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or not self._is_ours(name):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_file(follow_symlinks=False) and is_asset(name):
                files.append(_file(name, entry.stat(follow_symlinks=False)))
        return folders, files

    def find(self, name: str) -> AssetFile | None:
        """The asset of that name, if it is there."""
        try:
            path = self.path(name)
            found = path.lstat()
        except (InvalidValue, OSError):
            return None
        return _file(name, found) if path.is_file() and not path.is_symlink() else None

    def path(self, name: str) -> Path:
        """Where the asset `name` belongs. Raises InvalidValue for a name that phones could not have, or not safely."""
        parts = name.split("/")
        self._check_parts(parts, name)
        if not self._is_ours(name):
            raise InvalidValue(f"“{name}” lies where webprov writes its own files. Choose another folder.")
        if not is_asset(name):
            hint = "put it into Config/" if names_device(name) else "rename it"
            raise InvalidValue(f"“{name}” would not be served: it looks like a leftover or a device’s file; {hint}.")
        target = self.root.joinpath(*parts)
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise InvalidValue(f"“{name}” leads out of {self.root}. Remove the symbolic link there.")
        return target

    def write(self, name: str, content: IO[bytes]) -> StoredAsset:
        """Store `content` as `name`, whole or not at all. Raises InvalidValue for the name, StorageError."""
        target = self.path(name)
        self._refuse_other_spelling(target)
        replaced = target.exists()
        part = target.with_name(f".{token_hex(8)}.tmp")
        try:
            target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            size, digest = _copy(content, part)
            part.replace(target)
            sync_folder(target.parent)
        except OSError as e:
            raise StorageError(f"{target} could not be written: {(e.strerror or str(e)).lower()}.") from e
        finally:
            part.unlink(missing_ok=True)
        return StoredAsset(name, size, digest, replaced)

    def remove(self, name: str) -> None:
        """Delete an asset, and folders that this leaves empty. Raises NotFound, StorageError."""
        if self.find(name) is None:
            raise NotFound(f"There is no file {name}.")
        target = self.path(name)
        try:
            target.unlink()
            for folder in list(target.relative_to(self.root).parents)[:-1]:
                if any((self.root / folder).iterdir()):
                    break
                (self.root / folder).rmdir()
        except OSError as e:
            raise StorageError(f"{target} could not be deleted: {(e.strerror or str(e)).lower()}.") from e

    def checksum(self, name: str) -> str:
        """The SHA-256 of an asset, remembered while it does not change. Raises NotFound."""
        file = self.find(name)
        if file is None:
            raise NotFound(f"There is no file {name}.")
        path = self.path(name)
        return _sha256(path, file.size, path.stat().st_mtime_ns)

    def _is_ours(self, name: str) -> bool:
        top, _, rest = name.casefold().partition("/")
        return top != _CONTACTS and top not in self._segments and (bool(rest) or top not in self._made)

    def _check_parts(self, parts: list[str], name: str) -> None:
        if len(parts) > DEEPEST or not all(_PART.fullmatch(part) and not part.endswith(" ") for part in parts):
            raise InvalidValue(
                f"“{name[:120]}” cannot be the name of a file here. Use letters, digits, blanks and . _ - + ( ) @."
            )

    def _refuse_other_spelling(self, target: Path) -> None:
        """Phones' names are looked up without regard to case: two spellings would hide one another."""
        siblings = target.parent.iterdir() if target.parent.is_dir() else ()
        twin = next((one.name for one in siblings if one.name.casefold() == target.name.casefold()), target.name)
        if twin != target.name:
            raise InvalidValue(f"There is {twin} already. Phones cannot tell the two names apart: delete it first.")


def asset_folder(session: Session, root: Path, catalog: Catalog) -> AssetFolder:
    """The assets of an instance."""
    made = session.scalars(select(RenderedFileRecord.path_key).where(RenderedFileRecord.device_id.is_(None)))
    return AssetFolder(root, catalog, set(made))


def firmware_in_use(session: Session, catalog: Catalog, folder: AssetFolder) -> Iterator[Firmware]:
    """The firmware of every model that devices have, by label; models without one are left out."""
    counts: dict[tuple[str, str, str, str], int] = {}
    used = select(Device.model, Tenant.name, func.count()).join(Tenant).group_by(Device.model, Tenant.name)
    for key, tenant, count in session.execute(used):
        model = catalog.model(key, tenant)
        if model and model.firmware:
            place = (model.label, key, model.firmware_dir, model.firmware)
            counts[place] = counts.get(place, 0) + count
    for (label, key, where, file), count in sorted(counts.items()):
        name = f"{where}/{file}"
        yield Firmware(key, label, name, count, folder.find(name))


def upload_asset(session: Session, folder: AssetFolder, name: str, content: IO[bytes], by: Actor) -> StoredAsset:
    """Store a file for phones and record who did."""
    by.check(Right.MANAGE_ASSETS)
    stored = folder.write(name, content)
    fields: Mapping[str, object] = {"size": ["", stored.size], "sha256": ["", stored.sha256]}
    with writing(session):
        record_change(session, by, "replace" if stored.replaced else "upload", "file", name, fields=fields)
    return stored


def delete_asset(session: Session, folder: AssetFolder, name: str, by: Actor) -> None:
    """Delete a file of phones and record who did."""
    by.check(Right.MANAGE_ASSETS)
    folder.remove(name)
    with writing(session):
        record_change(session, by, "delete", "file", name)


def _file(name: str, status: os.stat_result) -> AssetFile:
    return AssetFile(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _copy(content: IO[bytes], part: Path) -> tuple[int, str]:
    """Write `content` to the new file `part`, durably; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


@lru_cache(maxsize=1_000)
def _sha256(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - size and change make another file of it
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
