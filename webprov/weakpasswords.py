"""SIP passwords that are easily guessed (security SE-05): who knows a number often knows them too."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.store.models import Device, Line, Tenant

SHORTEST = 12
"""Characters; a generated one has 22."""


@dataclass(frozen=True, slots=True)
class WeakPassword:
    """A line whose password is weak, and why; never the password itself."""

    mac: str
    label: str
    tenant: str
    line: int
    userid: str
    why: str


def weak_passwords(session: Session) -> list[WeakPassword]:
    """All lines with a weak password, by MAC and number. Lines without a password are not meant."""
    columns = (Line.password, Line.userid, Line.auth_id, Line.extension, Line.number, Device.mac, Device.label)
    query = select(*columns, Tenant.name.label("tenant")).join_from(Line, Device).join(Tenant)
    lines = [line for line in session.execute(query.order_by(Device.mac, Line.number)) if line.password]
    accounts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for line in lines:
        accounts[line.password].add((line.tenant, line.userid))
    found = []
    for line in lines:
        whys = _whys(line.password, {line.userid, line.auth_id, line.extension}, len(accounts[line.password]))
        if why := ", ".join(whys):
            found.append(WeakPassword(line.mac, line.label, line.tenant, line.number, line.userid, why))
    return found


def _whys(password: str, names: set[str], accounts: int) -> Iterator[str]:
    if password in names - {""}:
        yield "the same as its user or extension"
    elif len(password) < SHORTEST:
        yield f"shorter than {SHORTEST} characters"
    if accounts > 1:
        yield f"shared by {accounts} accounts"
