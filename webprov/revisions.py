"""The last revisions of a device's files: kept when their bytes change, listed, opened (the way back, spec 5).

A revision is a device's own files; those shared with other phones are no part of it.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Dialect, delete, insert, select
from sqlalchemy.orm import Session

from webprov.errors import NotFound
from webprov.filerecords import FileEntry, disk_name
from webprov.site import Site
from webprov.store.database import BulkStatement, time_value
from webprov.store.models import Device, RenderedFileRecord, utc_now
from webprov.store.revisionrecords import FileRevision, RevisionFile
from webprov.store.secrets import keyring

KEPT = 3
"""Revisions kept beside the present one."""
KINDS = ("settings", "variables", "tenant", "device", "model")
"""What files are rendered from; each has a version `rendered_<kind>`."""
RESTORED = "restored "

_RENDERED = tuple(f"rendered_{kind}" for kind in KINDS)
_COPIED = ("segment", "path", "position", "sha256", "size", "masked")
_REVISIONS: Any = FileRevision.__table__
_REVISION_FILES: Any = RevisionFile.__table__
_FILES: Any = RenderedFileRecord.__table__

Contents = Mapping[tuple[str, str], bytes]
"""The bytes of files by (segment, path)."""


@dataclass(frozen=True, slots=True)
class Revision:
    """An earlier revision of a device's files. `made_at` None: before this was recorded; `kinds` of KINDS had changed
    when it was made, or `restored` names the revision that was put back then; `versions` are those of KINDS."""

    number: int
    made_at: datetime | None
    replaced_at: datetime
    kinds: tuple[str, ...]
    restored: int
    versions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a revision, with its bytes and its twin without secrets."""

    segment: str
    path: str
    position: int
    content: bytes
    masked: bytes


def cause_of(before: Any, versions: Mapping[str, Any]) -> str:
    """What differs between the versions that the row `before` was rendered from and these; words of KINDS, none for
    the first files."""
    if not before.revision:
        return ""
    return " ".join(kind for kind in KINDS if getattr(before, f"rendered_{kind}") != versions[f"rendered_{kind}"])


def made_for(mac: str, tenant_id: int) -> str:
    """Whose files these are: after a phone was replaced or moved, its earlier files are nobody's any more."""
    return f"{mac}/{tenant_id}"


def contents_to_keep(site: Site, rows: Sequence[Any], entries: Sequence[FileEntry]) -> Contents:
    """The bytes on disk of a device's recorded files (`rows`) where `entries` are about to change any of them.

    Empty where nothing changes, and where what lies there is not what was recorded: that is no revision.
    """
    fresh = {(entry.segment, entry.path): entry.sha256 for entry in entries}
    if fresh == {(row.segment, row.path): row.sha256 for row in rows}:
        return {}
    found: dict[tuple[str, str], bytes] = {}
    for row in rows:
        content = site.files.read(disk_name(row.segment, row.path))
        if content is None or sha256(content).hexdigest() != row.sha256:
            return {}
        found[row.segment, row.path] = content
    return found


def keep_revisions(session: Session, replaced: Mapping[int, Contents]) -> None:
    """Store what the files of these devices (by id) were, inside the transaction that changes them, and forget what
    is older than KEPT revisions. Their records must still be those of before."""
    ids = list(replaced)
    connection = session.connection()
    columns = (Device.id, Device.revision, Device.revision_for, Device.revision_at, Device.revision_cause)
    rendered = [getattr(Device, name) for name in _RENDERED]
    devices = {row.id: row for row in session.execute(select(*columns, *rendered).where(Device.id.in_(ids)))}
    time = time_value(connection.dialect)
    now = time(utc_now())
    rows = [(*row[:3], row[3] and time(row[3]), row[4], now, *row[5:]) for row in devices.values()]
    _adding(connection.dialect)[0].execute(connection, rows)
    _keep_files(session, replaced, {number: row.revision for number, row in devices.items()})
    present = select(Device.revision).where(Device.id == _REVISIONS.c.device_id).scalar_subquery()
    old = _REVISIONS.c.device_id.in_(ids), _REVISIONS.c.revision <= present - KEPT
    session.execute(delete(_REVISIONS).where(*old))


