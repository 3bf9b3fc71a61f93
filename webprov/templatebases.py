"""What each override of a shipped template was made from, so that an upgrade below it is told with its differences.

An override made on a page notes the shipped file as it is saved; for one that somebody put into place by hand, the
worker notes it when it first sees the file, within a minute. What was shipped before that nobody knows.
"""

import logging
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webprov.phones.phonemodel import Scope
from webprov.previews import DiffRow, diff_rows
from webprov.site import Site, SiteLoader
from webprov.store.database import writing
from webprov.store.leases import Lease
from webprov.store.models import Tenant
from webprov.store.templaterecords import TemplateBase
from webprov.templatefiles import TemplateFile, digest, own_files, shipped_text
from webprov.worker import Duty

log = logging.getLogger(__name__)

_REST_SECONDS = 60.0

Place = tuple[str, str]
"""The tenant of an override ("" = for all) and its name."""


def bases_duty(loader: SiteLoader) -> Duty:
    """Each minute: note what new overrides were made from, and forget those that are gone."""
    gone: set[Place] = set()

    def turn(session: Session, lease: Lease) -> float:
        nonlocal gone
        gone = note_bases(session, loader.load(session), gone, lease)
        return _REST_SECONDS

    return Duty("template bases", turn)


def note_bases(session: Session, site: Site, gone: Collection[Place], lease: Lease | None = None) -> set[Place]:
    """Note the shipped file below each override that has no base yet; which bases have no file now.

    Those that are `gone` since the turn before are forgotten: editors replace a file by removing it for a moment.
    """
    tenants = list(session.scalars(select(Tenant.name)))
    there = {(file.tenant, file.name): file for file in own_files(site, tenants)}
    known = _known(session)
    new = [place for place in there.keys() - known if shipped_text(site, place[1]) is not None]
    missing = known - there.keys()
    if new or missing & set(gone):
        with writing(session):
            if lease:
                lease.fence(session)
            for tenant, name in sorted(set(new) - _known(session)):
                put_base(session, site, name, tenant)
                log.info("%s of %s is new: marked when the shipped file changes", name, tenant or "all tenants")
            for tenant, name in missing & set(gone):
                _drop(session, name, tenant)
    return missing


def put_base(session: Session, site: Site, name: str, tenant: str) -> None:
    """Inside the transaction under way: the override is made from, or in line with, the shipped file as it is now."""
    _drop(session, name, tenant)
    text = shipped_text(site, name)
    if text is not None:
        session.add(TemplateBase(tenant=tenant, name=name, sha256=digest(text), text=text))


def upgraded(session: Session, site: Site, file: TemplateFile) -> list[DiffRow]:
    """How the shipped file changed since this override was made (or compared last); empty where it did not."""
    base = session.get(TemplateBase, (file.tenant, file.name)) if file.scope is not Scope.SHIPPED else None
    if base is None:
        return []
    now = shipped_text(site, file.name) or ""
    return diff_rows(base.text, now) if digest(now) != base.sha256 else []


def upgraded_places(session: Session, site: Site) -> set[Place]:
    """Every override below which the shipped file has changed."""
    rows = session.execute(select(TemplateBase.tenant, TemplateBase.name, TemplateBase.sha256))
    return {(row.tenant, row.name) for row in rows if digest(shipped_text(site, row.name) or "") != row.sha256}


def overrides_behind(session: Session, site: Site) -> list[TemplateFile]:
    """The files of those that are there."""
    behind = upgraded_places(session, site)
    tenants = list(session.scalars(select(Tenant.name))) if behind else []
    return [file for file in own_files(site, tenants) if (file.tenant, file.name) in behind] if behind else []


def _known(session: Session) -> set[Place]:
    return {(row.tenant, row.name) for row in session.execute(select(TemplateBase.tenant, TemplateBase.name))}


def _drop(session: Session, name: str, tenant: str) -> None:
    session.execute(delete(TemplateBase).where(TemplateBase.name == name, TemplateBase.tenant == tenant))
