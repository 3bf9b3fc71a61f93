"""The files below `CONTACTS/<tenant>/`: what they are made from, whether they are due, made anew (spec 7; BG-02, 03).

A tenant is dirty when its contacts changed since its files were built, or anything else that they are made from did:
the models that its devices use, templates, settings, variables, its lines where they are included. Nobody has to say
so: `directoryinputs` compares it with what was noted at the last build.

The sync with the bucket compares the folder itself with what it carried last (`syncruns`); it is nudged after a build.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.delivery.assets import SyncKind
from webprov.directoryinputs import Inputs, all_inputs, read_people
from webprov.errors import StorageError
from webprov.filerecords import FileEntry, drop_records, store_entries
from webprov.nudges import nudge
from webprov.rendering.directories import Directories, render_directories
from webprov.site import Site, SiteLoader
from webprov.store.contactrecords import (
    DIRECTORIES_DUTY,
    FOLDER,
    DirectoryRecord,
    directory_of,
    touch_directory,
)
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import RenderedFileRecord, Tenant, utc_now
from webprov.syncs import DUTIES
from webprov.worker import Duty, TurnFailed

log = logging.getLogger(__name__)

MOST_SECONDS = 300.0
"""How old a change may become before the directories show it (spec 7)."""
_FILES: Any = RenderedFileRecord.__table__


@dataclass(frozen=True)
class BuildResult:
    """What a build did: files `written` and `removed`; an `error` (a sentence a line) left the old ones."""

    tenant: str
    people: int = 0
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    error: str = ""


def dirty_tenants(session: Session, site: Site) -> list[str]:
    """The names of the tenants whose directories have to be made anew."""
    return [inputs.tenant.name for inputs in all_inputs(session, site) if inputs.is_dirty]


def regenerate_dirty(session: Session, site: Site, lease: Lease | None = None) -> list[BuildResult]:
    """Make anew what is due, tenant by tenant. An error of one tenant is in its result and on its page."""
    due = [inputs.tenant.id for inputs in all_inputs(session, site) if inputs.is_dirty]
    session.commit()
    return [result for tenant_id in due if (result := regenerate(session, site, tenant_id, lease))]


def regenerate(session: Session, site: Site, tenant_id: int, lease: Lease | None = None) -> BuildResult | None:
    """Make the directories of one tenant anew, due or not; None where the tenant has gone.

    Rendering holds no lock: what changes meanwhile keeps the tenant dirty. Raises LeaseLost.
    """
    session.rollback()
    inputs = next(all_inputs(session, site, Tenant.id == tenant_id), None)
    if inputs is None:
        return None
    people = [*read_people(session, tenant_id), *inputs.lines]
    session.commit()
    if people or site.system.contacts.get(inputs.tenant.name):
        made = render_directories(inputs.models, people, site.library, inputs.tenant.name)
    else:
        made = Directories()  # nobody there yet: phones are told of a directory once there is one
    with writing(session):
        if lease:
            lease.fence(session)
        return _store(session, site, inputs, made, len(people))


def remove_directory(session: Session, site: Site, tenant: str) -> None:
    """Remove the files of a tenant that is being deleted, inside the transaction under way (spec 9)."""
    rows = _records(session, tenant)
    if not rows:
        return
    site.files.remove(row.path for row in rows)
    drop_records(session, [row.id for row in rows])
    bump(session, FILES)
    bump(session, "directories")


def mark_damaged(session: Session, paths: Iterable[str]) -> None:
    """Have the directories made anew that have files among these; inside a write transaction."""
    names = {path.split("/")[1] for path in paths if path.startswith(f"{FOLDER}/")}
    for tenant_id in session.scalars(select(Tenant.id).where(Tenant.name.in_(names))).all():
        touch_directory(session, tenant_id)


def directories_duty(instance: Instance, loader: SiteLoader) -> Duty:
    """Make due directories each `WEBPROV_CONTACTS_INTERVAL`, at most 5 minutes, and when it is nudged."""
    interval = min(float(instance.config.contacts_interval_seconds), MOST_SECONDS)

    def turn(session: Session, lease: Lease) -> float:
        results = regenerate_dirty(session, loader.load(session), lease)
        if any(result.written or result.removed for result in results):
            nudge(session, DUTIES[SyncKind.CONTACTS])
        failed = [f"{result.tenant}: {result.error}" for result in results if result.error]
        if failed:
            raise TurnFailed(failed[0].split("\n")[0], interval)
        return interval

    return Duty(DIRECTORIES_DUTY, turn)


def _store(session: Session, site: Site, inputs: Inputs, made: Directories, people: int) -> BuildResult | None:
    """Write and record what was rendered, unless a newer build was quicker or the tenant has gone."""
    tenant = session.get(Tenant, inputs.tenant.id, with_for_update=True)
    if tenant is None:
        return None
    record = directory_of(session, tenant.id)
    if record.built_version > inputs.version:
        return BuildResult(tenant.name, people)
    before = _records(session, tenant.name)
    try:
        written = _write(session, site, tenant.name, made)
        removed = [] if made.errors else _remove_others(session, site, before, made, tenant.name)
    except StorageError as e:
        written, removed, made.errors = [], [], [*made.errors, str(e)]
    if written or removed:
        bump(session, FILES)
    if {row.path for row in before} != {row.path for row in _records(session, tenant.name)}:
        tenant.version += 1  # CONTACTS_URL of its devices changes
        bump(session, "directories")
    _note(record, inputs, made)
    return BuildResult(tenant.name, people, tuple(written), tuple(removed), record.error)


def _note(record: DirectoryRecord, inputs: Inputs, made: Directories) -> None:
    record.error = "\n".join(made.errors)
    record.warnings = "\n".join(dict.fromkeys(made.warnings))
    if record.error:
        log.warning("the contact directories of %s are not all made: %s", inputs.tenant.name, record.error)
        return
    record.built_version, record.inputs, record.built_at = inputs.version, inputs.fingerprint, utc_now()


def _write(session: Session, site: Site, tenant: str, made: Directories) -> list[str]:
    owner = f"{FOLDER}/{tenant}"
    entries = [
        FileEntry(f"{owner}/{file.path}", "", file.content, b"", position, owner)
        for position, file in enumerate(made.files.values())
    ]
    if not entries:
        return []
    written = site.files.write({entry.path: entry.content for entry in entries})
    store_entries(session, {None: entries})
    return written


def _remove_others(session: Session, site: Site, before: Sequence[Any], made: Directories, tenant: str) -> list[str]:
    """Remove what no model needs any more."""
    kept = {f"{FOLDER}/{tenant}/{name}".casefold() for name in made.files}
    gone = [row for row in before if row.path.casefold() not in kept]
    site.files.remove(row.path for row in gone)
    drop_records(session, [row.id for row in gone])
    return [row.path for row in gone]


def _records(session: Session, tenant: str) -> Sequence[Any]:
    query = select(_FILES.c.id, _FILES.c.path).where(_FILES.c.owner == f"{FOLDER}/{tenant}")
    return session.connection().execute(query.order_by(_FILES.c.path)).all()
