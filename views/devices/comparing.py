"""What the Files page compares with, and its list of earlier revisions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import select

from views.access import current_actor, within
from views.database import db_session
from views.devices.blueprint import name_of, the_device
from views.site import current_site
from webprov.comparisons import Side, against_device, against_fetched, against_revision, against_shipped, compared
from webprov.errors import NotFound
from webprov.previews import Preview
from webprov.reasons import Reason, kinds_since, reasons
from webprov.revisions import Revision, revisions_of, told_cause
from webprov.rights import Right
from webprov.search import search_fleet
from webprov.store.devicedata import DeviceData, read_device
from webprov.store.models import ChangeRecord, Device

_MOST_OFFERED = 20
_OF_REVISION = "revision-"


@dataclass(frozen=True)
class Compared:
    """The chosen file beside what it is compared with; `title` names that, `missing` says why there is nothing."""

    preview: Preview | None
    title: str = ""
    missing: str = ""
    reasons: Sequence[Reason] = ()


@dataclass(frozen=True)
class RevisionRow:
    """One revision in the list, with the changes that led to it. `is_present`: the one that lies on disk; `restored`:
    the one that was put back when it was made (0: none)."""

    number: int
    made_at: datetime | None
    is_present: bool
    restored: int
    reasons: Sequence[Reason] = field(default_factory=tuple)


def choices(device: Device, kept: Sequence[Revision]) -> dict[str, str]:
    """What can be compared with, by the value of `?against=`."""
    fetched = f"What the phone fetched last (revision {device.fetched_revision})" if device.fetched_revision else ""
    return {
        "disk": "On disk",
        "fetched": fetched or "What the phone fetched last",
        **{f"{_OF_REVISION}{one.number}": f"Revision {one.number}" for one in kept},
        "device": "Another device",
        "shipped": "Shipped models and templates",
    }


def wanted(offered: dict[str, str]) -> str:
    """What `?against=` asks for; the disk where it is nothing on offer."""
    asked = request.args.get("against", "disk")
    return asked if asked in offered else "disk"


def revision_number(against: str) -> int:
    """The number in `revision-7`; 0 where another thing is meant."""
    number = against.removeprefix(_OF_REVISION)
    return int(number) if against.startswith(_OF_REVISION) and number.isdecimal() else 0


def comparison(
    against: str, device: Device, data: DeviceData, files: Sequence[Preview], chosen: Preview | None, *, reveal: bool
) -> Compared:
    """The chosen file compared as `against` says, and why it differs where that is known."""
    title, side = _side(against, device, data, files, reveal=reveal)
    preview = compared(chosen, side) if chosen and side else chosen
    missing = side.missing if side else ""
    if missing or preview is None or not preview.differs:
        return Compared(preview, title, missing)
    return Compared(preview, title, "", _reasons(against, device, data))


def _side(
    against: str, device: Device, data: DeviceData, files: Sequence[Preview], *, reveal: bool
) -> tuple[str, Side | None]:
    session, site = db_session(), current_site()
    if number := revision_number(against):
        return f"revision {number}", against_revision(session, device, number, files, reveal=reveal)
    if against == "fetched":
        return "what the phone fetched last", against_fetched(session, device, files, reveal=reveal)
    if against == "shipped":
        return "the shipped models and templates", against_shipped(site, data, reveal=reveal)
    if against == "device":
        return _other_side(data)
    return "what is on disk", None


def _other_side(data: DeviceData) -> tuple[str, Side]:
    mac = request.args.get("other", "")
    if not mac:
        return "another device", Side(missing="Choose the device to compare with.")
    other = the_device(mac)
    found = read_device(db_session(), other.mac)
    if found is None:
        raise NotFound("There is no such device.")
    return name_of(other), against_device(db_session(), current_site(), data, found)


def _reasons(against: str, device: Device, data: DeviceData) -> list[Reason]:
    """Known for what was made from earlier states of this device itself."""
    session, site = db_session(), current_site()
    number = revision_number(against)
    if against == "fetched":
        number = device.fetched_revision if device.fetched_revision != device.revision else 0
    elif against != "disk" and not number:
        return []
    held = number or device.restored_revision
    made_from = next((one for one in revisions_of(session, device) if one.number == held), None)
    versions, since = (made_from.versions, made_from.made_at) if made_from else (device, device.provisioned_at)
    return reasons(session, site, data, kinds_since(site, data, versions), since)


def offered_devices(device: Device) -> list[Device]:
    """Whom to compare with: what was looked for, else devices of the same model, those of the same tenant first."""
    session, mine = db_session(), (within(Device.tenant_id), Device.id != device.id)
    if text := request.args.get("find", "").strip():
        hits = search_fleet(session, text, *mine)
        macs = [hits.exact] if hits.exact else [hit.mac for _, group in hits.groups for hit in group]
        query = select(Device).where(Device.mac.in_(macs), *mine).order_by(Device.model != device.model)
    else:
        query = select(Device).where(Device.model == device.model, *mine)
    order = (Device.tenant_id != device.tenant_id, Device.label, Device.mac)
    return list(session.scalars(query.order_by(*order).limit(_MOST_OFFERED)))


def revision_rows(device: Device, data: DeviceData, kept: Sequence[Revision]) -> list[RevisionRow]:
    """The present revision and the earlier ones, the newest first, each with what is known of its cause."""
    if not device.revision:
        return []
    kinds, restored = told_cause(device.revision_cause)
    told = [(device.revision, device.revision_at, kinds, restored)]
    told += [(one.number, one.made_at, one.kinds, one.restored) for one in kept]
    before: list[datetime | None] = [made_at for _, made_at, _, _ in told[1:]]
    rows = []
    for index, ((number, made_at, kinds, restored), since) in enumerate(zip(told, [*before, None], strict=True)):
        found = reasons(db_session(), current_site(), data, kinds, since, made_at)
        rows.append(RevisionRow(number, made_at, index == 0, restored, found))
    return rows


def may_name(record: ChangeRecord) -> bool:
    """Whether this person may know who made a change: those of their own tenant, or all."""
    actor = current_actor()
    return actor.may(Right.SEE_CHANGES) or (record.tenant_id is not None and record.tenant_id == actor.tenant_id)


def comparing_values(device: Device, data: DeviceData, kept: Sequence[Revision], against: str) -> dict[str, Any]:
    """What the page needs beside the comparison itself."""
    is_other = against == "device"
    return {
        "against": against,
        "find": request.args.get("find", "")[:100],
        "other": request.args.get("other", "") if is_other else "",
        "offered": offered_devices(device) if is_other else [],
        "revisions": revision_rows(device, data, kept),
        "may_name": may_name,
    }
