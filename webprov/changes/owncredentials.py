"""Devices' own credentials: renewed, and ended where the phone has moved on (spec 8, security PH-08, PH-09).

`own_login_at` says since when a device signs in with its own; while it is empty the shared ones open its files too.
The pair before a renewal stays good until the new one has been used.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.changes.devices import find_device
from webprov.enums import Protocol
from webprov.rights import Actor, Right
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import Device, utc_now
from webprov.store.rotation import keep_previous_pair
from webprov.store.secrets import random_password
from webprov.store.settings import load_settings
from webprov.store.windowrecords import open_windows
from webprov.worker import Duty

_REST_SECONDS = 60.0
_GRACE = timedelta(minutes=10)


def renew_credentials(session: Session, macs: Sequence[str], by: Actor) -> None:
    """Give these devices new random passwords; the caller provisions them. Raises NotFound, and then renews none."""
    by.check(Right.EDIT_DEVICES)
    with writing(session):
        for device in [find_device(session, mac, by) for mac in macs]:
            keep_previous_pair(device)
            device.prov_user = device.prov_user or device.mac.lower()
            device.prov_password = random_password()
            device.version += 1
            device.updated_at = utc_now()
            fields = {"prov_password": CHANGED}
            record_change(session, by, "renew", "credentials", device.mac, tenant_id=device.tenant_id, fields=fields)
        bump(session, "logins")


def let_start_over(session: Session, mac: str, by: Actor) -> None:
    """Let the shared credentials open the files of this device once more, until it has used its own: it was reset, or
    is another phone with this MAC. Raises NotFound."""
    by.check(Right.EDIT_DEVICES)
    with writing(session):
        device = find_device(session, mac, by)
        device.own_login_at = None
        open_windows(session, [device.id])
        record_change(session, by, "start over", "credentials", device.mac, tenant_id=device.tenant_id)
        bump(session, "logins")
        bump(session, FILES)


def devices_waiting(session: Session) -> int:
    """How many enabled devices have not signed in with their own credentials, so that shared ones open their files."""
    waiting = select(func.count()).select_from(Device).where(Device.enabled, Device.own_login_at.is_(None))
    return session.scalar(waiting) or 0


def end_fetched(session: Session) -> int:
    """End what was good before for devices that fetched their new file by it ten minutes ago: long enough to have got
    all their files. Phones that use TFTP prove nothing, so theirs stay open. How many there were."""
    settings = load_settings(session)
    if not settings.device_credentials:
        return 0
    fetched = (
        Device.enabled,
        Device.rendered_settings == settings.version,
        Device.rendered_device == Device.version,
        Device.revision > 0,
        Device.fetched_revision >= Device.revision,
        Device.last_fetch_at < utc_now() - _GRACE,
        Device.last_fetch_at > Device.provisioned_at,
        Device.last_fetch_protocol != Protocol.TFTP.value,
        or_(Device.own_login_at.is_(None), Device.previous_user != ""),
    )
    ids = session.scalars(select(Device.id).where(*fetched)).all()
    if ids:
        with writing(session):
            values = {"own_login_at": utc_now(), "previous_user": "", "previous_password": ""}
            session.execute(update(Device).where(*fetched).values(values))
            bump(session, "logins")
            bump(session, FILES)
    return len(ids)


def end_own(session: Session) -> int:
    """With the setting off: forget that devices used their own, once they fetched a file with the shared ones."""
    settings = load_settings(session)
    if settings.device_credentials:
        return 0
    moved = (
        Device.own_login_at.is_not(None),
        Device.rendered_settings == settings.version,
        Device.fetched_revision >= Device.revision,
        Device.last_fetch_at < utc_now() - _GRACE,
        Device.last_fetch_at > Device.provisioned_at,
    )
    ids = session.scalars(select(Device.id).where(*moved)).all()
    if ids:
        with writing(session):
            values = {"own_login_at": None, "previous_user": "", "previous_password": ""}
            session.execute(update(Device).where(*moved).values(values))
            bump(session, "logins")
            bump(session, FILES)
    return len(ids)


def own_credentials_duty(_instance: Instance) -> Duty:
    """Each minute: end what phones have left behind."""

    def turn(session: Session, _lease: Lease) -> float:
        end_fetched(session)
        end_own(session)
        return _REST_SECONDS

    return Duty("credentials", turn)
