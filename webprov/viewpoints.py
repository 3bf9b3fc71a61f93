"""Whose eyes to look through: a device, or a model as a tenant without values of its own would have it."""

from dataclasses import dataclass

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from webprov.devicelist import DeviceQuery, list_devices
from webprov.phones.phonemodel import PhoneModel
from webprov.site import Site
from webprov.store.devicedata import DeviceData, TenantData, read_device
from webprov.store.models import Device, Tenant

MOST = 20
_MODEL = "model:"


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """One that can be chosen: `key` is a MAC, or `model:` with a model's key; `text` says what it is."""

    key: str
    text: str


def viewpoints(session: Session, site: Site, text: str = "") -> list[Viewpoint]:
    """Up to MOST devices that match `text` (as in lists), then up to MOST models that do.

    Without a text one device of each tenant and model comes first, so that different phones are offered; models only
    where there are no devices.
    """
    devices = _matching(session, site, text) if text else _typical(session, site)
    return devices + (_models(site, text) if text or not devices else [])


def look_through(session: Session, site: Site, key: str) -> tuple[DeviceData, PhoneModel] | None:
    """The device and model of a Viewpoint's key; None where it is gone."""
    if key.startswith(_MODEL):
        model = site.catalog.model(key.removeprefix(_MODEL), "")
        return (DeviceData(0, "0" * 12, TenantData(0, ""), model.key), model) if model else None
    device = read_device(session, key)
    model = site.catalog.model(device.model, device.tenant.name) if device else None
    return (device, model) if device and model else None


def _typical(session: Session, site: Site) -> list[Viewpoint]:
    groups = select(func.min(Device.id)).group_by(Device.tenant_id, Device.model)
    first = session.scalars(groups.order_by(func.count().desc()).limit(MOST)).all()
    others = select(Device.id).where(Device.id.not_in(first)).order_by(Device.id).limit(MOST - len(first))
    chosen = [*first, *session.scalars(others)]
    columns = select(Device.mac, Device.label, Device.model, Tenant.name).join(Tenant).where(Device.id.in_(chosen))
    rows = session.execute(columns.order_by(Device.id.in_(first).desc(), Device.label, Device.id))
    return [_device(site, *row) for row in rows]


def _matching(session: Session, site: Site, text: str) -> list[Viewpoint]:
    rows = list_devices(session, site, DeviceQuery(true(), text=text, per_page=MOST)).rows
    return [_device(site, row.mac, row.label, row.model, row.tenant) for row in rows]


def _device(site: Site, mac: str, label: str, key: str, tenant: str) -> Viewpoint:
    model = site.catalog.model(key, tenant)
    return Viewpoint(mac, " · ".join((label or mac, model.label if model else key, tenant)))


def _models(site: Site, text: str) -> list[Viewpoint]:
    wanted = text.casefold()
    found = [model for model in site.catalog.models("") if wanted in f"{model.label} {model.key}".casefold()]
    return [Viewpoint(_MODEL + model.key, f"{model.label}, any device") for model in found[:MOST]]
