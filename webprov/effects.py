"""What saving settings, variables, models or templates does to the fleet: who gets other files, and what differs.

`affected` tells at once whom it concerns, without rendering anything. An `EffectCount` then renders both ways and
compares real bytes, as long as it is given time; what it shows is rendered from placeholders (security SE-03).
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, func, literal_column, select
from sqlalchemy.orm import Session

from webprov.differences import Differences, Group
from webprov.reach import SERVER_FIELDS, Reach
from webprov.site import Site
from webprov.store.devicedata import DeviceData, TenantData, read_devices
from webprov.store.models import Device, Tenant
from webprov.whatif import WhatIf

_CHUNK = 50
_MOST_AT_A_GLANCE = 50


@dataclass(frozen=True, slots=True)
class Affected:
    """The enabled devices of one tenant and model, how many of them use what changes, which makes them stale, and how
    many may get other bytes by that."""

    tenant: str
    model: str
    label: str
    devices: int
    new_files: int
    may_differ: int = 0


@dataclass(frozen=True, slots=True)
class Glance:
    """How many devices get other bytes, as far as that can be told at once: exactly, or so many at most."""

    most: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """A row of the table of who gets different files; an empty `tenant` or `model` stands for all of them."""

    tenant: str
    model: str
    label: str
    devices: int
    differing: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """Devices that are alike as far as a change of settings goes. `is_in_zone`: they are in the system's time zone."""

    model: str
    is_in_zone: bool
    devices: int
    tenant: TenantData


def affected(session: Session, site: Site, what: WhatIf) -> list[Affected]:
    """Every tenant and model that has enabled devices which the change can concern, those with new files first."""
    return _affected(_kinds(session, what), Reach(site, what))


def _affected(kinds: Iterable[_Kind], reach: Reach) -> list[Affected]:
    found: dict[tuple[str, str], Affected] = {}
    for kind in kinds:
        name, key = kind.tenant.name, kind.model
        new = kind.devices * reach.uses_change(kind.tenant, key, follows_zone=kind.is_in_zone)
        other = kind.devices * bool(reach.pair(kind.tenant, key, follows_zone=kind.is_in_zone))
        label = next((model.label for model in reach.whole(name, key) if model), key)
        before = found.get((name, key), Affected(name, key, label, 0, 0))
        sums = before.devices + kind.devices, before.new_files + new, before.may_differ + other
        found[name, key] = Affected(name, key, label, *sums)
    return sorted(found.values(), key=lambda each: (-each.new_files, each.tenant, each.label))


