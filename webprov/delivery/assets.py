"""Which directories of the provisioning directory go to the bucket besides the devices' files, and whether they have
changed (spec 7; security TR-10).

Asked every hour and mostly answered "nothing": a walk that looks at names, sizes and times only (performance P5).
Symbolic links are not followed and hidden files are not looked at.
"""

import hashlib
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from webprov.delivery.assetnames import is_asset, names_device, only_rules, rclone_rules
from webprov.errors import StorageError

CONTACTS = "CONTACTS"
TOP = ""
"""The path of the target for files at the top."""


class SyncKind(StrEnum):
    """What is synced together."""

    CONTACTS = "contacts"
    ASSETS = "assets"


@dataclass(frozen=True, slots=True)
class SyncSource:
    """One directory that has to lie in the bucket at `path` below the key prefix. `names`: only these files of it;
    `is_made`: webprov made all that lies there."""

    path: str
    folder: Path
    names: frozenset[str] | None = None
    is_made: bool = False

    @property
    def rules(self) -> list[str]:
        """The filter rules of rclone for what does not go, besides hidden files."""
        if self.names is not None:
            return only_rules(self.names)
        return [] if self.is_made else rclone_rules(self.folder.name)

    def holds(self, name: str) -> bool:
        """Whether a file of that name below it goes; hidden ones never do."""
        if self.names is not None:
            return name in self.names
        return self.is_made or is_asset(f"{self.folder.name}/{name}")


@dataclass(frozen=True, slots=True)
class FolderState:
    """What a directory holds: number and bytes of its files, and a hash of their names, sizes and times."""

    files: int = 0
    size: int = 0
    digest: str = ""


def contact_sources(root: Path) -> list[SyncSource]:
    """The directory of each tenant's contacts."""
    return [
        SyncSource(f"{CONTACTS}/{entry.name}", Path(entry.path), is_made=True) for entry in _folders(root / CONTACTS)
    ]


def asset_sources(root: Path, owned: Set[str], segments: Set[str], firmware: Mapping[str, str]) -> list[SyncSource]:
    """Every shared directory, firmware directories once more under the segments that use them, and files at the top.

    `owned`: the casefolded first parts of the names of rendered files; `segments`: the casefolded folder names of all
    models, which are for generated files alone; `firmware`: for each segment in use its firmware directory's name.
    """
    kept_out = owned | segments | {CONTACTS.casefold()}
    folders = [entry for entry in _folders(root) if entry.name.casefold() not in kept_out]
    found = [SyncSource(entry.name, Path(entry.path)) for entry in folders if not names_device(entry.name)]
    here = {source.path for source in found}
    found += [
        SyncSource(f"{segment}/{name}", root / name) for segment, name in sorted(firmware.items()) if name in here
    ]
    here_at_top = [entry.name for entry in _entries(root) if _is_file(entry) and entry.name.casefold() not in owned]
    names = frozenset(name for name in here_at_top if is_asset(name) and name.isprintable())
    return [*found, SyncSource(TOP, root, names)] if names else found


def folder_state(source: SyncSource) -> FolderState:
    """What `source` holds now; nothing where it is missing. Raises StorageError where it cannot be read."""
    lines, size = [], 0
    for name, status in _walk(source):
        size += status.st_size
        lines.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")
    lines.sort()
    return FolderState(
        len(lines), size, hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    )


def foreign_in_segments(root: Path, segments: Set[str], recorded: Set[str]) -> list[str]:
    """Files made by hand in folders that are for generated files: they are never synced. Names below `root`, sorted.

    `segments` are casefolded; `recorded` are the names of all rendered files below `root`.
    """
    found = []
    for entry in _folders(root):
        if entry.name.casefold() in segments:
            below = (
                f"{entry.name}/{name}" for name, _ in _walk(SyncSource(entry.name, Path(entry.path), is_made=True))
            )
            found += [name for name in below if name not in recorded]
    return sorted(found)


def _walk(source: SyncSource) -> list[tuple[str, os.stat_result]]:
    """Every file below a source with its status. Written for speed: it is most of a pass (performance P5)."""
    found: list[tuple[str, os.stat_result]] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        for entry in _entries(f"{source.folder}/{below}"):
            if entry.is_file(follow_symlinks=False):
                if source.holds(below + entry.name):
                    found.append((below + entry.name, entry.stat(follow_symlinks=False)))
            elif source.names is None and entry.is_dir(follow_symlinks=False):
                waiting.append(f"{below}{entry.name}/")
    return found


def _folders(root: Path) -> list["os.DirEntry[str]"]:
    return sorted((entry for entry in _entries(root) if entry.is_dir(follow_symlinks=False)), key=lambda e: e.name)


def _is_file(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False)


def _entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    """What is in a folder, except what is hidden; nothing where it is missing."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise StorageError(
            f"{str(folder).rstrip('/')} cannot be read: {(e.strerror or str(e)).lower()}. Check its rights."
        ) from e
