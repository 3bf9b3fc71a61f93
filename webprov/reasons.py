"""Why files differ: which changes people made since, as far as they are recorded (ui guide 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from webprov.devicework import versions_now
from webprov.revisions import KINDS
from webprov.site import Site, template_names
from webprov.store.devicedata import DeviceData
from webprov.store.models import ChangeRecord

MOST = 3
_OF_DEVICE = ("create", "change", "renew", "start over")


@dataclass(frozen=True, slots=True)
class Reason:
    """One kind of change (of `revisions.KINDS`) with the latest records of it; none where nobody made it here."""

    kind: str
    records: Sequence[ChangeRecord]


def kinds_since(site: Site, device: DeviceData, versions: Any) -> list[str]:
    """What has changed since files were made from `versions` (a row or mapping with the columns `rendered_<kind>`)."""
    now = versions_now(site, device)
    then = versions if isinstance(versions, Mapping) else {name: getattr(versions, name) for name in now}
    return [kind for kind in KINDS if then[f"rendered_{kind}"] != now[f"rendered_{kind}"]]


def reasons(
    session: Session,
    site: Site,
    device: DeviceData,
    kinds: Sequence[str],
    since: datetime | None,
    until: datetime | None = None,
) -> list[Reason]:
    """For each of `kinds` the latest changes that reach this device, after `since` and not after `until`."""
    period = [ChangeRecord.at > since] if since else []
    period += [ChangeRecord.at <= until] if until else []
    latest = select(ChangeRecord).where(*period).order_by(ChangeRecord.id.desc()).limit(MOST)
    return [Reason(kind, session.scalars(latest.where(_reaches(site, device, kind))).all()) for kind in kinds]


def _reaches(site: Site, device: DeviceData, kind: str) -> ColumnElement[bool]:
    record, tenant = ChangeRecord, device.tenant
    of_variables = record.thing == "variables"
    match kind:
        case "settings":
            return record.thing == "settings"
        case "variables":
            return and_(of_variables, record.tenant_id.is_(None))
        case "tenant":
            return and_(
                record.tenant_id == tenant.id, record.thing.in_(("tenant", "variables")), record.name == tenant.name
            )
        case "device":
            return and_(record.name == device.mac, record.action.in_(_OF_DEVICE))
    in_scope = or_(record.tenant_id.is_(None), record.tenant_id == tenant.id)
    return and_(in_scope, or_(*_of_model(site, device)))


def _of_model(site: Site, device: DeviceData) -> list[ColumnElement[bool]]:
    """The device's model with all that it inherits from, and its templates with all that they bring in."""
    key, tenant = device.model, device.tenant.name
    model = site.catalog.model(key, tenant)
    sections = {key, *(stated.section for stated in site.catalog.stated(key, tenant).values())}
    found = [and_(ChangeRecord.thing == "model", ChangeRecord.name.in_(sections))]
    if model:
        templates = {one for name in template_names(model) for one in site.library.reach(name, tenant)}
        found.append(and_(ChangeRecord.thing == "template", ChangeRecord.name.in_(templates)))
    return found
