"""What is to be provisioned after a change: one device to try first, one tenant, or all (spec 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from views.database import db_session
from views.site import current_site
from webprov.enums import FileState
from webprov.fleet import file_state, not_restored
from webprov.store.models import Device, Tenant

WAITING = (FileState.STALE, FileState.FAILED)


@dataclass(frozen=True)
class Offer:
    """How many devices wait for new files, of how many tenants, and one of them to try it with."""

    models: tuple[str, ...]
    total: int
    tenants: tuple[tuple[str, int], ...] = ()
    mac: str = ""
    label: str = ""


def stale_offer(models: Sequence[str], *where: ColumnElement[bool]) -> Offer:
    """The devices that meet `where` and whose files are stale or failed; `models` are the keys that the job names."""
    session = db_session()
    waits = (file_state(session, current_site()).in_([state.value for state in WAITING]), not_restored(), *where)
    groups = select(Tenant.name, func.count()).select_from(Device).join(Tenant).where(*waits)
    tenants = [(name, count) for name, count in session.execute(groups.group_by(Tenant.name).order_by(Tenant.name))]
    if not tenants:
        return Offer(tuple(models), 0)
    first = select(Device.mac, Device.label).join(Tenant).where(*waits).order_by(Device.id)
    one = session.execute(first.limit(1)).one()
    return Offer(tuple(models), sum(count for _, count in tenants), tuple(tenants), one.mac, one.label)
