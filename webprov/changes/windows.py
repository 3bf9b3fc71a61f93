"""Letting phones fetch their files again after their provisioning window has closed (security PH-06)."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.changes.devices import find_device
from webprov.rights import Actor, Right
from webprov.store.database import writing
from webprov.store.windowrecords import open_windows


def let_fetch_again(session: Session, macs: Sequence[str], by: Actor) -> None:
    """Open the windows of these devices until each has fetched once more. Raises NotFound, and then opens none."""
    by.check(Right.PROVISION)
    with writing(session):
        devices = [find_device(session, mac, by) for mac in macs]
        open_windows(session, [device.id for device in devices])
        for device in devices:
            record_change(session, by, "let fetch again", "device", device.mac, tenant_id=device.tenant_id)