class EffectCount:
    """Counts the devices whose bytes differ and groups them by what differs, a piece at a time (`go_on`).

    `total` is how many may differ, `compared` how far it is; `differing` counts by tenant and model. It looks at the
    moment when it was made; a count is for one thread at a time.
    """

    def __init__(self, session: Session, site: Site, what: WhatIf) -> None:
        reach, kinds = Reach(site, what), list(_kinds(session, what))
        self.affected = _affected(kinds, reach)
        self.differing: Counter[tuple[str, str]] = Counter()
        self.compared = 0
        self._comparing: Differences | None = Differences(site, what, reach)
        self._found = self._comparing.found
        self._ids = _candidates(session, what, kinds, reach)
        self._tenants: dict[int, TenantData] = {}
        self._failing = set(session.scalars(select(Device.id).where(Device.provision_error != "", *_devices_of(what))))
        self.total = len(self._ids)

    @property
    def is_done(self) -> bool:
        """Whether every device that may differ has been compared."""
        return self.compared >= self.total

    @property
    def changed(self) -> int:
        """How many devices get other files, as far as is known."""
        return self.differing.total()

    @property
    def concerned(self) -> int:
        """How many devices use what changes; they count as stale once it is saved."""
        return sum(group.new_files for group in self.affected)

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return sum(group.devices for group in self.affected)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Tenant by tenant and model by model, those alone that use what changes: by name, and in the end the most
        different files first."""
        rows = [
            Tally(group.tenant, group.model, group.label, group.devices, self.differing[group.tenant, group.model])
            for group in self.affected
            if group.new_files
        ]
        return sorted(rows, key=self._order)

    def summed(self, by: str) -> Sequence[Tally]:
        """The same with one row for each `tenant` or each `model`."""
        found: dict[str, Tally] = {}
        for row in self.tallies:
            tenant, model, label = (row.tenant, "", "") if by == "tenant" else ("", row.model, row.label)
            before = found.get(tenant or model, Tally(tenant, model, label, 0, 0))
            counts = before.devices + row.devices, before.differing + row.differing
            found[tenant or model] = Tally(tenant, model, label, *counts)
        return sorted(found.values(), key=self._order)

    def _order(self, row: Tally) -> tuple[int, str, str]:
        """Rows stay where they are for as long as their numbers grow."""
        return -row.differing if self.is_done else 0, row.tenant, row.label

    @property
    def groups(self) -> Sequence[Group]:
        """What differs, the most frequent first."""
        return self._found.groups

    @property
    def ungrouped(self) -> int:
        """How many differ in ways of their own, beyond the groups that are kept."""
        return self._found.ungrouped

    def go_on(self, session: Session, seconds: float) -> None:
        """Compare further devices for about so long, one at least."""
        end, comparing = time.monotonic() + seconds, self._comparing
        for device in self._next_devices(session):
            self.compared += 1
            if comparing and device and comparing.add(device, is_failing=device.id in self._failing):
                self.differing[device.tenant.name, device.model] += 1
            if time.monotonic() >= end:
                break
        if self.is_done:
            self._comparing = None  # what was compared with may go

    def _next_devices(self, session: Session) -> Iterator[DeviceData | None]:
        """Those that are left; None for one that is deleted or disabled meanwhile."""
        ids = self._ids[self.compared :]
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            devices = read_devices(session, Device.id.in_(sorted(chunk)), Device.enabled.is_(True))
            found = {device.id: self._with_same_tenant(device) for device in devices}
            yield from (found.get(number) for number in chunk)

    def _with_same_tenant(self, device: DeviceData) -> DeviceData:
        """All devices of a tenant share what is made of it, also those that are read later (`Memo`)."""
        known = self._tenants.setdefault(device.tenant.id, device.tenant)
        if known != device.tenant:
            self._tenants[known.id] = device.tenant
            return device
        return replace(device, tenant=known)


def count_for(session: Session, site: Site, what: WhatIf, seconds: float) -> EffectCount:
    """A count that has been given so long."""
    count = EffectCount(session, site, what)
    count.go_on(session, seconds)
    return count


def glance(session: Session, site: Site, what: WhatIf, seconds: float) -> Glance:
    """What can be told within about so long, while somebody types."""
    most = sum(group.may_differ for group in affected(session, site, what))
    if most > _MOST_AT_A_GLANCE:
        return Glance(most, is_exact=False)
    count = count_for(session, site, what, seconds)
    return Glance(count.changed + count.total - count.compared, count.is_done)


def _devices_of(what: WhatIf) -> list[ColumnElement[bool]]:
    """The condition on devices that the change can concern."""
    where: list[ColumnElement[bool]] = [Device.enabled.is_(True)]
    if what.device_id:
        where.append(Device.id == what.device_id)
    elif what.tenant_id:
        where.append(Device.tenant_id == what.tenant_id)
    return where


def _candidates(session: Session, what: WhatIf, kinds: Iterable[_Kind], reach: Reach) -> list[int]:
    """The devices that may differ, by id, but first one of each tenant and model: so that every kind of change shows
    early."""
    may_differ = {
        (kind.tenant.id, kind.model, kind.is_in_zone)
        for kind in kinds
        if reach.pair(kind.tenant, kind.model, follows_zone=kind.is_in_zone)
    }
    if not may_differ:
        return []
    query = select(Device.id, Device.tenant_id, Device.model, _in_zone()).join(Tenant)
    rows = session.execute(query.where(*_devices_of(what)).order_by(Device.id))
    fitting = [row for row in rows if (row[1], row[2], bool(row[3])) in may_differ]
    first = set({(row[1], row[2]): row.id for row in reversed(fitting)}.values())
    return [*sorted(first), *(row.id for row in fitting if row.id not in first)]


def _in_zone() -> ColumnElement[bool]:
    # no parameter: PostgreSQL must see the same expression in GROUP BY
    empty: ColumnElement[str] = literal_column("''")
    return and_(Device.timezone == empty, Tenant.timezone == empty)


def _kinds(session: Session, what: WhatIf) -> Iterator[_Kind]:
    tenant = [Tenant.id, Tenant.name, *(getattr(Tenant, name) for name in SERVER_FIELDS)]
    query = select(Device.model, _in_zone(), func.count(), *tenant).join(Tenant).where(*_devices_of(what))
    rows = session.execute(query.group_by(Device.model, _in_zone(), *tenant))
    for key, is_in_zone, count, number, name, *servers in rows:
        data = TenantData(number, name, **dict(zip(SERVER_FIELDS, servers, strict=True)))
        yield _Kind(key, bool(is_in_zone), count, data)
