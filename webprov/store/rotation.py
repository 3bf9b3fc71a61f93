"""Sign-ins that phones used before the last change: good for a while longer (spec 1, security PH-09).

They lie encrypted beside the settings' own secrets, and go when every device has fetched its new file, after 30 days,
or when somebody ends them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from webprov.store.models import Device, SettingsRecord, utc_now
from webprov.store.settings import PREVIOUS, ProvisioningSettings

KEPT_DAYS = 30
KINDS = ("http", "ftp")
_MOST = 4  # of one kind: who changes a password five times in a month has a reason


@dataclass(frozen=True, slots=True)
class PreviousLogin:
    """A user and password of `kind` (http: also HTTPS; ftp: also FTPS) that settings of `version` replaced; good until
    `until`."""

    kind: str
    user: str
    password: str = field(repr=False)
    version: int
    until: datetime


def previous_logins(session: Session) -> list[PreviousLogin]:
    """Those that are still good, the newest first."""
    record = session.get(SettingsRecord, 1)
    found = json.loads(record.secret).get(PREVIOUS, []) if record else []
    logins = [PreviousLogin(**{**each, "until": datetime.fromtimestamp(each["until"], UTC)}) for each in found]
    return [login for login in logins if login.until > utc_now()]


def keep_previous(session: Session, before: ProvisioningSettings, after: ProvisioningSettings) -> None:
    """Remember the sign-ins of `before` that `after`, just stored, replaces; inside the same transaction.

    A sign-in that comes back is no previous one any more.
    """
    kept = [login for login in previous_logins(session) if _pair(after, login.kind) != (login.user, login.password)]
    until = utc_now() + timedelta(days=KEPT_DAYS)
    for kind in KINDS:
        pair = _pair(before, kind)
        if all(pair) and pair != _pair(after, kind):
            others = [login for login in kept if (login.kind, login.user, login.password) != (kind, *pair)]
            kept = [PreviousLogin(kind, *pair, after.version, until), *others]
    store_previous(session, [login for kind in KINDS for login in _of(kept, kind)[:_MOST]])


def store_previous(session: Session, logins: Sequence[PreviousLogin]) -> None:
    """Remember `logins` and no others; inside a write transaction, whose caller bumps the counter `settings`."""
    record = session.get_one(SettingsRecord, 1)
    values = [
        {
            "kind": login.kind,
            "user": login.user,
            "password": login.password,
            "version": login.version,
            "until": int(login.until.timestamp()),
        }
        for login in logins
    ]
    record.secret = json.dumps({**json.loads(record.secret), PREVIOUS: values})


def keep_previous_pair(device: Device) -> None:
    """Let the device's own pair, about to be replaced, stay good until the new one has been used (PH-09).

    Where an earlier one still is, and the phone has not fetched a file with the present one, it is the earlier.
    """
    holds_present = device.fetched_revision >= device.revision and device.rendered_device == device.version
    if device.own_login_at and device.prov_password and (holds_present or not device.previous_user):
        device.previous_user, device.previous_password = device.prov_user, device.prov_password


def devices_left(session: Session, login: PreviousLogin) -> int:
    """How many enabled devices may still use it: those without files made from newer settings, or that have not
    fetched their newest file. Rather too many than too few: after a later change a device counts until it fetched."""
    waiting = or_(Device.rendered_settings < login.version, Device.fetched_revision < Device.revision)
    return session.scalar(select(func.count()).select_from(Device).where(Device.enabled, waiting)) or 0


def _of(logins: Sequence[PreviousLogin], kind: str) -> list[PreviousLogin]:
    return [login for login in logins if login.kind == kind]


def _pair(settings: ProvisioningSettings, kind: str) -> tuple[str, str]:
    return getattr(settings, f"{kind}_user"), getattr(settings, f"{kind}_password")
