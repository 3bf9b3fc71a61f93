"""The provisioning directory: files appear whole or not at all, and nothing outside it is ever touched.

Security FS-02 to FS-05, FS-07. A name comes in as a relative path with `/`; every part must be a plain file name.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from webprov.durability import sync_folder
from webprov.errors import DiskError, StorageError

_FILE_MODE = 0o640
_FOLDER_MODE = 0o750
_LEFTOVER_AGE_SECONDS = 3600
_PROBE_BYTES = 64 * 1024


class FileStore:
    """All files below `root`. Writers replace files by rename; readers open what is there at that moment."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: Mapping[str, bytes], *, sync: bool = True) -> list[str]:
        """Write what differs from disk, in the order given (referred-to first), and return those names.

        Every file is staged before the first is renamed, so an error leaves all old files in place. `sync` makes each
        durable; a bulk run passes False and calls `sync_all` once a batch. Raises DiskError with path and reason, and
        StorageError for a name that cannot be.
        """
        staged: list[tuple[Path, Path]] = []
        changed = [name for name, content in files.items() if self.read(name) != content]
        try:
            for name in changed:
                target = self.path(name)
                target.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                staged.append((_stage(target, files[name], sync=sync), target))
            for temporary, target in staged:
                temporary.rename(target)
            if sync:
                for folder in {target.parent for _, target in staged}:
                    sync_folder(folder)
        except OSError as e:
            raise DiskError(_sentence(e, self.root)) from e
        finally:
            for temporary, _ in staged:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        return changed

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that may be gone already, and folders that this leaves empty. Raises StorageError."""
        try:
            for name in names:
                target = self.path(name)
                target.unlink(missing_ok=True)
                for folder in list(target.relative_to(self.root).parents)[:-1]:
                    with contextlib.suppress(OSError):
                        (self.root / folder).rmdir()
        except OSError as e:
            raise DiskError(_sentence(e, self.root)) from e

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, or None where there is none. A symbolic link is none. Raises StorageError."""
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            with os.fdopen(descriptor, "rb") as file:
                return file.read()
        except OSError as e:
            raise DiskError(_sentence(e, self.root)) from e

    def path(self, name: str) -> Path:
        """Where `name` lies; raises StorageError for a name that would leave the root or hide in it (FS-01)."""
        parts = name.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\0" in part or "\\" in part for part in parts):
            raise StorageError(f"“{name}” cannot be the name of a provisioning file.")
        folder = str(self.root)
        for part in parts[:-1]:
            folder = f"{folder}/{part}"
            if os.path.islink(folder):  # noqa: PTH114 - a string: this runs for every file of every device
                raise StorageError(
                    f"{folder} is a symbolic link, and what lies behind it is not ours. Remove the link."
                )
        return Path(f"{folder}/{parts[-1]}")

    def takes_files(self) -> bool:
        """Whether a file of usual size can be written now; it is gone again."""
        try:
            _stage(self.root / "probe", bytes(_PROBE_BYTES), sync=True).unlink()
        except OSError:
            return False
        return True

    def sync_all(self) -> None:
        """Make everything written before durable, at the end of a batch."""
        os.sync()

    def sweep(self, *, nobody_writes: bool = False) -> int:
        """Remove temporary files that a crash left; how many there were.

        Those younger than an hour may be of a writer at work, unless it is known that `nobody_writes`.
        """
        limit = float("inf") if nobody_writes else time.time() - _LEFTOVER_AGE_SECONDS
        old = [path for path in self.root.rglob(".*.tmp") if _changed_at(path) < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def _changed_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:  # its writer has renamed it in between
        return float("inf")


def _stage(target: Path, content: bytes, *, sync: bool) -> Path:
    """Write `content` beside `target` under a hidden name; nothing stays behind on an error."""
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sentence(error: OSError, root: Path) -> str:
    where = error.filename or root
    reason = (error.strerror or str(error)).lower()
    told = f"{where} could not be written: {reason}. The old files are still in place."
    return f"{told} Make room or check its rights; the worker then tries again."
