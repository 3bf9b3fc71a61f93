"""What phones sent, as people see it, and its end (spec 8). `serving.uploads` receives it."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.store.models import Device
from webprov.store.uploadrecords import UploadRecord


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that a device sent, `size` bytes; `path` is where it lies. It may hold anything: never interpret it."""

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
        Upload(row.path, row.size, row.at, row.protocol, row.source, config.uploads_dir / mac / row.path)
        for row in session.scalars(wanted)
    ]


def forget_uploads(session: Session, device_id: int) -> None:
    """Forget what a device sent, inside the transaction under way; `remove_uploads` removes the files."""
    session.execute(delete(UploadRecord).where(UploadRecord.device_id == device_id))


def remove_uploads(config: Config, macs: Iterable[str]) -> None:
    """Remove the files that phones with these MACs sent."""
    for mac in macs:
        shutil.rmtree(config.uploads_dir / mac, ignore_errors=True)
