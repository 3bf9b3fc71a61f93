"""What phones asked for: every request leaves a FetchRecord, written in batches (spec 8)."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from webprov.enums import Protocol
from webprov.mac import find_mac
from webprov.serving.batches import Batches
from webprov.store.database import writing
from webprov.store.instance import Instance
from webprov.store.models import Device, FetchRecord, KnownSource
from webprov.texts import safe_text

_KEPT = 500_000
_PRUNE_SECONDS = 600
_KNOWN_AGAIN_SECONDS = 600
_CHUNK = 500


class Fetch(NamedTuple):
    """One request and how it ended. `mac` and `revision` are those of the file's device, if it has one."""

    at: float  # seconds since the epoch
    protocol: Protocol
    address: str
    source: str
    user_agent: str
    path: str
    status: int
    reason: str
    size: int
    mac: str = ""
    revision: int = 0
    delivered: bool = False  # the phone now has the content: sent whole, or unchanged


class FetchLog:
    """Collects the fetches of one process and writes them each second; serving never waits for it."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._known: dict[str, float] = {}
        self._next_prune = 0.0
        self._batches = Batches[Fetch]("Fetches", self._write, pause_seconds=1)
        self.add = self._batches.add

    def settle(self, timeout_seconds: float) -> None:
        """Wait until what has been added is written, at most so long."""
        self._batches.settle(timeout_seconds)

    def close(self) -> None:
        """Write what is left."""
        self._batches.close()

    def _write(self, batch: Sequence[Fetch]) -> None:
        macs = [fetch.mac or find_mac(fetch.path) or find_mac(fetch.user_agent) or "" for fetch in batch]
        with self._instance.sessions() as session, writing(session):
            ids = _device_ids(session, macs)
            rows = [_row(fetch, mac, ids.get(mac)) for fetch, mac in zip(batch, macs, strict=True)]
            session.execute(insert(FetchRecord), rows)
            self._update_devices(session, batch, ids)
            self._update_sources(session, [fetch for fetch in batch if fetch.delivered and fetch.mac in ids])
            self._prune(session)

    def _update_devices(self, session: Session, batch: Iterable[Fetch], ids: dict[str, int]) -> None:
        """What the device last fetched, and which revision of its files that was."""
        last = {fetch.mac: fetch for fetch in batch if fetch.delivered and fetch.mac in ids}
        if last:
            values = [_device_values(ids[mac], fetch) for mac, fetch in last.items()]
            session.connection().execute(_UPDATE_DEVICE, values)

    def _update_sources(self, session: Session, fetches: Iterable[Fetch]) -> None:
        """Remember from where known devices fetch; the same source again only after ten minutes."""
        now = time.monotonic()
        for source in {fetch.source for fetch in fetches}:
            if now - self._known.get(source, -_KNOWN_AGAIN_SECONDS) >= _KNOWN_AGAIN_SECONDS:
                session.merge(KnownSource(source=source, seen_at=datetime.now(UTC)))
                self._known[source] = now

    def _prune(self, session: Session) -> None:
        """Keep the newest half million records."""
        if time.monotonic() < self._next_prune:
            return
        self._next_prune = time.monotonic() + _PRUNE_SECONDS
        newest = session.scalar(select(func.max(FetchRecord.id))) or 0
        session.execute(delete(FetchRecord).where(FetchRecord.id <= newest - _KEPT))
        self._known = {source: at for source, at in self._known.items() if time.monotonic() - at < _KNOWN_AGAIN_SECONDS}


_UPDATE_DEVICE = (
    update(Device.__table__)  # type: ignore[arg-type]
    .where(Device.__table__.c.id == bindparam("device"))
    .values(
        last_fetch_at=bindparam("at"),
        last_fetch_protocol=bindparam("protocol"),
        last_fetch_address=bindparam("address"),
        user_agent=bindparam("agent"),
        fetched_revision=bindparam("fetched"),
    )
)


def _device_values(device_id: int, fetch: Fetch) -> dict[str, Any]:
    return {
        "device": device_id,
        "at": datetime.fromtimestamp(fetch.at, UTC),
        "protocol": str(fetch.protocol),
        "address": fetch.address,
        "agent": safe_text(fetch.user_agent, 250),
        "fetched": fetch.revision,
    }


def _row(fetch: Fetch, mac: str, device_id: int | None) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(fetch.at, UTC),
        "protocol": str(fetch.protocol),
        "address": fetch.address,
        "user_agent": safe_text(fetch.user_agent, 250),
        "path": safe_text(fetch.path, 250),
        "mac": mac,
        "device_id": device_id,
        "status": fetch.status,
        "reason": fetch.reason,
        "size": fetch.size,
        "revision": fetch.revision,
    }


def _device_ids(session: Session, macs: Iterable[str]) -> dict[str, int]:
    """The devices among these MACs, as they are in this transaction: one deleted meanwhile is not there."""
    wanted = sorted({mac for mac in macs if mac})
    found: dict[str, int] = {}
    for part in _chunks(wanted):
        rows = session.execute(select(Device.mac, Device.id).where(Device.mac.in_(part)))
        found.update((row.mac, row.id) for row in rows)
    return found


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
