"""Is the delivery true? The bucket against what should lie there (spec 6).

The bucket is compared by its listing and ETags; nothing is downloaded from it. What is known to wait is not counted as
wrong: it goes by itself.
"""

from dataclasses import dataclass
from hashlib import md5, sha256
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.delivery.s3 import Listed, S3Transport
from webprov.enums import PushState
from webprov.errors import StorageError, TransportError
from webprov.filerecords import disk_name
from webprov.phones.modelkeys import model_segment
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.counters import RETRY_NOW
from webprov.store.database import bump, writing
from webprov.store.devicedata import BATCH
from webprov.store.models import PushRecord, RenderedFileRecord

_ASKED_OPENLY = 3
_NOT_GENERATED = ("FIRMWARE-",)


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object in a model's folder that no file here belongs to."""

    key: str
    segment: str
    path: str


@dataclass(frozen=True, slots=True)
class BucketComparison:
    """What the listing showed. `missing` and `stale` are keys that were delivered and are not (or not so) there;
    `waiting` counts files still to be delivered; `public` are keys that anybody can read, "" for the whole listing."""

    expected: int
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    public: tuple[str, ...] = ()
    waiting: int = 0

    @property
    def is_true(self) -> bool:
        """Whether there is nothing to repair and nothing to hide."""
        return not (self.missing or self.stale or self.orphans or self.public)

    @property
    def repairable(self) -> int:
        """How many objects `repair` would put or remove."""
        return len(self.missing) + len(self.stale) + len(self.orphans)


def compare_bucket(session: Session, site: Site, transport: S3Transport) -> BucketComparison:
    """Compare now; raises TransportError where the bucket cannot be listed."""
    expected = _expected(session, transport)
    session.commit()
    listing = transport.listing()
    missing = [key for key, row in expected.items() if row.delivered and key not in listing]
    stale = _stale(site, transport, {key: row for key, row in expected.items() if row.delivered}, listing)
    there = [key for key in expected if key in listing]
    return BucketComparison(
        expected=len(expected),
        missing=tuple(missing),
        stale=tuple(stale),
        orphans=tuple(_orphans(session, site, transport, listing.keys() - expected.keys())),
        public=tuple(transport.read_by_anybody(there[:_ASKED_OPENLY])),
        waiting=sum(not row.delivered for row in expected.values()),
    )


def repair_bucket(session: Session, by: Actor, found: BucketComparison) -> None:
    """Let the worker put what is missing or stale and remove what is orphaned; raises NotAllowed."""
    by.check(Right.EDIT_SETTINGS)
    wrong = [*found.missing, *found.stale]
    with writing(session):
        for start in range(0, len(wrong), BATCH):
            session.execute(delete(PushRecord).where(PushRecord.key.in_(wrong[start : start + BATCH])))
        known = set(session.scalars(select(PushRecord.key)))
        session.add_all(
            PushRecord(key=one.key, segment=one.segment, path=one.path, state=PushState.WITHDRAWN)
            for one in found.orphans
            if one.key not in known
        )
        bump(session, RETRY_NOW)
        fields = {"put again": ["", len(wrong)], "removed": ["", len(found.orphans)]}
        record_change(session, by, "repair", "delivery", "Objects in the bucket", fields=fields)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that should lie in the bucket; `delivered`: as far as we know it does."""

    segment: str
    path: str
    sha256: str
    size: int
    delivered: bool


def _expected(session: Session, transport: S3Transport) -> dict[str, _Wanted]:
    file, push = RenderedFileRecord, PushRecord
    columns = (file.segment, file.path, file.sha256, file.size)
    pushed = {row.key: row.sha256 for row in session.execute(
        select(push.key, push.sha256).where(push.state == PushState.OK))}  # fmt: skip
    found: dict[str, _Wanted] = {}
    for row in session.execute(select(*columns).where(file.segment != "")):
        try:
            key = transport.key(row.segment, row.path)
        except TransportError:
            continue  # it has been logged, and no object can have this name
        found[key] = _Wanted(*row, delivered=pushed.get(key) == row.sha256)
    return found


def _stale(site: Site, transport: S3Transport, wanted: dict[str, _Wanted], listing: dict[str, Listed]) -> list[str]:
    both = [(key, row, listing[key]) for key, row in wanted.items() if key in listing]
    sizes = [key for key, row, there in both if there.size != row.size]
    sums = [key for key, row, there in both if there.size == row.size and not _is_same(site, row, there)]
    if sums and transport.has_opaque_etags(sums[0]):
        sums = []
    return sorted(sizes + sums)


def _is_same(site: Site, row: _Wanted, there: Listed) -> bool:
    """By the ETag, where it is an MD5 sum, and as long as the file here is the one that was recorded."""
    if len(there.etag) != 32 or "-" in there.etag:
        return True
    try:
        content = site.files.read(disk_name(row.segment, row.path))
    except StorageError:
        return True
    if content is None or sha256(content).hexdigest() != row.sha256:
        return True
    return md5(content, usedforsecurity=False).hexdigest() == there.etag


def _orphans(session: Session, site: Site, transport: S3Transport, keys: Any) -> list[Orphan]:
    """What lies in the folder of a model without being one of its files; firmware folders are not generated."""
    segments = {model_segment(model.key) for model in site.catalog.models("")}
    segments |= set(session.scalars(select(RenderedFileRecord.segment).distinct()))
    segments |= set(session.scalars(select(PushRecord.segment).distinct()))
    withdrawn = set(session.scalars(select(PushRecord.key).where(PushRecord.state == PushState.WITHDRAWN)))
    prefix = transport.key("", "x").removesuffix("x")
    found = []
    for key in sorted(set(keys) - withdrawn):
        segment, slash, path = key.removeprefix(prefix).partition("/")
        if slash and segment in segments and not path.startswith(_NOT_GENERATED):
            found.append(Orphan(key, segment, path))
    return found
