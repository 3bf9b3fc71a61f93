"""What provisioning leaves for the file transport (spec 6): carry what lies there differently, remove what has gone.

What should lie there are the records of rendered files; what does are the push records. Both are compared before the
network is used, and again where somebody changed a file meanwhile, so a run that was overtaken by a newer one puts
things right itself (newest content wins).
The database is never held while the network works, and nothing here raises for what the network does.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Dialect, and_, bindparam, delete, exists, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from webprov.delivery.pushes import Haste, PushedFile, PushResult
from webprov.delivery.s3 import LIMIT_SECONDS, S3Transport
from webprov.delivery.script import ScriptTransport
from webprov.enums import PushState
from webprov.errors import TransportError
from webprov.filerecords import disk_name, external_files, records_of_others
from webprov.scriptruns import run_scripts
from webprov.site import Site
from webprov.store.counters import FAILED_PUSHES, FILES
from webprov.store.database import BulkStatement, bump, count_of, row_maker, writing
from webprov.store.devicedata import BATCH, DeviceData, batches
from webprov.store.models import PushRecord, RenderedFileRecord, utc_now
from webprov.store.settings import load_settings

log = logging.getLogger(__name__)

_MOST_REMOVALS = 400
_PIECE = 200
_ROUNDS = 3
_LAST_SECONDS = 0.05
_FIRST_RETRY_SECONDS = 2
_MOST_DOUBLINGS = 12

_PUSHES: Any = PushRecord.__table__
_FILES: Any = RenderedFileRecord.__table__
_CALM = {"error": "", "failing_since": None, "retries": 0, "retry_at": None}

Errors = Mapping[int, tuple[str, ...]]
"""Sentences by device id."""


def push_devices(session: Session, site: Site, devices: Sequence[DeviceData], haste: Haste) -> Errors:
    """Carry the files of devices that are provisioned, outside any transaction; what did not work, by device.

    Nothing happens in Local mode and without a transport. Failures are recorded and logged.
    """
    if isinstance(site.transport, ScriptTransport):
        return run_scripts(session, site, site.transport, devices)
    return push_to_storage(session, site, [device.id for device in devices], haste)


def push_to_storage(
    session: Session, site: Site, ids: Sequence[int], haste: Haste, go_on: Callable[[], bool] = lambda: True
) -> Errors:
    """As `push_devices`, by the ids of any number of devices and to storage alone: one run, read a batch at a time.

    `go_on` is asked before each device whether there is time for it.
    """
    if not isinstance(site.transport, S3Transport) or not ids:
        return {}
    return _Run(session, site, site.transport, ids, haste, go_on).reconcile()


def push_removals(session: Session, site: Site, haste: Haste = Haste.AT_ONCE) -> bool:
    """Remove what withdrawn files left in the bucket, outside any transaction; what fails stays recorded.

    Whether there was anything to try; a call takes the next few hundred.
    """
    transport = site.transport
    if not isinstance(transport, S3Transport):
        return False
    run = _Run(session, site, transport, [], haste)
    run.reconcile()
    return run.has_tried


def mark_withdrawn(session: Session, rows: Sequence[Any]) -> None:
    """Note that the objects of these file records (device_id, segment, path) have to go, inside the transaction."""
    names = {(row.segment, row.path) for row in rows}
    ids = [row.device_id for row in rows if row.device_id is not None]
    pushes = session.execute(
        select(PushRecord.id, PushRecord.segment, PushRecord.path).where(_of(PushRecord.device_id, ids))
    ).all()
    gone = [row.id for row in pushes if (row.segment, row.path) in names]
    values = {"state": PushState.WITHDRAWN, **_CALM}
    for start in range(0, len(gone), BATCH):
        session.execute(update(PushRecord).where(PushRecord.id.in_(gone[start : start + BATCH])).values(values))


@dataclass(frozen=True, slots=True)
class _Due:
    """One file that has to go."""

    key: str
    file: PushedFile
    device_id: int | None
    sha256: str


_Put = list[tuple[_Due, PushResult]]
_Values = dict[str, Any]


@dataclass
class _Run:
    """One comparison of what should lie in the bucket with what does, for some devices, until both are the same."""

    session: Session
    site: Site
    transport: S3Transport
    ids: Sequence[int]
    haste: Haste
    go_on: Callable[[], bool] = lambda: True
    has_tried: bool = False
    files_count: int = -1  # the counter of changes to file records when this round began
    is_settled: bool = False  # nothing is left to see to
    is_elsewhere: bool = False  # another place was saved meanwhile
    start: float = field(default_factory=time.monotonic)

    def reconcile(self) -> dict[int, tuple[str, ...]]:
        """Carry and remove; what others changed meanwhile is seen to in further rounds. The errors by device."""
        errors: dict[int, tuple[str, ...]] = {}
        for number in range(_ROUNDS):
            put = self._carry(failed_too=number == 0)
            if self.is_elsewhere:
                break
            errors |= _errors(put, self.ids)
            if self.is_settled:
                break
        return errors

    def _carry(self, *, failed_too: bool) -> _Put:
        """Use the network, and record what came of it: shared files first, since those of the devices refer to them.

        In later rounds only what others changed meanwhile is carried, not what has just failed.
        """
        self.files_count = count_of(self.session, FILES)
        shared = [[due] for group in self._due([[None]] if self.ids else [], failed_too) for due in group]
        put = [*self._put(shared), *self._put(self._due(batches(self.ids), failed_too))]
        removals = _removals(self.session)
        is_whole = all(result.error or result.sha256 == due.sha256 for due, result in put)
        self.is_settled = is_whole and not removals and self._is_unchanged()
        self.session.commit()
        self.has_tried = self.has_tried or bool(put or removals)
        if removals:
            self._record([], removals, self.transport.remove(list(removals), self.haste, self._seconds_left()))
        return put

    def _is_unchanged(self) -> bool:
        """Whether nobody has changed a record of a file since this round began."""
        return count_of(self.session, FILES) == self.files_count

    def _due(self, batched: Iterable[Sequence[int | None]], failed_too: bool) -> Iterator[Sequence[_Due]]:
        """What differs, by owner (None: shared files); read a batch of owners at a time, when it is needed."""
        differs = _differs(self.transport, failed_too=failed_too)
        for owners in batched:
            found: dict[int | None, list[_Due]] = defaultdict(list)
            for row in external_files(self.session, owners, differs):
                if key := _key(self.transport, row):
                    file = PushedFile(row.segment, row.path, self.site.files.path(disk_name(row.segment, row.path)))
                    found[row.device_id].append(_Due(key, file, row.device_id, row.sha256))
            self.session.commit()  # what has been read is let go of before the network is used
            for dues in found.values():
                if not self.go_on():
                    return
                yield dues

    def _put(self, groups: Iterable[Sequence[_Due]]) -> _Put:
        """Put these; some are recorded while others go, so that the network does not wait for the database."""
        put: _Put = []
        recorded = 0
        taken: list[Sequence[_Due]] = []

        def files() -> Iterator[list[PushedFile]]:
            for dues in groups:
                taken.append(dues)
                yield [due.file for due in dues]

        def hear(done: Mapping[int, list[PushResult]], least: int = _PIECE) -> None:
            nonlocal recorded
            put.extend(pair for position, found in done.items() for pair in zip(taken[position], found, strict=True))
            if len(put) - recorded >= least:
                self._record(put[recorded:], {}, [])
                recorded = len(put)

        self.transport.push_all(files(), self.haste, self._seconds_left(), hear)
        hear({}, least=1)
        return put

    def _seconds_left(self) -> float:
        """A person waits for all of it together; in bulk the limit is that of each device."""
        spent = time.monotonic() - self.start if self.haste is Haste.AT_ONCE else 0.0
        return max(_LAST_SECONDS, LIMIT_SECONDS - spent)

    def _record(self, put: _Put, removals: Mapping[str, tuple[str, str]], removed: Sequence[PushResult]) -> None:
        """Store what became of it, unless another place has been saved meanwhile: then it tells nothing."""
        session = self.session
        if not put and not removed:
            return
        with writing(session):
            if self.is_elsewhere or load_settings(session).place != self.site.settings.place:
                self.is_elsewhere = True
                return
            owners = self._owners(put, removals)
            known = _known(session, [result.key for _, result in put] + [result.key for result in removed])
            interval = self.site.config.retry_interval_seconds
            fresh, changed = [], []
            for due, result in put:
                before, name = known.get(due.key), (due.file.segment, due.file.path.casefold())
                after = _after_put(before, result, name in owners, interval) | {"device_id": owners.get(name)}
                if before:
                    changed.append({"id": before.id, **after})
                else:
                    fresh.append({"segment": due.file.segment, "path": due.file.path, "key": due.key, **after})
            gone = []
            for result in removed:
                if row := known.get(result.key):
                    after = _after_removal(row, result, (row.segment, row.path.casefold()) in owners, interval)
                    changed += [{"id": row.id, **after}] if after else []
                    gone += [] if after else [row.id]
            _store(session, fresh, changed, gone)
            if any(result.error for result in [*removed, *(result for _, result in put)]):
                bump(session, FAILED_PUSHES)

    def _owners(self, put: _Put, removals: Mapping[str, tuple[str, str]]) -> dict[tuple[str, str], int | None]:
        """Whose these names are now; where nobody has changed anything, they are whose they were."""
        names = [(segment, path.casefold()) for segment, path in removals.values()]
        planned = {(due.file.segment, due.file.path.casefold()): due.device_id for due, _ in put}
        if self._is_unchanged():
            return planned | records_of_others(self.session, names)
        return records_of_others(self.session, [*planned, *names])


def _key(transport: S3Transport, row: Any) -> str:
    """The object's name; empty, and logged, for a file whose name no object can have."""
    try:
        return transport.key(row.segment, row.path)
    except TransportError as e:
        log.warning("%s is not pushed: %s", row.path, e)
        return ""


