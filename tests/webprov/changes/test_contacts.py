"""Contacts: who may change them, what is recorded, what is refused."""

import pytest
from sqlalchemy import select

from tests.factories import make_tenant
from webprov.changes.contacts import add_contact, change_contact, delete_contacts, include_lines
from webprov.enums import Role
from webprov.errors import Conflict, InvalidInput, NotAllowed, NotFound
from webprov.rights import CONSOLE, Actor
from webprov.store.contactrecords import Contact, DirectoryRecord
from webprov.store.models import ChangeRecord, Tenant

ANN = {"first_name": "Ann", "last_name": "Example", "extension": "101", "work": "+49 (0)30 12-34"}


@pytest.fixture
def tenants(session):
    make_tenant(session)
    make_tenant(session, "globex")
    return {tenant.name: tenant.id for tenant in session.scalars(select(Tenant))}


def version(session, tenant_id):
    session.expire_all()
    found = session.get(DirectoryRecord, tenant_id)
    return found.version if found else 0


def test_a_contact_is_added_trimmed_and_makes_its_tenant_dirty(session, tenants):
    contact = add_contact(session, CONSOLE, "acme", {**ANN, "first_name": "  Ann "})

    assert (contact.first_name, contact.sort_key) == ("Ann", "ann example")
    assert "+493012" in contact.search_text
    assert (version(session, tenants["acme"]), version(session, tenants["globex"])) == (1, 0)


def test_every_change_counts(session, tenants):
    number = add_contact(session, CONSOLE, "acme", ANN).id
    change_contact(session, CONSOLE, "acme", number, {"mobile": "0171 1"})
    change_contact(session, CONSOLE, "acme", number, {"mobile": "0171 1"})  # nothing new
    include_lines(session, CONSOLE, "acme", on=True)
    include_lines(session, CONSOLE, "acme", on=True)
    delete_contacts(session, CONSOLE, "acme", [number, 4711])

    assert version(session, tenants["acme"]) == 4
    assert session.scalars(select(Contact)).all() == []


def test_records_say_who_changed_what_without_the_person_themselves(session, tenants):
    number = add_contact(session, CONSOLE, "acme", ANN).id
    change_contact(session, CONSOLE, "acme", number, {"last_name": "Beispiel"})
    delete_contacts(session, CONSOLE, "acme", [number])

    found = session.scalars(select(ChangeRecord).where(ChangeRecord.thing == "contact").order_by(ChangeRecord.id)).all()
    assert [(record.action, record.name) for record in found] == [
        ("create", f"acme {number}"), ("change", f"acme {number}"), ("delete", f"acme {number}")
    ]  # fmt: skip
    assert found[1].fields == {"last_name": "changed"}
    everything = repr([(record.name, record.fields) for record in found])
    assert not any(word in everything for word in ("Ann", "Example", "Beispiel", "101", "1234"))


@pytest.mark.parametrize(
    ("flat", "field"),
    [
        ({"work": "030"}, "last_name"),
        ({**ANN, "work": "call me"}, "work"),
        ({**ANN, "mobile": "()"}, "mobile"),
        ({**ANN, "mobile": "١٢٣"}, "mobile"),
        ({**ANN, "home": "<b>@x"}, "home"),
        ({**ANN, "email": "ann at home"}, "email"),
        ({**ANN, "company": "A\nB"}, "company"),
        ({**ANN, "group": "x" * 201}, "group"),
    ],
)
def test_what_no_phone_could_use_is_refused_at_its_field(session, tenants, flat, field):
    with pytest.raises(InvalidInput) as refused:
        add_contact(session, CONSOLE, "acme", flat)

    assert list(refused.value.errors) == [field]


@pytest.mark.parametrize("number", ["*21#", "+49 (0)171/123-45.6", "0171,,2", "sip:ann@pbx.example", "ann@pbx.example"])
def test_what_people_dial_is_taken(session, tenants, number):
    assert add_contact(session, CONSOLE, "acme", {"company": "X", "other": number}).other == number


def test_two_people_at_one_contact(session, tenants):
    contact = add_contact(session, CONSOLE, "acme", ANN)
    seen = contact.version
    change_contact(session, CONSOLE, "acme", contact.id, {"work": "1"}, version=seen)

    with pytest.raises(Conflict, match="Somebody else"):
        change_contact(session, CONSOLE, "acme", contact.id, {"work": "2"}, version=seen)


def test_foreign_contacts_do_not_exist(session, tenants):
    number = add_contact(session, CONSOLE, "acme", ANN).id
    stranger = Actor("noor", Role.TENANT_ADMINISTRATOR, tenants["globex"])

    with pytest.raises(NotFound):
        change_contact(session, stranger, "acme", number, {"work": "1"})
    with pytest.raises(NotFound):
        change_contact(session, stranger, "globex", number, {"work": "1"})
    assert delete_contacts(session, stranger, "globex", [number]) == 0
    assert session.get(Contact, number)


def test_support_may_not_change_them(session, tenants):
    with pytest.raises(NotAllowed):
        add_contact(session, Actor("sam", Role.SUPPORT), "acme", ANN)
