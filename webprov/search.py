"""Finding a phone by whatever somebody has of it: a MAC or part of one, extension, name, label, model, address."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from webprov.errors import InvalidValue
from webprov.mac import format_mac, parse_mac
from webprov.store.models import Device, Line, Tenant

LIMIT = 8
MAX_TEXT = 100

_Column = ColumnElement[str] | InstrumentedAttribute[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """One device that matches: `title` as people call it, `detail` the value that matched."""

    mac: str
    title: str
    detail: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found: a device whose MAC was given in full, or groups of hits by what matched, at most LIMIT in all."""

    exact: str | None
    groups: Sequence[tuple[str, Sequence[Hit]]]


def search_fleet(session: Session, text: str, *where: ColumnElement[bool]) -> Hits:
    """Search the devices that meet `where` (the tenants somebody sees). Nothing typed finds nothing."""
    text = text.strip()[:MAX_TEXT]
    exact = _exact_mac(session, text, *where)
    if exact or not text:
        return Hits(exact, ())
    groups: list[tuple[str, list[Hit]]] = []
    found: set[str] = set()
    for label, query in _queries(text):
        rows = session.execute(query.where(*where, Device.mac.not_in(found)).limit(LIMIT - len(found))).all()
        hits = [Hit(mac, name or format_mac(mac), detail, tenant) for mac, name, tenant, detail in rows]
        found.update(hit.mac for hit in hits)
        if hits:
            groups.append((label, hits))
        if len(found) >= LIMIT:
            break
    return Hits(None, groups)


def _exact_mac(session: Session, text: str, *where: ColumnElement[bool]) -> str | None:
    try:
        mac = parse_mac(text)
    except InvalidValue:
        return None
    return session.scalar(select(Device.mac).where(Device.mac == mac, *where))


def _queries(text: str) -> "Iterator[tuple[str, Select[Any, Any, Any, Any]]]":
    """What to look through, the most telling first; each row is MAC, label, tenant and the value that matched."""
    digits = re.sub(r"[-:. ]", "", text)
    if re.fullmatch(r"[0-9A-Fa-f]{3,12}", digits, re.ASCII):
        yield "MAC", _devices(Device.mac, digits, Device.mac)
    yield "Extension", _lines(Line.extension, text, Line.extension)
    yield "Label", _devices(Device.label, text, Device.model)
    yield "Name", _lines(Line.display_name + " " + Line.userid + " " + Line.label, text, Line.display_name)
    model = re.sub(r"\W+", "-", text).strip("-")
    if model:
        yield "Model", _devices(Device.model, model, Device.model)
    yield "Address", _devices(Device.last_fetch_address, text, Device.last_fetch_address)


def _devices(column: _Column, text: str, detail: _Column) -> "Select[Any, Any, Any, Any]":
    chosen = select(Device.mac, Device.label, Tenant.name, detail).join(Tenant)
    return chosen.where(column.icontains(text, autoescape=True)).order_by(column)


def _lines(column: _Column, text: str, detail: _Column) -> "Select[Any, Any, Any, Any]":
    """One row a device, for the first of its lines that matches."""
    chosen = select(Device.mac, Device.label, Tenant.name, func.min(detail)).join(Tenant).join(Line)
    matching = chosen.where(column.icontains(text, autoescape=True))
    return matching.group_by(Device.mac, Device.label, Tenant.name).order_by(func.min(detail))