def _of(column: Any, ids: Sequence[int]) -> Any:
    return or_(column.in_(ids), column.is_(None))


def _differs(transport: S3Transport, *, failed_too: bool) -> ColumnElement[bool]:
    """The condition on records of files that another content, or none, lies there as far as we know."""
    key = literal(transport.prefix).concat(_FILES.c.segment).concat("/").concat(_FILES.c.path)
    is_well, is_same = _PUSHES.c.state == PushState.OK, _PUSHES.c.sha256 == _FILES.c.sha256
    settled = and_(is_well, is_same) if failed_too else or_(~is_well, is_same)
    return ~exists().where(_PUSHES.c.key == key, settled)


def _known(session: Session, keys: Sequence[str]) -> dict[str, Any]:
    """The rows of what is known of these objects."""
    found: dict[str, Any] = {}
    for start in range(0, len(keys), BATCH):
        rows = session.connection().execute(select(_PUSHES).where(_PUSHES.c.key.in_(keys[start : start + BATCH])))
        found |= {row.key: row for row in rows}
    return found


def _store(session: Session, fresh: list[_Values], changed: list[_Values], gone: list[int]) -> None:
    """Add, change and delete these rows: thousands come at once."""
    connection = session.connection()
    dialect = connection.dialect
    for names, rows in _by_names(dialect, fresh):
        BulkStatement(dialect, insert(_PUSHES), names).execute(connection, rows)
    for names, rows in _by_names(dialect, changed):
        values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in names if name != "id"}
        statement = update(_PUSHES).where(_PUSHES.c.id == bindparam("v_id")).values(values)
        BulkStatement(dialect, statement, [f"v_{name}" for name in names]).execute(connection, rows)
    for numbers in batches(gone):
        connection.execute(delete(_PUSHES).where(_PUSHES.c.id.in_(numbers)))


