"""The list of a tenant's contacts: searched, filtered by group, page by page; and how far its directories are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webprov.rendering.directories import dialable
from webprov.store.contactrecords import Contact, DirectoryRecord

MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """Which contacts: `text` is searched in all fields, word by word; `group` None = of any, "" = of none."""

    tenant_id: int
    text: str = ""
    group: str | None = None
    page: int = 1
    per_page: int = 50


@dataclass(frozen=True, slots=True)
class ContactPage:
    """One page; `matching` counts all pages, `total` all contacts of the tenant."""

    rows: Sequence[Contact]
    matching: int
    total: int


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """How far the directory files of a tenant are: `waiting` changes since `built_at`; `error` keeps old files."""

    includes_lines: bool = False
    waiting: int = 0
    built_at: datetime | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()


def list_contacts(session: Session, query: ContactQuery) -> ContactPage:
    """The page that `query` asks for, the last one where it asks for more; by name."""
    of_tenant = Contact.tenant_id == query.tenant_id
    where = [of_tenant, *_conditions(query)]
    total = _count(session, of_tenant)
    matching = _count(session, *where) if len(where) > 1 else total
    page = max(1, min(query.page, -(-matching // query.per_page)))
    chosen = select(Contact).where(*where).order_by(Contact.sort_key, Contact.id)
    rows = session.scalars(chosen.limit(query.per_page).offset((page - 1) * query.per_page)).all()
    return ContactPage(rows, matching, total)


def matching_ids(session: Session, query: ContactQuery) -> list[int]:
    """The ids of all contacts that match, on whatever page."""
    return list(session.scalars(select(Contact.id).where(Contact.tenant_id == query.tenant_id, *_conditions(query))))


def group_counts(session: Session, tenant_id: int) -> list[tuple[str, int]]:
    """The groups of a tenant with their contacts; those without a group come last, as ""."""
    query = select(Contact.group, func.count()).where(Contact.tenant_id == tenant_id).group_by(Contact.group)
    found = [(row[0], row[1]) for row in session.execute(query)]
    return sorted(found, key=lambda pair: (not pair[0], pair[0].casefold(), pair[0]))


def directory_state(session: Session, tenant_id: int) -> DirectoryState:
    """How far the directories of a tenant are."""
    record = session.get(DirectoryRecord, tenant_id)
    if record is None:
        return DirectoryState()
    waiting = max(0, record.version - record.built_version)
    warnings = tuple(filter(None, record.warnings.split("\n")))
    return DirectoryState(record.includes_lines, waiting, record.built_at, record.error, warnings)


def _conditions(query: ContactQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    text = query.text.strip()[:MAX_TEXT]
    words = [dialable(text)] if re.search(r"\d", text) and dialable(text) != text else text.split()
    found += [Contact.search_text.contains(word.casefold(), autoescape=True) for word in words]
    if query.group is not None:
        found.append(Contact.group == query.group)
    return found


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Contact).where(*where)) or 0
