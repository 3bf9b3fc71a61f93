"""Phones that nobody entered, noted beside the fetch log: one row a MAC, bounded, whoever scans (spec 8, PH-01).

One source may bring so many new MACs a day, and where there are too many, the source with the most rows loses its
oldest: a scanner crowds out itself, not the phones of a roll-out.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from webprov.serving.fetch import Fetch
from webprov.store.fetchrecords import UnknownPhone
from webprov.texts import safe_text

MOST = 10_000
"""So many unknown phones are kept."""
MOST_OF_A_SOURCE = 1_000
"""So many new ones a day of one address."""
REMEMBERED = 5
"""So many different addresses and file names of each."""

_CHUNK = 500
_LONGEST = 250


@dataclass
class _Seen:
    """What a batch says of one MAC."""

    first: Fetch
    last: Fetch
    count: int = 0
    addresses: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def note_strangers(session: Session, asked: Sequence[tuple[str, Fetch]]) -> None:
    """Note requests for or by MACs that are no devices; inside the transaction of their records."""
    seen = _grouped(asked)
    rows = _existing(session, list(seen))
    if rows:
        session.execute(_UPDATE, [_changed(row, seen[row.mac]) for row in rows])
    known = {row.mac for row in rows}
    new = _allowed(session, [(mac, one) for mac, one in seen.items() if mac not in known])
    if new:
        session.execute(insert(UnknownPhone), [_new(mac, one) for mac, one in new])
        _evict(session)


_table: Any = UnknownPhone.__table__
_UPDATE = (
    update(_table)
    .where(_table.c.mac == bindparam("of"))
    .values(
        {
            **{name: bindparam(name) for name in ("last_seen_at", "protocol", "reason", "user_agent")},
            "addresses": bindparam("addresses", type_=_table.c.addresses.type),
            "paths": bindparam("paths", type_=_table.c.paths.type),
            "count": _table.c.count + bindparam("more"),
        }
    )
)


def _grouped(asked: Iterable[tuple[str, Fetch]]) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}
    for mac, fetch in asked:
        one = seen.setdefault(mac, _Seen(fetch, fetch))
        one.last = fetch
        one.count += 1
        one.addresses = _front(fetch.address, one.addresses)
        one.paths = _front(safe_text(fetch.path, _LONGEST), one.paths)
    return seen


def _front(item: str, items: Sequence[str]) -> list[str]:
    """`items`, the latest first, with `item` come last."""
    return [item, *(other for other in items if other != item)][:REMEMBERED]


def _existing(session: Session, macs: Sequence[str]) -> list[Any]:
    columns = (UnknownPhone.mac, UnknownPhone.user_agent, UnknownPhone.addresses, UnknownPhone.paths)
    found: list[Any] = []
    for start in range(0, len(macs), _CHUNK):
        found += session.execute(select(*columns).where(UnknownPhone.mac.in_(macs[start : start + _CHUNK])))
    return found


def _changed(row: Any, one: _Seen) -> dict[str, Any]:
    addresses, paths = list(row.addresses), list(row.paths)
    for address in reversed(one.addresses):
        addresses = _front(address, addresses)
    for path in reversed(one.paths):
        paths = _front(path, paths)
    agent = safe_text(one.last.user_agent, _LONGEST) or row.user_agent  # TFTP says none
    return {
        "of": row.mac,
        "last_seen_at": _moment(one.last),
        "protocol": str(one.last.protocol),
        "reason": str(one.last.reason),
        "user_agent": agent,
        "addresses": addresses,
        "paths": paths,
        "more": one.count,
    }


def _allowed(session: Session, new: Sequence[tuple[str, _Seen]]) -> list[tuple[str, _Seen]]:
    """Those whose source has not brought too many today."""
    sources = sorted({one.first.source for _, one in new})
    yesterday = datetime.now(UTC) - timedelta(days=1)
    counts: Counter[str] = Counter()
    for start in range(0, len(sources), _CHUNK):
        of = UnknownPhone.source.in_(sources[start : start + _CHUNK]), UnknownPhone.first_seen_at > yesterday
        query = select(UnknownPhone.source, func.count()).where(*of).group_by(UnknownPhone.source)
        counts.update({row[0]: row[1] for row in session.execute(query)})
    found = []
    for mac, one in new:
        counts[one.first.source] += 1
        if counts[one.first.source] <= MOST_OF_A_SOURCE:
            found.append((mac, one))
    return found


def _new(mac: str, one: _Seen) -> dict[str, Any]:
    return {
        "mac": mac,
        "first_seen_at": _moment(one.first),
        "last_seen_at": _moment(one.last),
        "count": one.count,
        "protocol": str(one.last.protocol),
        "reason": str(one.last.reason),
        "user_agent": safe_text(one.last.user_agent, _LONGEST),
        "addresses": one.addresses,
        "paths": one.paths,
        "source": one.first.source,
        "ignored_by": "",
    }


def _evict(session: Session) -> None:
    """Down to MOST rows: the source with the most loses its oldest, half of them at a time."""
    excess = (session.scalar(select(func.count()).select_from(UnknownPhone)) or 0) - MOST
    while excess > 0:
        largest = select(UnknownPhone.source, func.count()).group_by(UnknownPhone.source)
        source, count = session.execute(largest.order_by(func.count().desc()).limit(1)).one()
        number = min(excess, max(1, count // 2))
        oldest = select(UnknownPhone.mac).where(UnknownPhone.source == source).order_by(UnknownPhone.last_seen_at)
        session.execute(delete(UnknownPhone).where(UnknownPhone.mac.in_(oldest.limit(number).scalar_subquery())))
        excess -= number


def _moment(fetch: Fetch) -> datetime:
    return datetime.fromtimestamp(fetch.at, UTC)
