"""What phones asked for: every request leaves a FetchRecord, written in batches (spec 8)."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, bindparam, insert, select, update
from sqlalchemy.orm import Session

from webprov.enums import ProvisioningWindow
from webprov.mac import find_mac
from webprov.serving.batches import Batches
from webprov.serving.fetch import Fetch
from webprov.serving.fetchcounts import STRANGERS, count_fetches
from webprov.serving.strangers import note_strangers
from webprov.store.database import BulkStatement, time_value, writing
from webprov.store.instance import Instance
from webprov.store.models import Device, FetchRecord, KnownSource
from webprov.store.windowrecords import note_fetched, window_of
from webprov.texts import safe_text

_KNOWN_AGAIN_SECONDS = 600
_KNOWN_MOST = 50_000
_CHUNK = 500
_AT_ONCE = 10_000
"""A phone asks for several files in a row: the more of a storm in one transaction, the fewer pages of the indexes are
written again and again."""
_WAITING = 60_000
"""At 10,000 requests a second, for so long others may hold the database; some 20 MB."""
_LONGEST = 250


class FetchLog:
    """Collects the fetches of one process and writes them each second; serving never waits for it."""

    def __init__(
        self, instance: Instance, window: Callable[[], ProvisioningWindow] = lambda: ProvisioningWindow.ALWAYS
    ) -> None:
        """`window`: the provisioning window of devices that have not chosen one, at present."""
        self._instance = instance
        self._window = window
        self._known: dict[str, float] = {}
        self._bulk = _Statements(instance.engine.dialect)
        self._batches = Batches[Fetch]("Fetches", self._write, pause_seconds=1, size=_AT_ONCE, limit=_WAITING)
        self.add = self._batches.add

    def settle(self, timeout_seconds: float) -> None:
        """Wait until what has been added is written, at most so long."""
        self._batches.settle(timeout_seconds)

    def close(self) -> None:
        """Write what is left."""
        self._batches.close()

    def _write(self, batch: Sequence[Fetch]) -> None:
        macs = [fetch.mac or find_mac(fetch.path) or _mac_of_agent(fetch.user_agent) for fetch in batch]
        with self._instance.sessions() as session, writing(session):
            known = _devices(session, macs)
            ids = {mac: device.id for mac, device in known.items()}
            rows = [self._bulk.fetch_row(fetch, mac, ids.get(mac)) for fetch, mac in zip(batch, macs, strict=True)]
            self._bulk.insert_fetch.execute(session.connection(), rows)
            delivered = [fetch for fetch in batch if fetch.delivered and fetch.mac in ids]
            last = {fetch.mac: fetch for fetch in delivered}
            self._note_deliveries(session, [(known[mac], fetch) for mac, fetch in last.items()])
            sources = self._new_sources({fetch.source for fetch in delivered})
            _note_sources(session, sources)
            tenants = (known[mac].tenant_id if mac in known else STRANGERS for mac in macs)
            count_fetches(session, zip(tenants, batch, strict=True))
            note_strangers(
                session, [(mac, one) for mac, one in zip(macs, batch, strict=True) if mac and mac not in ids]
            )
        self._known.update(dict.fromkeys(sources, time.monotonic()))

    def _note_deliveries(self, session: Session, last: Sequence[tuple[Any, Fetch]]) -> None:
        """What each device (a row of `_devices`) got last, and that windows close which are open up to a fetch."""
        self._bulk.update_device.execute(session.connection(), [self._bulk.device_row(one, to.id) for to, one in last])
        window = self._window()
        closing = {
            to.id: (one.revision, datetime.fromtimestamp(one.at, UTC))
            for to, one in last
            if window_of(to.provisioning_window, window) is ProvisioningWindow.FIRST_FETCH
        }
        if closing:
            note_fetched(session, closing)

    def _new_sources(self, sources: set[str]) -> list[str]:
        """Those that were not written down within the last ten minutes."""
        if len(self._known) > _KNOWN_MOST:
            self._known.clear()  # each is written down once more then, which does no harm
        again = time.monotonic() - _KNOWN_AGAIN_SECONDS
        return sorted(source for source in sources if self._known.get(source, again) <= again)


_ROW = ("at", "protocol", "address", "user_agent", "path", "mac", "device_id", "status", "reason", "size", "revision")
_DEVICE = {
    "last_fetch_at": "at",
    "last_fetch_protocol": "protocol",
    "last_fetch_address": "address",
    "user_agent": "agent",
    "fetched_revision": "revision",
}


class _Statements:
    """The two bulk statements of a batch, and the rows they take."""

    def __init__(self, dialect: Dialect) -> None:
        table: Any = Device.__table__
        values: dict[str, Any] = {column: bindparam(name) for column, name in _DEVICE.items()}
        update_device = update(table).where(table.c.id == bindparam("device")).values(values)
        insert_fetch = insert(FetchRecord.__table__)  # type: ignore[arg-type]
        self.insert_fetch = BulkStatement(dialect, insert_fetch, _ROW)
        self.update_device = BulkStatement(dialect, update_device, (*_DEVICE.values(), "device"))
        self._time_value = time_value(dialect)

    def fetch_row(self, fetch: Fetch, mac: str, device_id: int | None) -> tuple[Any, ...]:
        """Values in the order of `_ROW`."""
        return (
            int(fetch.at * 1_000_000),  # as UtcMicroseconds has it
            str(fetch.protocol),
            fetch.address,
            safe_text(fetch.user_agent, _LONGEST),
            safe_text(fetch.path, _LONGEST),
            mac,
            device_id,
            fetch.status,
            str(fetch.reason),
            fetch.size,
            fetch.revision,
        )

    def device_row(self, fetch: Fetch, device_id: int) -> tuple[Any, ...]:
        """Values in the order of `_DEVICE`, then the device's id."""
        agent = safe_text(fetch.user_agent, _LONGEST)
        return self.time(fetch.at), str(fetch.protocol), fetch.address, agent, fetch.revision, device_id

    def time(self, at: float) -> Any:
        """The moment as the driver stores it, to a hundredth of a second: many of a batch are the same."""
        return self._hundredth(round(at, 2))

    @lru_cache(maxsize=1_000)  # noqa: B019 - one object a process
    def _hundredth(self, at: float) -> Any:
        return self._time_value(datetime.fromtimestamp(at, UTC))


