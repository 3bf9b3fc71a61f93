"""What phones send: logs, local settings, call lists; kept apart from what they fetch, and never parsed (PH-15)."""

import logging
import os
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import IO, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webprov.serving.askers import Asker, Proven, Reason
from webprov.serving.index import ServedDevice
from webprov.store.database import writing
from webprov.store.instance import Instance
from webprov.store.models import utc_now
from webprov.store.uploadrecords import UploadRecord
from webprov.texts import safe_text

log = logging.getLogger(__name__)

LARGEST_BYTES = 1024 * 1024
MOST = 20
_CHUNK = 64 * 1024


class SentFile(NamedTuple):
    """One upload as it lies there."""

    path: Path
    at: datetime


class Uploads:
    """Stores and finds uploads below `uploads/<MAC>/` of the instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._root = instance.config.uploads_dir

    def store(self, device: ServedDevice, name: str, asker: Asker, body: IO[bytes], size: int | None) -> Reason:
        """Keep `body` as `name`, a name that the device may send; the newest stays.

        STORED, TOO_LARGE, TOO_MANY or NOT_KEPT.
        """
        if size is not None and size > LARGEST_BYTES:
            return Reason.TOO_LARGE
        folder = self._root / device.mac
        part = folder / f".{token_hex(8)}.tmp"
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            written = _write(part, body, LARGEST_BYTES if size is None else size)
            return self._record(device, name, asker, part, written) if written <= LARGEST_BYTES else Reason.TOO_LARGE
        except (OSError, SQLAlchemyError) as e:
            log.error("What %s sent as %s cannot be stored: %s", device.mac, safe_text(name, 250), e)
            return Reason.NOT_KEPT
        finally:
            part.unlink(missing_ok=True)

    def find(self, device: ServedDevice, name: str, asker: Asker) -> SentFile | None:
        """What `device` sent as `name`, if `asker` is that device: by its proof, or by the address it sent it from."""
        with self._instance.sessions() as session:
            record = _find(session, device.id, name)
        if record is None or (asker.identity.proven is not Proven.DEVICE and record.source != asker.source.address):
            return None
        return SentFile(self._root / device.mac / record.path, record.at)

    def _record(self, device: ServedDevice, name: str, asker: Asker, part: Path, size: int) -> Reason:
        with self._instance.sessions() as session, writing(session):
            record = _find(session, device.id, name)
            if record is None:
                count = session.scalar(select(func.count()).where(UploadRecord.device_id == device.id)) or 0
                if count >= MOST:
                    return Reason.TOO_MANY
                record = UploadRecord(device_id=device.id, path=name, path_key=name.casefold())
                session.add(record)
            record.size, record.at = size, utc_now()
            record.source, record.protocol = asker.source.address, str(asker.protocol)
            target = self._root / device.mac / record.path
            target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            part.replace(target)
        return Reason.STORED


def _find(session: Session, device_id: int, name: str) -> UploadRecord | None:
    wanted = select(UploadRecord).where(UploadRecord.device_id == device_id, UploadRecord.path_key == name.casefold())
    return session.scalar(wanted)


def _write(part: Path, body: IO[bytes], limit: int) -> int:
    """Copy at most one byte more than `limit` allows; how many there were."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    written = 0
    with os.fdopen(descriptor, "wb") as file:
        while written <= limit and (chunk := body.read(min(_CHUNK, limit + 1 - written))):
            file.write(chunk)
            written += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return written
