"""Which names phones may fetch: a map from name to record, never a path made from a request (security PH-14).

At rest the map in memory answers. While provisioning goes on it is behind; then the database answers each question, and
the map is made again now and then, never for more than a tenth of the time. So an answer is always that of the last
commit (give or take the few milliseconds of CounterWatch), with ten devices or a hundred thousand.
"""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from webprov.delivery.mediatypes import content_type
from webprov.store.models import Counter, Device, RenderedFileRecord
from webprov.store.watch import CounterWatch

log = logging.getLogger(__name__)

_REST_FACTOR = 10


class ServedFile(NamedTuple):
    """One file as phones may have it. `disk_path` is relative to the provisioning directory."""

    disk_path: str
    sha256: str
    size: int
    last_modified: str  # HTTP date
    content_type: str
    device_id: int | None  # None: a shared file
    mac: str
    revision: int


class FileIndex:
    """Finds files by the name that a phone asks for, without regard to case."""

    def __init__(self, engine: Engine, watch: CounterWatch) -> None:
        self._engine = engine
        self._watch = watch
        self._files: Mapping[str, ServedFile] = {}
        self._macs: frozenset[str] = frozenset()
        self._count = -1
        self._behind = threading.Event()
        self._closing = threading.Event()
        self._load()
        self._thread = threading.Thread(target=self._follow, name="File index", daemon=True)
        self._thread.start()

    def find(self, name: str) -> ServedFile | None:
        """The file called `name` (below `provisioning/`), or None: not known, or its device is disabled."""
        key = name.casefold()
        if self._count == self._watch.counts().get("files", 0):
            return self._files.get(key)
        self._behind.set()
        try:
            return self._ask(key)
        except SQLAlchemyError:  # CounterWatch and _follow say so; phones go on with what is known
            return self._files.get(key)

    def knows(self, mac: str) -> bool:
        """Whether this is the MAC of a device with files; one that is a moment old may be missing."""
        return mac in self._macs

    def close(self) -> None:
        """End the thread that keeps the map fresh."""
        self._closing.set()
        self._behind.set()
        self._thread.join(timeout=2)

    def _ask(self, key: str) -> ServedFile | None:
        folder, _, rest = key.partition("/")
        with self._engine.connect() as connection:
            named = connection.execute(_WANTED.where(_record.c.path_key == key, _record.c.segment == "")).first()
            if named is None and rest:
                rows = connection.execute(_WANTED.where(_record.c.path_key == rest, _record.c.segment != ""))
                named = next((row for row in rows if row.segment.casefold() == folder), None)
        return _served(named) if named is not None and _clean(named) else None

    def _follow(self) -> None:
        while not self._closing.is_set():
            self._behind.wait()
            self._behind.clear()
            began = time.monotonic()
            try:
                self._load()
            except SQLAlchemyError as e:
                log.warning("The list of files cannot be read: %s", e)
            self._closing.wait(_REST_FACTOR * (time.monotonic() - began))

    def _load(self) -> None:
        with self._engine.connect() as connection:
            count = _files_count(connection)
            rows = connection.execute(_WANTED).all()
        files = {_key(row): _served(row) for row in rows if _clean(row)}
        # a reader that sees the new count with the old map would be wrong; the other way round it asks the database
        self._count = -1
        self._files = files
        self._macs = frozenset(file.mac for file in files.values())
        self._count = count


_record: Any = RenderedFileRecord.__table__
_device: Any = Device.__table__
_WANTED: Select[Any] = (
    select(
        *(_record.c[name] for name in ("path", "path_key", "segment", "sha256", "size", "written_at")),
        *(_device.c[name] for name in ("id", "mac", "revision")),
    )
    .select_from(_record.outerjoin(_device))
    .where(_device.c.id.is_(None) | _device.c.enabled)
)


def _files_count(connection: Connection) -> int:
    return connection.scalar(select(Counter.value).where(Counter.name == "files")) or 0


def _key(row: Row[Any]) -> str:
    return f"{row.segment.casefold()}/{row.path_key}" if row.segment else str(row.path_key)


def _clean(row: Row[Any]) -> bool:
    """Records are made from checked names (FS-01); one that is not, by whatever accident, is never opened."""
    parts = f"{row.segment}/{row.path}".removeprefix("/").split("/")
    return not any(part in ("", ".", "..") or "\0" in part for part in parts)


def _served(row: Row[Any]) -> ServedFile:
    return ServedFile(
        disk_path=f"{row.segment}/{row.path}" if row.segment else row.path,
        sha256=row.sha256,
        size=row.size,
        last_modified=http_date(row.written_at),
        content_type=content_type(row.path),
        device_id=row.id,
        mac=row.mac or "",
        revision=row.revision or 0,
    )


def http_date(at: datetime) -> str:
    """`at` (aware) as HTTP writes it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
