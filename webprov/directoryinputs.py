"""What the contact directories of a tenant are made from, and whether any of it changed since (spec 7, BG-02)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.context import Value
from webprov.rendering.directories import shown_name
from webprov.rendering.variables import directory_values
from webprov.site import Site
from webprov.store.contactrecords import CONTACT_FIELDS, Contact, DirectoryRecord, Person
from webprov.store.devicedata import TenantData, read_tenants
from webprov.store.models import Device, Line, Tenant

_CONTACTS: Any = Contact.__table__


@dataclass(frozen=True)
class Inputs:
    """All that one tenant's directories are made from but its contacts, as it was when `version` held."""

    tenant: TenantData
    version: int
    built_version: int
    built_from: str
    models: tuple[tuple[PhoneModel, Mapping[str, Value]], ...]
    lines: tuple[Person, ...]
    fingerprint: str

    @property
    def is_dirty(self) -> bool:
        """Whether the files do not show what holds now."""
        return self.version != self.built_version or self.fingerprint != self.built_from


def all_inputs(session: Session, site: Site, *where: ColumnElement[bool]) -> Iterator[Inputs]:
    """Of every tenant that has a directory, or could have one. Versions are read before what they stand for."""
    query = select(Tenant.id, DirectoryRecord).outerjoin(DirectoryRecord, DirectoryRecord.tenant_id == Tenant.id)
    rows = session.execute(query.where(*where).order_by(Tenant.name)).all()
    states = [(row[0], row[1] and _State(row[1])) for row in rows]
    tenants = read_tenants(session)
    models = _models_in_use(session)
    for tenant_id, state in states:
        if tenant_id in tenants and (state or where):
            yield _inputs(session, site, tenants[tenant_id], state or _State(DirectoryRecord()), models)


def read_people(session: Session, tenant_id: int) -> list[Person]:
    """The contacts of a tenant."""
    columns = [_CONTACTS.c["group_name" if name == "group" else name] for name in CONTACT_FIELDS]
    rows = session.connection().execute(select(*columns).where(_CONTACTS.c.tenant_id == tenant_id))
    return [Person(*row) for row in rows]


class _State:
    """The row of a tenant as it was read; rows of the ORM change under one's hands."""

    def __init__(self, record: DirectoryRecord) -> None:
        self.version = record.version or 0
        self.built_version = record.built_version or 0
        self.includes_lines = bool(record.includes_lines)
        self.inputs = record.inputs or ""


def _inputs(
    session: Session, site: Site, tenant: TenantData, state: _State, in_use: Mapping[int, Sequence[str]]
) -> Inputs:
    found = (site.catalog.model(key, tenant.name) for key in in_use.get(tenant.id, ()))
    models = tuple(
        (model, directory_values(tenant, model, site.system)) for model in found if model and model.directories
    )
    lines = tuple(_line_people(session, tenant.id)) if state.includes_lines else ()
    made_from = [
        [(model.key, site.model_version(model.key, tenant.name), sorted(values.items())) for model, values in models],
        [(person.first_name, person.extension) for person in lines],
    ]
    fingerprint = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
    return Inputs(tenant, state.version, state.built_version, state.inputs, models, lines, fingerprint)


def _models_in_use(session: Session) -> dict[int, list[str]]:
    """Per tenant the keys of the models that its enabled devices have, in order."""
    query = select(Device.tenant_id, Device.model).where(Device.enabled).distinct()
    found: dict[int, list[str]] = {}
    for row in session.execute(query.order_by(Device.tenant_id, Device.model)):
        found.setdefault(row.tenant_id, []).append(row.model)
    return found


def _line_people(session: Session, tenant_id: int) -> Iterator[Person]:
    """The tenant's own lines by name and extension, each once; not those whose extension a contact has."""
    taken = set(session.scalars(select(Contact.extension).where(Contact.tenant_id == tenant_id)))
    columns = (Line.display_name, Line.first_name, Line.last_name, Line.extension)
    query = select(*columns).join(Device).where(Device.tenant_id == tenant_id, Device.enabled, Line.extension != "")
    found = set()
    for row in session.execute(query):
        name = row.display_name or shown_name(Person(row.first_name, row.last_name)) or row.extension
        if row.extension not in taken:
            found.add((name, row.extension))
    yield from (Person(first_name=name, extension=extension) for name, extension in sorted(found))
