"""What has to be synced: directories that differ from the last success, and those that must not be touched unasked.

Asked of disk and records each time, so that nothing is lost with a worker that was killed. A directory that lost more
than half of its files, or all, is left alone until a person says that this is meant (security TR-10).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.delivery.assetnames import is_asset
from webprov.delivery.assets import (
    CONTACTS,
    TOP,
    FolderState,
    SyncKind,
    SyncSource,
    asset_sources,
    contact_sources,
    folder_state,
)
from webprov.errors import StorageError
from webprov.phones.modelkeys import model_segment
from webprov.site import Site
from webprov.store.models import Device, RenderedFileRecord, Tenant
from webprov.store.settings import ProvisioningSettings
from webprov.store.syncrecords import SyncTarget
from webprov.syncs import targets_of, uses_storage


@dataclass(frozen=True, slots=True)
class DueSync:
    """One directory that has to be synced. `is_removal`: its objects go; `refusal`: why it must not be done unasked."""

    source: SyncSource
    state: FolderState
    fingerprint: str
    is_removal: bool = False
    refusal: str = ""


def due_syncs(session: Session, site: Site, kind: SyncKind, *, everything: bool = False) -> list[DueSync]:
    """What differs from the last success, in the order it is synced; `everything`: all there is. Empty without storage.

    Raises StorageError where a directory cannot be read.
    """
    if not uses_storage(site.settings):
        return []
    known = {target.path: target for target in targets_of(session, kind)}
    sources = {source.path: source for source in _sources(session, site, kind)}
    made = _made(session) if kind is SyncKind.CONTACTS else {}
    dues = [_due(site.settings, source, known.get(path)) for path, source in sources.items()]
    found = [due for due in dues if due and (everything or _differs(due, known.get(due.source.path)))]
    found += _gone(site, known, sources)
    return [replace(due, refusal="") if kind is SyncKind.CONTACTS and _is_as_made(due, made) else due for due in found]


def _made(session: Session) -> dict[str, int]:
    """How many files of contacts were written for each tenant's directory, by its path."""
    owner = RenderedFileRecord.owner
    rows = session.execute(select(owner, func.count()).where(owner.startswith(f"{CONTACTS}/")).group_by(owner))
    return {row[0]: row[1] for row in rows}


def _is_as_made(due: DueSync, made: Mapping[str, int]) -> bool:
    """Whether a directory of contacts holds few files because few were written: then nobody need be asked."""
    return due.state.files >= made.get(due.source.path, 0)


def _sources(session: Session, site: Site, kind: SyncKind) -> list[SyncSource]:
    root = site.config.provisioning_dir
    if kind is SyncKind.CONTACTS:
        tenants = {f"{CONTACTS}/{name}" for name in session.scalars(select(Tenant.name))}
        return [source for source in contact_sources(root) if source.path in tenants]
    return asset_sources(root, _owned(session), segments_of(session, site), _firmware(session, site))


def segments_of(session: Session, site: Site) -> set[str]:
    """The casefolded folder names of all models, those of a tenant too, and of files that were rendered."""
    tenants = ["", *session.scalars(select(Tenant.name))]
    models = {model.key for tenant in tenants for model in site.catalog.models(tenant)}
    recorded = session.scalars(select(RenderedFileRecord.segment).distinct())
    return {model_segment(key).casefold() for key in models} | {name.casefold() for name in recorded if name}


def _owned(session: Session) -> set[str]:
    """The first parts of the names of files rendered for Local mode, casefolded."""
    names = session.scalars(select(RenderedFileRecord.path_key).where(RenderedFileRecord.segment == ""))
    return {name.partition("/")[0] for name in names}


def _firmware(session: Session, site: Site) -> dict[str, str]:
    """For each segment of a model in use its firmware directory (so that FIRMWARE_URL resolves)."""
    rows = session.execute(select(Device.model, Tenant.name).join(Tenant).where(Device.enabled).distinct())
    models = [site.catalog.model(key, tenant) for key, tenant in rows]
    return {model_segment(model.key): model.firmware_dir for model in models if model}


def _due(settings: ProvisioningSettings, source: SyncSource, target: SyncTarget | None) -> DueSync | None:
    """What syncing this directory would be; None for an empty one that was never synced."""
    if source.path == TOP and target:
        gone = frozenset(name for name in target.names.splitlines() if is_asset(name))
        source = SyncSource(TOP, source.folder, gone.union(source.names or ()))
    state = folder_state(source)
    if not state.files and (target is None or not target.files):
        return None
    return DueSync(source, state, _fingerprint(settings, state), refusal=_refusal(source.path, state, target))


def _differs(due: DueSync, target: SyncTarget | None) -> bool:
    return target is None or target.fingerprint != due.fingerprint or bool(target.error)


def _fingerprint(settings: ProvisioningSettings, state: FolderState) -> str:
    place = (state.digest, settings.s3_endpoint, settings.s3_bucket, settings.s3_prefix)
    return hashlib.sha256("\n".join(place).encode()).hexdigest()


def _refusal(path: str, state: FolderState, target: SyncTarget | None) -> str:
    if target is None or state.files * 2 >= target.files:
        return ""
    left = "none is" if not state.files else f"only {state.files:,} {'is' if state.files == 1 else 'are'}"
    return (
        f"{path or 'The files at the top'}: of {target.files:,} files {left} left here, so nothing was removed in the"
        " storage. Put them back, or confirm that this is meant."
    )


def _gone(site: Site, known: Mapping[str, SyncTarget], sources: Mapping[str, SyncSource]) -> Iterator[DueSync]:
    """Targets whose directory is not here any more. The firmware of a model that nobody uses now just stays there."""
    tops = {path.rpartition("/")[2] for path in sources}
    for path, target in known.items():
        if path in sources or (target.kind == SyncKind.ASSETS and "/" in path and path.rpartition("/")[2] in tops):
            continue
        source = SyncSource(path, site.config.provisioning_dir / path, frozenset(target.names.splitlines()) or None)
        refusal = "" if target.withdrawn else _refusal(path, FolderState(), target)
        yield DueSync(source, FolderState(), "", is_removal=True, refusal=refusal)


def due_contacts(session: Session, site: Site) -> int:
    """How many tenants' directories still have to reach the storage by themselves; 0 without one."""
    try:
        return sum(not due.refusal for due in due_syncs(session, site, SyncKind.CONTACTS))
    except StorageError:
        return 1
