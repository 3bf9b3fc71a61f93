"""Provisioning windows: until when a phone may still fetch its own files (security PH-06).

A device without a row may fetch: it has not got its files yet, or somebody opened its window again. The first fetch of
its present revision lets the window close a day later. The settings say whether windows close, and each device may say
otherwise; nothing is written for those that stay open.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webprov.enums import ProvisioningWindow
from webprov.store.models import Base, Device

OPEN_HOURS = 24
"""So long after the first fetch the window stays open: phones fetch several files, and restart once or twice."""


class DeviceWindow(Base):
    """When the window of a device closes, or did."""

    __tablename__ = "device_windows"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    closes_at: Mapped[datetime]


def window_of(own: str, system: ProvisioningWindow) -> ProvisioningWindow:
    """What holds for a device: its own choice, or where it has none the system's."""
    return ProvisioningWindow(own or system)


def note_fetched(session: Session, fetched: Mapping[int, tuple[int, datetime]]) -> None:
    """Let the windows of devices close that have fetched, by id: which revision and when. In a transaction.

    A fetch of an older revision does not count: the phone has yet to get the present one.
    """
    started = set(session.scalars(select(DeviceWindow.device_id).where(DeviceWindow.device_id.in_(fetched))))
    new = fetched.keys() - started
    if not new:
        return
    present = session.execute(select(Device.id, Device.revision).where(Device.id.in_(new)))
    rows = [
        {"device_id": device_id, "closes_at": fetched[device_id][1] + timedelta(hours=OPEN_HOURS)}
        for device_id, revision in present
        if fetched[device_id][0] == revision
    ]
    if rows:
        session.execute(insert(DeviceWindow), rows)


def open_windows(session: Session, device_ids: Collection[int] | None = None) -> None:
    """Open the windows of these devices, or of all that have none of their own. In a transaction."""
    chosen = select(Device.id).where(Device.provisioning_window == "") if device_ids is None else device_ids
    session.execute(delete(DeviceWindow).where(DeviceWindow.device_id.in_(chosen)))


def windows_close(session: Session, system: ProvisioningWindow) -> bool:
    """Whether the window of any device closes."""
    own = select(Device.id).where(Device.provisioning_window == ProvisioningWindow.FIRST_FETCH)
    return system is ProvisioningWindow.FIRST_FETCH or session.scalar(own.limit(1)) is not None


def closing_time(session: Session, device_id: int) -> datetime | None:
    """When the window of this device closes, or did; None: it is open until the phone has fetched."""
    return session.scalar(select(DeviceWindow.closes_at).where(DeviceWindow.device_id == device_id))
