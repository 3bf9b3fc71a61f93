"""The fleet at a glance: the state of each device's files, and the lists and counts made from it (spec 5, "stale")."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from webprov.enums import FileState
from webprov.site import Site
from webprov.store.models import Device, Tenant


def file_state(session: Session, site: Site) -> ColumnElement[str]:
    """An SQL expression over Device (joined with Tenant) that yields a FileState.

    A device is stale when any version it was rendered from is not the present one, rather too many than too few, and
    while it holds files that were put back.
    """
    model_version = _model_versions(session, site)
    stale = or_(
        Device.rendered_device != Device.version,
        Device.rendered_settings != site.settings.version,
        Device.rendered_variables != site.variables_version,
        Device.rendered_tenant != Tenant.version,
        Device.rendered_model != model_version,
        Device.restored_revision != 0,
    )
    return case(
        (Device.enabled.is_(False), FileState.DISABLED.value),
        (model_version == "", FileState.MODEL_MISSING.value),
        (Device.provision_error != "", FileState.FAILED.value),
        (stale, FileState.STALE.value),
        else_=FileState.CURRENT.value,
    )


def state_of(session: Session, site: Site, device: Device) -> FileState:
    """The state of one device's files."""
    query = select(file_state(session, site)).join(Tenant, Tenant.id == Device.tenant_id).where(Device.id == device.id)
    return FileState(session.execute(query).scalar_one())


def state_counts(session: Session, site: Site, *where: ColumnElement[bool]) -> dict[FileState, int]:
    """How many devices are in each state; every state is there."""
    state = file_state(session, site).label("state")
    query = select(state, func.count()).select_from(Device).join(Tenant).where(*where).group_by(state)
    counts = {FileState(name): count for name, count in session.execute(query)}
    return {state: counts.get(state, 0) for state in FileState}


def ids_in_state(session: Session, site: Site, states: Sequence[FileState], *where: ColumnElement[bool]) -> list[int]:
    """The devices in any of `states`, by id."""
    chosen = file_state(session, site).in_([state.value for state in states])
    return list(session.scalars(select(Device.id).join(Tenant).where(chosen, *where).order_by(Device.id)))


def not_restored() -> ColumnElement[bool]:
    """The condition on devices that hold rendered files, not an earlier revision that somebody put back.

    Runs over whatever is stale keep to it: who put files back had trouble with the present ones.
    """
    return Device.restored_revision == 0


def restored_count(session: Session, *where: ColumnElement[bool]) -> int:
    """How many enabled devices hold an earlier revision."""
    query = select(func.count()).select_from(Device).where(Device.enabled, Device.restored_revision != 0, *where)
    return session.scalar(query) or 0


def bulk_stale(session: Session, site: Site, counts: Mapping[Any, int], *where: ColumnElement[bool]) -> int:
    """How many of the stale devices in `counts` a run over what is stale takes up."""
    held = restored_count(session, *where) and state_counts(session, site, ~not_restored(), *where)[FileState.STALE]
    return counts.get(FileState.STALE, 0) - held


def _model_versions(session: Session, site: Site) -> ColumnElement[str]:
    """The present version of each device's model, as SQL. Tenants with models or templates of their own stand apart."""
    used = session.execute(select(Tenant.id, Tenant.name, Device.model).join(Device).distinct()).all()
    common: dict[str, str] = {}
    special: list[tuple[ColumnElement[bool], str]] = []
    for tenant_id, tenant, key in used:
        version = site.model_version(key, tenant)
        if common.setdefault(key, version) != version:
            special.append((and_(Device.tenant_id == tenant_id, Device.model == key), version))
    general = case(common, value=Device.model, else_="") if common else literal("")
    return case(*special, else_=general) if special else general
