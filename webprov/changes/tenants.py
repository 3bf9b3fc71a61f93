"""Tenants: made, edited, deleted."""

from collections.abc import Callable, Mapping

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, Differences, record_change
from webprov.checks import check_host, check_networks, check_override, check_slug, check_text
from webprov.delivery.assets import SyncKind
from webprov.directories import remove_directory
from webprov.errors import Conflict, InvalidInput, InvalidValue, NotFound
from webprov.nudges import nudge
from webprov.phones.timezones import check_language, check_timezone
from webprov.rights import Actor
from webprov.site import Site
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.fetchrecords import FetchHour
from webprov.store.models import Device, Tenant, TenantOverride, User
from webprov.syncs import DUTIES, withdraw_contacts

_CHECKS: dict[str, Callable[[str], str]] = {
    "label": check_text,
    "timezone": lambda text: check_timezone(text) if text.strip() else "",
    "language": lambda text: check_language(text) if text.strip() else "",
    "parkext": check_text,
    "registrar": check_host,
    "backup_registrar": check_host,
    "sip_proxy": check_host,
    "backup_sip_proxy": check_host,
    "ntp_server": check_host,
    "networks": check_networks,
}
TENANT_FIELDS = tuple(_CHECKS)


def create_tenant(session: Session, name: str, flat: Mapping[str, str], by: Actor) -> Tenant:
    """Add a tenant; `flat` holds any of TENANT_FIELDS as typed. Raises InvalidInput by field."""
    errors: dict[str, str] = {}
    values = _checked(flat, errors)
    try:
        name = check_slug(name)
    except InvalidValue as e:
        errors["name"] = str(e)
    if errors:
        raise InvalidInput(errors)
    with writing(session):
        if session.scalar(select(Tenant.id).where(Tenant.name == name)):
            raise InvalidInput({"name": f"There is a tenant {name} already. Choose another name."})
        tenant = Tenant(name=name, **values)
        session.add(tenant)
        session.flush()
        fields = {field: ["", value] for field, value in values.items() if value}
        record_change(session, by, "create", "tenant", name, tenant_id=tenant.id, fields=fields)
    return tenant


def save_tenant(
    session: Session, name: str, flat: Mapping[str, str], by: Actor, *, version: int | None = None
) -> Tenant:
    """Change the named fields of a tenant. Raises InvalidInput by field, NotFound, and Conflict when `version`
    (what the person saw) is not the present one (security DB-04)."""
    errors: dict[str, str] = {}
    values = _checked(flat, errors)
    if errors:
        raise InvalidInput(errors)
    with writing(session):
        tenant = find_tenant(session, name, by)
        if version is not None and tenant.version != version:
            raise Conflict(f"Somebody else changed {name} since you opened this page. Load it again.")
        differences = Differences()
        for field, value in values.items():
            differences.put(tenant, field, value)
        if differences:
            tenant.version += 1
            record_change(session, by, "change", "tenant", name, tenant_id=tenant.id, fields=differences)
        if "networks" in differences:
            bump(session, FILES)  # the listeners look again who may have what
    return tenant


def save_tenant_override(session: Session, name: str, model: str, text: str, by: Actor) -> None:
    """Set the text that this tenant adds to every file of `model`; empty removes it. Raises InvalidValue, NotFound."""
    text = check_override(text)
    with writing(session):
        tenant = find_tenant(session, name, by)
        row = next((item for item in tenant.overrides if item.model == model), None)
        if (row.text if row else "") == text:
            return
        if row is None:
            tenant.overrides.append(TenantOverride(model=model, text=text))
        elif text:
            row.text = text
        else:
            tenant.overrides.remove(row)
        tenant.version += 1
        record_change(
            session, by, "change", "tenant", name, tenant_id=tenant.id, fields={f"override of {model}": CHANGED}
        )


def delete_tenant(session: Session, site: Site, name: str, by: Actor) -> None:
    """Delete a tenant without devices, with its contacts and their directories. Raises Conflict where devices or
    people still belong to it, NotFound."""
    with writing(session):
        tenant = find_tenant(session, name, by)
        devices = session.scalar(select(func.count()).where(Device.tenant_id == tenant.id)) or 0
        if devices:
            raise Conflict(f"{name} still has {devices} devices. Move or delete them first.")
        people = session.scalars(select(User.name).where(User.tenant_id == tenant.id)).all()
        if people:
            raise Conflict(f"{', '.join(people)} belong to {name}. Move or disable them first.")
        remove_directory(session, site, name)
        session.delete(tenant)
        session.execute(delete(FetchHour).where(FetchHour.tenant_id == tenant.id))  # its number may come again
        withdraw_contacts(session, name)
        record_change(session, by, "delete", "tenant", name, tenant_id=tenant.id)
    nudge(session, DUTIES[SyncKind.CONTACTS])


def find_tenant(session: Session, name: str, by: Actor) -> Tenant:
    """The tenant of that name; NotFound where there is none or it does not exist for this person (UI-03)."""
    tenant = session.scalar(select(Tenant).where(Tenant.name == name))
    if tenant is None or not by.sees(tenant.id):
        raise NotFound(f"There is no tenant {name}.")
    return tenant


def _checked(flat: Mapping[str, str], errors: dict[str, str]) -> dict[str, str]:
    values = {}
    for field, check in _CHECKS.items():
        if field in flat:
            try:
                values[field] = check(flat[field])
            except InvalidValue as e:
                errors[field] = str(e)
    return values
