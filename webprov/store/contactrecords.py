"""The tables of contact directories: people, how far each tenant's files are (spec 7).

`DirectoryRecord.version` grows with every change of a tenant's contacts; `built_version` is the one that the files on
disk were made from. It is only ever set to a version that was read before the build began, so a change during a build
leaves the tenant dirty (security BG-02).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webprov.store.models import Base, RenderedFileRecord

CONTACT_FIELDS = (
    "first_name",
    "last_name",
    "company",
    "group",
    "extension",
    "work",
    "mobile",
    "home",
    "other",
    "email",
)
"""What a contact has, in the order of the CSV (contract)."""
NUMBER_FIELDS = ("extension", "work", "mobile", "home", "other")
FOLDER = "CONTACTS"
DIRECTORIES_DUTY = "directories"
"""The duty of the worker that makes them."""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as plain values: what directories are rendered from."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    group: str = ""
    extension: str = ""
    work: str = ""
    mobile: str = ""
    home: str = ""
    other: str = ""
    email: str = ""


class Contact(Base):
    """One person or company of a tenant. `sort_key` and `search_text` are folded from the fields, for the list."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_tenant_id_sort_key", "tenant_id", "sort_key"),
        Index("ix_contacts_tenant_id_group_name", "tenant_id", "group_name"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    company: Mapped[str] = mapped_column(default="")
    group: Mapped[str] = mapped_column("group_name", default="")
    extension: Mapped[str] = mapped_column(default="")
    work: Mapped[str] = mapped_column(default="")
    mobile: Mapped[str] = mapped_column(default="")
    home: Mapped[str] = mapped_column(default="")
    other: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    sort_key: Mapped[str] = mapped_column(default="")
    search_text: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)


class DirectoryRecord(Base):
    """How far the directory files of one tenant are. `inputs` is a hash of all that they are made from but the
    contacts."""

    __tablename__ = "directories"
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    includes_lines: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=0)
    built_version: Mapped[int] = mapped_column(default=0)
    built_at: Mapped[datetime | None]
    inputs: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")  # a sentence a line; the old files are still there
    warnings: Mapped[str] = mapped_column(default="")


def directory_of(session: Session, tenant_id: int) -> DirectoryRecord:
    """The tenant's row, made if need be, inside a write transaction."""
    found = session.get(DirectoryRecord, tenant_id)
    if found is not None:
        return found
    try:
        with session.begin_nested():
            session.add(DirectoryRecord(tenant_id=tenant_id))
    except IntegrityError:  # another process was quicker
        session.expire_all()
    return session.get_one(DirectoryRecord, tenant_id)


def touch_directory(session: Session, tenant_id: int, changes: int = 1) -> None:
    """Note that this many things of the tenant's directory changed, inside the write transaction that changes them."""
    directory_of(session, tenant_id)
    grown = {"version": DirectoryRecord.version + changes}
    session.execute(update(DirectoryRecord).where(DirectoryRecord.tenant_id == tenant_id).values(grown))


def directory_version(session: Session, tenant_id: int) -> int:
    """How many things of the tenant's directory have changed so far."""
    return session.scalar(select(DirectoryRecord.version).where(DirectoryRecord.tenant_id == tenant_id)) or 0


def directory_files(session: Session) -> dict[str, frozenset[str]]:
    """Per tenant's name the directory files that exist, by their paths below `CONTACTS/<tenant>/`."""
    files: Any = RenderedFileRecord.__table__
    key = files.c.path_key
    query = select(files.c.path).where(files.c.segment == "", key > f"{FOLDER.lower()}/", key < f"{FOLDER.lower()}0")
    found: dict[str, set[str]] = defaultdict(set)
    for path in session.connection().execute(query).scalars():
        _, tenant, name = path.split("/", 2)
        found[tenant].add(name)
    return {tenant: frozenset(names) for tenant, names in found.items()}
