"""Contacts: added, edited, deleted; whether a tenant's directories include its own lines (spec 7).

What a contact says is personal: records of changes name the contact by its number and the fields that changed, not
what stood in them, so that deleting a contact deletes its data.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.changes.tenants import find_tenant
from webprov.contactinput import parse_contact, search_values
from webprov.csvtable import MAX_ROWS
from webprov.errors import Conflict, NotFound
from webprov.nudges import nudge
from webprov.rights import Actor, Right
from webprov.store.contactrecords import CONTACT_FIELDS, DIRECTORIES_DUTY, Contact, directory_of, touch_directory
from webprov.store.database import writing
from webprov.store.devicedata import BATCH
from webprov.store.models import Tenant

MAX_CONTACTS = MAX_ROWS


def add_contact(session: Session, by: Actor, tenant: str, flat: Mapping[str, str]) -> Contact:
    """Add a contact to a tenant; `flat` holds any of CONTACT_FIELDS. Raises InvalidInput by field."""
    values = parse_contact(flat)
    with writing(session):
        owner = editable_tenant(session, by, tenant)
        if contact_count(session, owner.id) >= MAX_CONTACTS:
            raise Conflict(f"{tenant} has {MAX_CONTACTS:,} contacts; more do not fit. Delete some first.")
        contact = Contact(tenant_id=owner.id, **values, **search_values(values))
        session.add(contact)
        session.flush()
        _record(session, by, owner, "create", contact.id, {name: CHANGED for name in CONTACT_FIELDS if values[name]})
    return contact


def change_contact(
    session: Session, by: Actor, tenant: str, number: int, flat: Mapping[str, str], *, version: int | None = None
) -> Contact:
    """Change the named fields. Raises InvalidInput by field, NotFound, and Conflict when `version` (what the person
    saw) is not the present one."""
    with writing(session):
        owner = editable_tenant(session, by, tenant)
        contact = find_contact(session, owner, number)
        if version is not None and contact.version != version:
            raise Conflict("Somebody else changed this contact since you opened it. Look at it again.")
        before = {name: getattr(contact, name) for name in CONTACT_FIELDS}
        values = parse_contact(flat, before)
        changed = {name: CHANGED for name in CONTACT_FIELDS if values[name] != before[name]}
        if changed:
            for name, value in {**values, **search_values(values)}.items():
                setattr(contact, name, value)
            contact.version += 1
            _record(session, by, owner, "change", number, changed)
    return contact


def delete_contacts(session: Session, by: Actor, tenant: str, numbers: Sequence[int]) -> int:
    """Delete these contacts of a tenant; how many there were. Those that are gone already do not matter."""
    with writing(session):
        owner = editable_tenant(session, by, tenant)
        found: list[int] = []
        for start in range(0, len(numbers), BATCH):
            chosen = Contact.tenant_id == owner.id, Contact.id.in_(numbers[start : start + BATCH])
            found += session.scalars(select(Contact.id).where(*chosen))
            session.execute(delete(Contact).where(*chosen))
        if len(found) == 1:
            _record(session, by, owner, "delete", found[0], {})
        elif found:
            touch_directory(session, owner.id, len(found))
            fields = {"deleted": [len(found), 0]}
            record_change(session, by, "delete", "contacts", owner.name, tenant_id=owner.id, fields=fields)
    return len(found)


def include_lines(session: Session, by: Actor, tenant: str, *, on: bool) -> None:
    """Let the directories of a tenant include the names and extensions of its own lines, or not."""
    with writing(session):
        owner = editable_tenant(session, by, tenant)
        directory = directory_of(session, owner.id)
        if directory.includes_lines != on:
            fields = {"own lines in the directory": [directory.includes_lines, on]}
            directory.includes_lines = on
            session.flush()
            touch_directory(session, owner.id)
            record_change(session, by, "change", "contacts", owner.name, tenant_id=owner.id, fields=fields)


def ask_for_build(session: Session, by: Actor, tenant: str) -> None:
    """Let the worker build what is due now rather than at its next round. Raises NotFound, NotAllowed."""
    editable_tenant(session, by, tenant)
    nudge(session, DIRECTORIES_DUTY)


def editable_tenant(session: Session, by: Actor, tenant: str) -> Tenant:
    """The tenant whose contacts this person may edit; raises NotFound, NotAllowed."""
    owner = find_tenant(session, tenant, by)
    by.check(Right.EDIT_CONTACTS, owner.id)
    return owner


def find_contact(session: Session, owner: Tenant, number: int) -> Contact:
    """The contact of that tenant; raises NotFound."""
    contact = session.get(Contact, number)
    if contact is None or contact.tenant_id != owner.id:
        raise NotFound("There is no such contact. Somebody may have deleted it.")
    return contact


def contact_count(session: Session, tenant_id: int) -> int:
    """How many contacts a tenant has."""
    return session.scalar(select(func.count()).where(Contact.tenant_id == tenant_id)) or 0


def _record(session: Session, by: Actor, owner: Tenant, action: str, number: int, fields: dict[str, Any]) -> None:
    touch_directory(session, owner.id)
    name = f"{owner.name} {number}"
    record_change(session, by, action, "contact", name, tenant_id=owner.id, fields=fields)