def _by_names(dialect: Dialect, rows: list[_Values]) -> Iterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Those with the same columns together: their names, and the rows as the driver stores them."""
    found: dict[tuple[str, ...], list[_Values]] = defaultdict(list)
    for row in rows:
        found[tuple(sorted(row))].append(row)
    for names, alike in found.items():
        make, pick = row_maker(dialect, _PUSHES, names), itemgetter(*names)
        yield names, [make(pick(row)) for row in alike]


def _removals(session: Session) -> dict[str, tuple[str, str]]:
    """Withdrawn objects that may be tried now, by key, with their names here; not those that are there again."""
    names = RenderedFileRecord.segment == PushRecord.segment, RenderedFileRecord.path == PushRecord.path
    query = select(PushRecord.key, PushRecord.segment, PushRecord.path).where(
        PushRecord.state == PushState.WITHDRAWN, may_be_tried(), ~exists().where(*names)
    )
    rows = session.execute(query.order_by(PushRecord.id).limit(_MOST_REMOVALS))
    return {row.key: (row.segment, row.path) for row in rows}


def may_be_tried() -> ColumnElement[bool]:
    """The condition on push records whose next try is due, or so far away that only a wrong clock can have set it."""
    now = utc_now()
    return or_(PushRecord.retry_at.is_(None), PushRecord.retry_at <= now, PushRecord.retry_at > now + timedelta(days=1))


def _after_put(before: Any, result: PushResult, is_wanted: bool, interval_seconds: float) -> _Values:
    """What is recorded of an object that was put; `before` is its row, None the first time."""
    at = utc_now()
    values: _Values = {"at": at, "sha256": result.sha256 or (before.sha256 if before else "")}
    if result.error and is_wanted:
        return values | _failure(before, PushState.FAILED, result.error, at, interval_seconds)
    # withdrawn while it went there: the next round removes it
    return values | _CALM | {"state": PushState.OK if is_wanted else PushState.WITHDRAWN}


def _failure(before: Any, state: PushState, error: str, at: datetime, interval_seconds: float) -> _Values:
    """Each time the next try waits twice as long, at most the retry interval, and never all wait equally long."""
    retries = (before.retries if before else 0) + 1
    longest = min(interval_seconds, _FIRST_RETRY_SECONDS * 2 ** min(retries, _MOST_DOUBLINGS))
    return {
        "state": state,
        "error": error,
        "failing_since": (before.failing_since if before else None) or at,
        "retries": retries,
        "retry_at": at + timedelta(seconds=longest * random.uniform(0.5, 1)),  # noqa: S311 - spreads load
    }


def _after_removal(before: Any, result: PushResult, is_wanted: bool, interval_seconds: float) -> _Values:
    """What is recorded of an object that was removed; nothing where nothing is to be known of it any more."""
    at = utc_now()
    if result.error:
        log.warning("removing %s from the storage failed: %s", before.key, result.error)
        return {"at": at, **_failure(before, PushState.WITHDRAWN, result.error, at, interval_seconds)}
    if before.state == PushState.OK and is_wanted:
        return {"at": at, "sha256": ""}  # put there again while it was removed: the next round carries it once more
    return {}


def _errors(put: _Put, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The distinct sentences of each device; those of shared files count for every device of the run."""
    found: dict[int | None, dict[str, None]] = defaultdict(dict)
    for due, result in put:
        if result.error:
            found[due.device_id][result.error] = None
            log.warning("pushing %s failed: %s", due.key, result.error)
    shared = found.get(None, {})
    return {id_: tuple(shared | found.get(id_, {})) for id_ in ids if shared or id_ in found}
