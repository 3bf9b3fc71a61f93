import pytest
from sqlalchemy import select

from webprov.changes.tenants import create_tenant, delete_tenant, find_tenant, save_tenant, save_tenant_override
from webprov.enums import Role
from webprov.errors import Conflict, InvalidInput, NotFound
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.devicedata import read_tenants
from webprov.store.fetchrecords import FetchHour
from webprov.store.models import ChangeRecord, Device, Tenant, User


@pytest.fixture
def site(config, session):
    return SiteLoader(config).load(session)


@pytest.fixture
def acme(session):
    return create_tenant(session, "acme", {"label": "Acme & Sons", "ntp_server": "NTP.example"}, CONSOLE)


def test_create_tenant_checks_and_normalises(session, acme):
    assert (acme.label, acme.ntp_server, acme.version) == ("Acme & Sons", "ntp.example", 1)


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-acme", "../etc", "a" * 64, "äcme", "acme\n"])
def test_the_name_of_a_tenant_is_a_slug(session, name):
    if name == "acme\n":  # blanks at the ends are trimmed
        assert create_tenant(session, name, {}, CONSOLE).name == "acme"
        return
    with pytest.raises(InvalidInput, match="lower-case"):
        create_tenant(session, name, {}, CONSOLE)


def test_names_are_unique(session, acme):
    with pytest.raises(InvalidInput, match="already"):
        create_tenant(session, "acme", {}, CONSOLE)


def test_save_tenant_reports_every_bad_field(session, acme):
    with pytest.raises(InvalidInput) as caught:
        save_tenant(session, "acme", {"registrar": "a_b", "timezone": "Nowhere", "label": "a\nb"}, CONSOLE)

    assert sorted(caught.value.errors) == ["label", "registrar", "timezone"]


def test_save_tenant_makes_its_devices_stale_and_keeps_a_record(session, acme):
    save_tenant(session, "acme", {"registrar": "sip.acme.example"}, CONSOLE, version=1)

    assert session.scalar(select(Tenant.version)) == 2
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "change")).one()
    assert record.fields == {"registrar": ["", "sip.acme.example"]}
    with pytest.raises(Conflict):
        save_tenant(session, "acme", {"registrar": ""}, CONSOLE, version=1)


def test_override_of_a_tenant_is_set_and_removed(session, acme):
    save_tenant_override(session, "acme", "yealink-t54w", "a = 1\r\nb = 2\r\n", CONSOLE)
    assert read_tenants(session)[acme.id].overrides == {"yealink-t54w": "a = 1\nb = 2"}

    save_tenant_override(session, "acme", "yealink-t54w", "", CONSOLE)

    assert read_tenants(session)[acme.id].overrides == {}
    assert session.scalar(select(Tenant.version)) == 3


def test_a_tenant_with_devices_or_people_stays(session, site, acme):
    session.add(Device(mac="805EC0000001", tenant_id=acme.id, model="x"))
    session.commit()
    with pytest.raises(Conflict, match="1 device"):
        delete_tenant(session, site, "acme", CONSOLE)
    session.query(Device).delete()
    session.add(User(name="noor", password_hash="x", role="tenant-administrator", tenant_id=acme.id))
    session.commit()
    with pytest.raises(Conflict, match="noor"):
        delete_tenant(session, site, "acme", CONSOLE)


def test_delete_tenant(session, site, acme):
    with writing(session):
        session.add(FetchHour(hour="2026-03-29 11", tenant_id=acme.id, sent=3))

    delete_tenant(session, site, "acme", CONSOLE)

    assert session.scalars(select(Tenant)).all() == []
    assert session.scalars(select(FetchHour)).all() == []


def test_a_foreign_tenant_is_like_none(session, acme):
    stranger = Actor("noor", Role.TENANT_ADMINISTRATOR, acme.id + 1)

    with pytest.raises(NotFound) as foreign:
        find_tenant(session, "acme", stranger)
    with pytest.raises(NotFound) as missing:
        find_tenant(session, "acne", stranger)

    assert str(foreign.value) == str(missing.value).replace("acne", "acme")
