"""Which names phones may fetch: a map from name to record, never a path made from a request (security PH-14).

At rest the map in memory answers. While provisioning goes on it is behind; then the database answers each question, and
the map is made again now and then, never for more than a tenth of the time. So an answer is always that of the last
commit (give or take the few milliseconds of CounterWatch), with ten devices or a hundred thousand.
"""

import logging
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from webprov.delivery.mediatypes import content_type
from webprov.enums import ProvisioningWindow
from webprov.serving.sources import Network, parse_networks
from webprov.store.counters import FILES
from webprov.store.models import Counter, Device, RenderedFileRecord, Tenant
from webprov.store.watch import CounterWatch

log = logging.getLogger(__name__)

_REST_FACTOR = 10


class ServedDevice(NamedTuple):
    """What serving needs to know of a device. `shared`, `uploads`: names by key, one a line; `own_only`: it has used
    its own credentials, so shared ones no longer open its files (PH-08); `window`: its own choice, if any (PH-06)."""

    id: int
    mac: str
    tenant: str
    networks: tuple[Network, ...]
    enabled: bool
    own_only: bool
    model: str
    revision: int
    shared: str
    uploads: str
    window: str

    def needs(self, key: str) -> bool:
        """Whether `key` is one of the shared files of its model."""
        return key in self.shared.split("\n")

    def may_upload(self, key: str) -> bool:
        """Whether its model says that it sends a file of this name."""
        return key in self.uploads.split("\n")


class ServedFile(NamedTuple):
    """One file that provisioning made. `disk_path` is relative to the provisioning directory, `key` that path without
    regard to case; `owner`: what made a shared file; `device`: None for a shared file."""

    disk_path: str
    key: str
    sha256: str
    size: int
    last_modified: str  # HTTP date
    content_type: str
    owner: str
    device: ServedDevice | None

    @property
    def is_open(self) -> bool:
        """Whether phones get it at all: those of disabled devices they do not."""
        return self.device is None or self.device.enabled


class FileIndex:
    """Finds files by the name that a phone asks for, without regard to case."""

    def __init__(self, engine: Engine, watch: CounterWatch) -> None:
        self._engine = engine
        self._watch = watch
        self._files: Mapping[str, ServedFile] = {}
        self._devices: Mapping[int, ServedDevice] = {}
        self._by_mac: Mapping[str, ServedDevice] = {}
        self._segments: frozenset[str] = frozenset()
        self._networks: Mapping[str, tuple[Network, ...]] = {}
        self._sharing: frozenset[str] = frozenset()
        self.closes_windows = False
        """Whether a device has chosen for itself that its provisioning window closes (PH-06)."""
        self._count = -1
        self._behind = threading.Event()
        self._closing = threading.Event()
        self._load()
        self._thread = threading.Thread(target=self._follow, name="File index", daemon=True)
        self._thread.start()

    def find(self, name: str) -> ServedFile | None:
        """The file called `name` (below `provisioning/`) if provisioning made one; it need not be open to phones."""
        key = name.casefold()
        if self._is_fresh():
            return self._files.get(key)
        try:
            return self._ask(key)
        except SQLAlchemyError:  # CounterWatch and _follow say so; phones go on with what is known
            return self._files.get(key)

    def device(self, mac: str) -> ServedDevice | None:
        """The device with this MAC."""
        known = self._by_mac.get(mac)
        return known if self._is_fresh() else self._device(_columns.mac == mac, known)

    def device_with_id(self, device_id: int) -> ServedDevice | None:
        """The device that proved itself."""
        known = self._devices.get(device_id)
        return known if self._is_fresh() else self._device(_columns.id == device_id, known)

    def knows(self, mac: str) -> bool:
        """Whether this is the MAC of a device; one that is a moment old may be missing."""
        return mac in self._by_mac

    def networks(self, tenant: str) -> tuple[Network, ...]:
        """The networks that the tenant of this name keeps its files in; none: everywhere."""
        return self._networks.get(tenant, ())

    def shares_contacts(self, tenant: str) -> bool:
        """Whether a device of the tenant has not used its own credentials yet, and needs the shared ones."""
        return tenant in self._sharing

    def is_segment(self, folder: str) -> bool:
        """Whether `folder` (casefolded) is where the files of a model lie in External mode."""
        return folder in self._segments

    def close(self) -> None:
        """End the thread that keeps the map fresh."""
        self._closing.set()
        self._behind.set()
        self._thread.join(timeout=2)

    def _is_fresh(self) -> bool:
        if self._count == self._watch.counts().get(FILES, 0):
            return True
        self._behind.set()
        return False

    def _device(self, where: Any, known: ServedDevice | None) -> ServedDevice | None:
        try:
            with self._engine.connect() as connection:
                row = connection.execute(_DEVICES.where(where)).first()
        except SQLAlchemyError:
            return known
        return _served_device(row) if row is not None else None

    def _ask(self, key: str) -> ServedFile | None:
        folder, _, rest = key.partition("/")
        with self._engine.connect() as connection:
            named = connection.execute(_FILES.where(_record.c.path_key == key, _record.c.segment == "")).first()
            if named is None and rest:
                rows = connection.execute(_FILES.where(_record.c.path_key == rest, _record.c.segment != ""))
                named = next((row for row in rows if row.segment.casefold() == folder), None)
            if named is None or not _clean(named):
                return None
            owner = connection.execute(_DEVICES.where(_columns.id == named.device_id)).first()
        return _served(named, _served_device(owner) if owner is not None else None)

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
            devices = {row.id: _served_device(row) for row in connection.execute(_DEVICES)}
            rows = connection.execute(_FILES).all()
            tenants = connection.execute(select(_tenant.c.name, _tenant.c.networks)).all()
        files = {_key(row): _served(row, devices.get(row.device_id)) for row in rows if _clean(row)}
        # a reader that sees the new count with the old map would be wrong; the other way round it asks the database
        self._count = -1
        self._files = files
        self._devices = devices
        self._by_mac = {device.mac: device for device in devices.values()}
        self._segments = frozenset(row.segment.casefold() for row in rows if row.segment)
        self._networks = {row.name: _networks(row.networks) for row in tenants}
        self._sharing = frozenset(device.tenant for device in devices.values() if not device.own_only)
        self.closes_windows = any(device.window == ProvisioningWindow.FIRST_FETCH for device in devices.values())
        self._count = count