def _keep_files(session: Session, replaced: Mapping[int, Contents], revisions: Mapping[int, int]) -> None:
    connection = session.connection()
    columns = (_FILES.c.device_id, *(_FILES.c[name] for name in _COPIED))
    records = session.execute(select(*columns).where(_FILES.c.device_id.in_(list(replaced))))
    rows = [
        (row[0], revisions[row[0]], *row[1:], _sealed(replaced[row[0]][row.segment, row.path], row.masked))
        for row in records
    ]
    _adding(connection.dialect)[1].execute(connection, rows)


@lru_cache(maxsize=4)
def _adding(dialect: Dialect) -> tuple[BulkStatement, BulkStatement]:
    """The statements that add revisions and their files: compiling them costs more than running them for one device."""
    columns = ("device_id", "revision", "made_for", "made_at", "cause", "replaced_at", *_RENDERED)
    files = ("device_id", "revision", *_COPIED, "sealed")
    return (
        BulkStatement(dialect, insert(_REVISIONS), columns),
        BulkStatement(dialect, insert(_REVISION_FILES), files),
    )


def _sealed(content: bytes, masked: bytes) -> bytes:
    packer = zlib.compressobj(1, zdict=zlib.decompress(masked))
    return keyring().seal(packer.compress(content) + packer.flush())


def _opened(sealed: bytes, masked: bytes) -> bytes:
    return zlib.decompressobj(zdict=zlib.decompress(masked)).decompress(keyring().unseal(sealed))


def revisions_of(session: Session, device: Device) -> list[Revision]:
    """The earlier revisions of a device, the newest first; not those of its MAC or tenant of before."""
    mine = _REVISIONS.c.device_id == device.id, _REVISIONS.c.made_for == made_for(device.mac, device.tenant_id)
    rows = session.execute(select(_REVISIONS).where(*mine).order_by(_REVISIONS.c.revision.desc()))
    return [_revision(row) for row in rows]


def find_revision(session: Session, device: Device, number: int) -> Revision:
    """One of `revisions_of`; raises NotFound."""
    found = next((revision for revision in revisions_of(session, device) if revision.number == number), None)
    if found is None:
        raise NotFound(f"Revision {number} is not kept any more; the last {KEPT} before the present one are.")
    return found


def files_of_revision(session: Session, device_id: int, number: int) -> list[KeptFile]:
    """The files of a revision with their secrets, in the order of writing."""
    chosen = _REVISION_FILES.c.device_id == device_id, _REVISION_FILES.c.revision == number
    rows = session.execute(select(_REVISION_FILES).where(*chosen).order_by(_REVISION_FILES.c.position))
    return [KeptFile(row.segment, row.path, row.position, _opened(row.sealed, row.masked), row.masked) for row in rows]


def masked_texts(session: Session, device_id: int, number: int) -> dict[str, tuple[str, bytes]]:
    """The sha256 of each file of a revision and its bytes without secrets, by path; nothing is decrypted."""
    columns = (_REVISION_FILES.c.path, _REVISION_FILES.c.sha256, _REVISION_FILES.c.masked)
    chosen = _REVISION_FILES.c.device_id == device_id, _REVISION_FILES.c.revision == number
    rows = session.execute(select(*columns).where(*chosen).order_by(_REVISION_FILES.c.position))
    return {row.path: (row.sha256, zlib.decompress(row.masked)) for row in rows}


def _revision(row: Any) -> Revision:
    versions = {name: getattr(row, name) for name in _RENDERED}
    return Revision(row.revision, row.made_at, row.replaced_at, *told_cause(row.cause), versions)


def told_cause(cause: str) -> tuple[tuple[str, ...], int]:
    """The kinds in a recorded cause, and the revision that was put back (0: none)."""
    if cause.startswith(RESTORED):
        return (), int(cause.removeprefix(RESTORED))
    return tuple(cause.split()), 0
