"""What phones sent, as people see it, and its end (spec 8). `serving.uploads` receives it."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.config import Config
from webprov.errors import NotFound
from webprov.rights import Actor, Right
from webprov.store.database import writing
from webprov.store.models import Device
from webprov.store.uploadrecords import UploadRecord


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that a device sent, `size` bytes; `path` is where it lies. It may hold anything: never interpret it."""

    id: int
    name: str
    size: int
    at: datetime
    protocol: str
    source: str
    path: Path


def list_uploads(session: Session, config: Config, mac: str) -> list[Upload]:
    """What the device with this MAC sent, the newest first. Whether the person may see it is the caller's question."""
    wanted = select(UploadRecord).join(Device).where(Device.mac == mac).order_by(UploadRecord.at.desc())
    return [
        Upload(row.id, row.path, row.size, row.at, row.protocol, row.source, config.uploads_dir / mac / row.path)
        for row in session.scalars(wanted)
    ]


def count_uploads(session: Session, device: Device) -> int:
    """How many files the phone of `device` sent."""
    return session.scalar(select(func.count()).where(UploadRecord.device_id == device.id)) or 0


def find_upload(session: Session, config: Config, device: Device, number: int) -> Upload:
    """The upload of that id. Raises NotFound, also for one of another device."""
    found = next((one for one in list_uploads(session, config, device.mac) if one.id == number), None)
    if found is None:
        raise NotFound("There is no such upload.")
    return found


def open_upload(session: Session, device: Device, upload: Upload, by: Actor) -> BinaryIO:
    """The content of an upload, for somebody to read: it may hold passwords, so that is recorded (UI-12).

    Raises NotAllowed, and NotFound where the file is gone or no plain file.
    """
    by.check(Right.REVEAL_SECRETS)
    try:
        descriptor = os.open(upload.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as e:
        raise NotFound(f"{upload.name} is not on the disk any more.") from e
    with writing(session):
        record_change(session, by, "open", "upload", f"{device.mac} {upload.name}", tenant_id=device.tenant_id)
    return os.fdopen(descriptor, "rb")


def delete_upload(session: Session, device: Device, upload: Upload, by: Actor) -> None:
    """Delete an upload; the phone may send it again. Raises NotAllowed."""
    by.check(Right.EDIT_DEVICES, device.tenant_id)
    with writing(session):
        session.execute(delete(UploadRecord).where(UploadRecord.id == upload.id))
        record_change(session, by, "delete", "upload", f"{device.mac} {upload.name}", tenant_id=device.tenant_id)
    upload.path.unlink(missing_ok=True)


def forget_uploads(session: Session, device_id: int) -> None:
    """Forget what a device sent, inside the transaction under way; `remove_uploads` removes the files."""
    session.execute(delete(UploadRecord).where(UploadRecord.device_id == device_id))


def remove_uploads(config: Config, macs: Iterable[str]) -> None:
    """Remove the files that phones with these MACs sent."""
    for mac in macs:
        shutil.rmtree(config.uploads_dir / mac, ignore_errors=True)
