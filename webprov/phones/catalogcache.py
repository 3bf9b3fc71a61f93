"""The catalogue of this moment, for processes that run for long: edits by hand are picked up (spec 4)."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from webprov.phones.building import TemplateExists
from webprov.phones.catalog import Catalog, load_catalog
from webprov.phones.layers import tenant_folders
from webprov.phones.phonemodel import Refusal

_log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int, int], ...]
"""Path, size, time of the last change of content or permissions, inode; or path, -1 and why it cannot be looked at."""


def catalog_stamp(models_dir: Path, user_dir: Path) -> Stamp:
    """Differs whenever a file of the catalogue came, went or changed; nothing is read."""
    return tuple(sorted(entry for folder in _folders(models_dir, user_dir) for entry in _entries(folder)))


class CatalogCache:
    """Loads the catalogue again when something on disk has changed; may be shared by threads."""

    def __init__(
        self,
        models_dir: Path,
        user_dir: Path,
        template_exists: TemplateExists | None = None,
        recheck_seconds: float = 5,
    ) -> None:
        self._models_dir = models_dir
        self._user_dir = user_dir
        self._exists = template_exists
        self._recheck_seconds = recheck_seconds
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._stamp: Stamp = ()
        self._checked_at = 0.0

    def current(self) -> Catalog:
        """The catalogue as it lay on disk at most `recheck_seconds` ago."""
        with self._lock:
            if self._catalog and time.monotonic() - self._checked_at < self._recheck_seconds:
                return self._catalog
            return self._refresh()

    def reload(self) -> Catalog:
        """The catalogue as it lies on disk now."""
        with self._lock:
            return self._refresh()

    def _refresh(self) -> Catalog:
        stamp = catalog_stamp(self._models_dir, self._user_dir)  # before reading: what changes meanwhile is seen next
        self._checked_at = time.monotonic()
        old = self._catalog
        if old and stamp == self._stamp and not self._templates_changed(old):
            return old
        new = load_catalog(self._models_dir, self._user_dir, self._exists)
        for refusal in new.refusals:
            if not old or refusal not in old.refusals:
                _log_refusal(refusal)
        self._catalog, self._stamp = new, stamp
        return new

    def _templates_changed(self, catalog: Catalog) -> bool:
        exists = self._exists
        return exists is not None and any(exists(*asked) != answer for asked, answer in catalog.templates.items())


def _log_refusal(refusal: Refusal) -> None:
    name = f" [{refusal.model}]" if refusal.model else ""
    _log.warning("%s, line %d%s: %s", refusal.file, refusal.line, name, refusal.reason)


def _folders(models_dir: Path, user_dir: Path) -> Iterator[Path]:
    yield from (models_dir, models_dir / "maps")
    try:
        tenants = tenant_folders(user_dir)
    except OSError:
        tenants = []
    for base in (user_dir, *(user_dir / tenant for tenant in tenants)):
        yield from (base / "models.txt", base / "models.d", base / "models.d" / "maps")


def _entries(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """The stamp of a file, or of the files in a folder; nothing where there is none."""
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                names = [entry.path for entry in entries if entry.name.endswith(".ini")]
        else:
            names = [str(path)]
    except OSError as e:
        yield str(path), -1, e.errno or 0, 0
        return
    for name in names:
        try:
            status = Path(name).stat()
        except FileNotFoundError:
            continue
        except OSError as e:
            yield name, -1, e.errno or 0, 0
        else:
            yield name, status.st_size, status.st_ctime_ns, status.st_ino