@lru_cache(maxsize=10_000)
def _mac_of_agent(user_agent: str) -> str:
    """The MAC that some phones put there, or empty; a fleet has few different ones, or one a phone."""
    return find_mac(user_agent) or ""


def _devices(session: Session, macs: Iterable[str]) -> dict[str, Any]:
    """Id, tenant, window by MAC of the devices among these, as they are in this transaction: none deleted meanwhile."""
    wanted = sorted({mac for mac in macs if mac})
    found: dict[str, Any] = {}
    for part in _chunks(wanted):
        columns = (Device.mac, Device.id, Device.tenant_id, Device.provisioning_window)
        rows = session.execute(select(*columns).where(Device.mac.in_(part)))
        found.update((row.mac, row) for row in rows)
    return found


def _note_sources(session: Session, sources: Sequence[str]) -> None:
    """Remember that known devices fetch from there."""
    known: set[str] = set()
    for part in _chunks(sources):
        known.update(session.scalars(select(KnownSource.source).where(KnownSource.source.in_(part))))
    seen_at, connection = datetime.now(UTC), session.connection()
    again = update(KnownSource).where(KnownSource.source == bindparam("of")).values(seen_at=seen_at)
    if known:
        connection.execute(again, [{"of": source} for source in sorted(known)])
    if new := [{"source": source, "seen_at": seen_at} for source in sources if source not in known]:
        connection.execute(insert(KnownSource), new)


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
