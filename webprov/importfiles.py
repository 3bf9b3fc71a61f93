"""CSV files that wait to be imported: in `imports/` of the instance, packed and encrypted, for nobody else to read.

They hold people's names and passwords. Each belongs to a job and goes with its end; `sweep` removes those that a
crash left.
"""

import logging
import os
import time
import zlib
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from webprov.config import Config
from webprov.errors import KeyFileError, NotFound, StorageError
from webprov.store.secrets import keyring

log = logging.getLogger(__name__)

_YOUNG_SECONDS = 600
"""The time between a file and the record that names it is far shorter."""


def keep(config: Config, data: bytes) -> str:
    """Store `data` durably; the name to find it by. Raises StorageError."""
    name = f"{token_hex(16)}.sealed"
    path = config.imports_dir / name
    try:
        config.imports_dir.mkdir(mode=0o700, exist_ok=True)
        _store(path, keyring().seal(zlib.compress(data, 1)))
    except OSError as e:
        path.unlink(missing_ok=True)
        raise StorageError(f"The file cannot be kept until it is imported: {e.strerror}. Nothing was imported.") from e
    return name


def _store(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def opened(config: Config, name: str) -> bytes:
    """What was given to `keep`. Raises NotFound where it is gone or cannot be opened any more."""
    try:
        return zlib.decompress(keyring().unseal((config.imports_dir / name).read_bytes()))
    except (OSError, KeyFileError, zlib.error) as e:
        raise NotFound("The file is not there any more. Choose it again; nothing was imported.") from e


def renew(config: Config) -> int:
    """Encrypt the files with the current key; how many were not yet. Damaged ones are left. Raises OSError."""
    count = 0
    for path in list(config.imports_dir.glob("*.sealed")):
        before = path.read_bytes()
        with suppress(KeyFileError):
            after = keyring().reseal(before)
            if after != before:
                fresh = path.with_name(f"{token_hex(16)}.sealed")  # swept where a crash leaves it
                _store(fresh, after)
                fresh.replace(path)
                count += 1
    return count


def remove(config: Config, *names: str) -> None:
    """Delete files; those that are gone do not matter."""
    for name in filter(None, names):
        try:
            (config.imports_dir / name).unlink(missing_ok=True)
        except OSError as e:
            log.warning("A file that waited to be imported cannot be deleted yet: %s", e.strerror)


def sweep(config: Config, needed: Set[str]) -> int:
    """Delete files that nobody needs; how many there were. Those just uploaded are not recorded yet, and stay."""
    old = [path for path in _files(config.imports_dir) if path.name not in needed and _age(path) > _YOUNG_SECONDS]
    remove(config, *(path.name for path in old))
    return len(old)


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("*.sealed"))


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0