_record: Any = RenderedFileRecord.__table__
_columns: Any = Device.__table__.c
_tenant: Any = Tenant.__table__
_FILES: Select[Any] = select(
    *(_record.c[name] for name in ("device_id", "owner", "path", "path_key", "segment", "sha256", "size", "written_at"))
)
_DEVICES: Select[Any] = select(
    *(_columns[name] for name in ("id", "mac", "enabled", "own_login_at", "model", "revision")),
    *(_columns[name] for name in ("shared_names", "upload_names", "provisioning_window")),
    _tenant.c.name.label("tenant"),
    _tenant.c.networks,
).select_from(Device.__table__.join(_tenant))


def _files_count(connection: Connection) -> int:
    return connection.scalar(select(Counter.value).where(Counter.name == FILES)) or 0


def _key(row: Row[Any]) -> str:
    return f"{row.segment.casefold()}/{row.path_key}" if row.segment else str(row.path_key)


def _clean(row: Row[Any]) -> bool:
    """Records are made from checked names (FS-01); one that is not, by whatever accident, is never opened."""
    parts = f"{row.segment}/{row.path}".removeprefix("/").split("/")
    return not any(part in ("", ".", "..") or "\0" in part for part in parts)


def _served(row: Row[Any], device: ServedDevice | None) -> ServedFile:
    return ServedFile(
        disk_path=f"{row.segment}/{row.path}" if row.segment else row.path,
        key=_key(row),
        sha256=row.sha256,
        size=row.size,
        last_modified=http_date(row.written_at),
        content_type=content_type(row.path),
        owner=row.owner,
        device=device,
    )


def _served_device(row: Row[Any]) -> ServedDevice:
    return ServedDevice(
        row.id,
        row.mac,
        row.tenant,
        _networks(row.networks),
        row.enabled,
        row.own_login_at is not None,
        row.model,
        row.revision,
        sys.intern(row.shared_names),
        row.upload_names,
        row.provisioning_window,
    )


@lru_cache(maxsize=1_000)
def _networks(text: str) -> tuple[Network, ...]:
    return tuple(parse_networks(text))


def http_date(at: datetime) -> str:
    """`at` (aware) as HTTP writes it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)
