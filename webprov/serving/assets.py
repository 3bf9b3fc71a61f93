"""Firmware and other files that administrators put into the provisioning directory (spec 7, 8).

They are found by a map made from the directory, never by a path made from a request (security PH-14): symbolic links,
dot files, leftovers of editors and everything that provisioning makes are not in it. The map follows at once.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from webprov.delivery.assetnames import DEEPEST, is_asset

log = logging.getLogger(__name__)

_CHECK_SECONDS = 0.25
_WAIT_SECONDS = 0.3
_REST_FACTOR = 10


class Assets:
    """The assets below `root`. `is_generated` says of a folder at the top whether provisioning makes its files."""

    def __init__(self, root: Path, is_generated: Callable[[str], bool]) -> None:
        self._root = str(root)
        self._is_generated = is_generated
        self._files: Mapping[str, str] = {}
        self._folders: Mapping[str, int] = {}
        self._checked_at = 0.0
        self._wanted = threading.Event()
        self._done = threading.Condition()
        self._closing = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._follow, name="Assets", daemon=True)
        self._thread.start()

    def find(self, key: str) -> str | None:
        """Where the asset that a phone calls `key` (casefolded) lies, relative to the root; None: there is none.

        In External mode phones ask for it below the folder of their model too.
        """
        found = self._lookup(key)
        if found is None and time.monotonic() - self._checked_at > _CHECK_SECONDS:
            with self._done:
                self._wanted.set()
                self._done.wait(_WAIT_SECONDS)
            found = self._lookup(key)
        return found

    def close(self) -> None:
        """End the thread that follows the directory."""
        self._closing.set()
        self._wanted.set()
        self._thread.join(timeout=2)

    def _lookup(self, key: str) -> str | None:
        folder, _, rest = key.partition("/")
        if rest and self._is_generated(folder):
            key = rest
            folder, _, rest = key.partition("/")
            if rest and self._is_generated(folder):
                return None
        return self._files.get(key)

    def _follow(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            began = time.monotonic()
            self._look()
            with self._done:
                self._done.notify_all()
            self._closing.wait(_REST_FACTOR * (time.monotonic() - began))

    def _look(self) -> None:
        """Read the directory again if any folder in it has changed."""
        self._checked_at = time.monotonic()
        try:
            if not self._folders or any(Path(path).stat().st_mtime_ns != at for path, at in self._folders.items()):
                self._read()
        except FileNotFoundError:
            self._read()
        except OSError as e:
            log.warning("The provisioning directory cannot be read: %s", e)

    def _read(self) -> None:
        files: dict[str, str] = {}
        folders: dict[str, int] = {}
        for name in _walk(self._root, "", folders):
            if is_asset(name):
                files.setdefault(name.casefold(), name)
        self._files, self._folders = files, folders


def _walk(root: str, folder: str, folders: dict[str, int]) -> Iterator[str]:
    """Every regular file below `root/folder`, relative to `root`; notes when each folder changed last."""
    path = f"{root}/{folder}" if folder else root
    try:
        folders[path] = Path(path).stat().st_mtime_ns
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_file(follow_symlinks=False):
            yield name
        elif entry.is_dir(follow_symlinks=False) and name != "CONTACTS" and name.count("/") < DEEPEST:
            yield from _walk(root, name, folders)
