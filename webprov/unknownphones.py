"""Phones that asked and that nobody entered: listed with a guess at what they are, ignored, let in again (spec 8)."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.errors import NotFound
from webprov.phones.discovery import Discovery, Guess
from webprov.rights import Actor, Right
from webprov.serving.guessing import Lockout, lockouts, release
from webprov.serving.sources import source_key
from webprov.store.database import writing
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import Device, utc_now

_LATELY = timedelta(days=7)
_MOST_NAMED = 200
_SEPARATORS = str.maketrans("", "", ":-. ")


class Shown(StrEnum):
    """Which of them a list shows."""

    WAITING = "waiting"
    BLOCKED = "blocked"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """One unknown phone. `blocked_source` is where it is locked out, "" if it is not."""

    mac: str
    guess: Guess
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    protocol: str
    reason: str
    user_agent: str
    addresses: Sequence[str]
    paths: Sequence[str]
    ignored_by: str
    blocked_source: str


def list_unknown(
    session: Session,
    discovery: Discovery,
    shown: Shown = Shown.WAITING,
    text: str = "",
    *,
    offset: int = 0,
    limit: int = 50,
) -> list[UnknownRow]:
    """Those that are `shown` and have `text` in MAC, address, file name or user agent; the one seen last first."""
    blocked = blocked_sources(session)
    query = select(UnknownPhone).where(*_conditions(shown, text, blocked))
    query = query.order_by(UnknownPhone.last_seen_at.desc(), UnknownPhone.mac)
    return [_row(phone, discovery, blocked) for phone in session.scalars(query.offset(offset).limit(limit))]


def count_unknown(session: Session, shown: Shown = Shown.WAITING, text: str = "") -> int:
    """How many `list_unknown` lists, on all pages."""
    blocked = blocked_sources(session) if shown is Shown.BLOCKED else ()
    return _count(session, select(UnknownPhone.mac).where(*_conditions(shown, text, blocked)))


def waiting_lately(session: Session, since: timedelta = _LATELY) -> int:
    """How many wait for somebody to decide and asked lately."""
    where = *_conditions(Shown.WAITING, "", ()), UnknownPhone.last_seen_at > utc_now() - since
    return _count(session, select(UnknownPhone.mac).where(*where))


def kinds(session: Session, discovery: Discovery, labels: dict[str, str], since: timedelta = _LATELY) -> list[str]:
    """What those are that wait: `2 Yealink T46U`, the most frequent first; `labels` by model key. Not named: a rest."""
    where = *_conditions(Shown.WAITING, "", ()), UnknownPhone.last_seen_at > utc_now() - since
    latest = select(UnknownPhone).where(*where).order_by(UnknownPhone.last_seen_at.desc()).limit(_MOST_NAMED)
    guesses = (discovery.guess(one.mac, one.user_agent, one.paths) for one in session.scalars(latest))
    names = Counter(labels.get(guess.model) or guess.brand for guess in guesses)
    return [f"{count:,} {name}" for name, count in names.most_common() if name]


def set_ignored(session: Session, mac: str, by: Actor, *, ignored: bool) -> None:
    """Hide an unknown phone from the list and its count, or show it again. Raises NotFound."""
    by.check(Right.MANAGE_UNKNOWN)
    with writing(session):
        phone = session.get(UnknownPhone, mac)
        if phone is None:
            raise NotFound("There is no such unknown phone.")
        if bool(phone.ignored_by) != ignored:
            phone.ignored_by = by.name if ignored else ""
            record_change(session, by, "ignore" if ignored else "show again", "unknown phone", mac)


def let_in(session: Session, source: str, by: Actor) -> None:
    """Let a source in again that guessed too much; what it tried is forgotten."""
    by.check(Right.MANAGE_UNKNOWN)
    release(session, source)
    with writing(session):
        record_change(session, by, "let in", "address", source)


def blocked_sources(session: Session) -> dict[str, Lockout]:
    """The sources that are locked out now; of several lockouts of one the longest."""
    found: dict[str, Lockout] = {}
    for lockout in sorted(lockouts(session), key=lambda one: one.seconds_left):
        found[lockout.source] = lockout
    return found


def _conditions(shown: Shown, text: str, blocked: Collection[str]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        UnknownPhone.mac.not_in(select(Device.mac)),
        UnknownPhone.ignored_by != "" if shown is Shown.IGNORED else UnknownPhone.ignored_by == "",
    ]
    if shown is Shown.BLOCKED:
        found.append(UnknownPhone.source.in_(list(blocked)[:500]))
    if text:
        digits = text.translate(_SEPARATORS).upper()
        columns: list[Any] = [UnknownPhone.user_agent, cast(UnknownPhone.addresses, String)]
        columns.append(cast(UnknownPhone.paths, String))
        matches = [column.icontains(text, autoescape=True) for column in columns]
        found.append(or_(*matches, *([UnknownPhone.mac.contains(digits, autoescape=True)] if digits else [])))
    return found


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _row(phone: UnknownPhone, discovery: Discovery, blocked: Collection[str]) -> UnknownRow:
    sources = [_source(address) for address in phone.addresses[:1]]
    return UnknownRow(
        mac=phone.mac,
        guess=discovery.guess(phone.mac, phone.user_agent, phone.paths),
        first_seen_at=phone.first_seen_at,
        last_seen_at=phone.last_seen_at,
        count=phone.count,
        protocol=phone.protocol,
        reason=phone.reason,
        user_agent=phone.user_agent,
        addresses=phone.addresses,
        paths=phone.paths,
        ignored_by=phone.ignored_by,
        blocked_source=next((source for source in sources if source in blocked), ""),
    )


def _source(address: str) -> str:
    try:
        return source_key(ip_address(address))
    except ValueError:
        return address
