import pytest
from sqlalchemy import select

from webprov.changes.rotation import end_finished, end_previous
from webprov.changes.settings import save_settings
from webprov.enums import Role
from webprov.errors import NotAllowed
from webprov.rights import CONSOLE, Actor
from webprov.store.database import count_of
from webprov.store.models import ChangeRecord, Device, Tenant
from webprov.store.rotation import previous_logins


@pytest.fixture
def device(session):
    """A device that has the files made from the first settings."""
    device = Device(
        mac="805EC0000001",
        tenant=Tenant(name="acme"),
        model="yealink-t54w",
        rendered_settings=1,
        revision=1,
        fetched_revision=1,
    )
    session.add(device)
    session.commit()
    save_settings(session, {"http_password": "brand-new-secret-1", "ftp_password": "brand-new-secret-2"}, CONSOLE)
    return device


def test_end_previous_ends_one_kind_at_once_and_is_recorded(session, device):
    counter = count_of(session, "settings")

    assert end_previous(session, "http", CONSOLE) == 1

    change = session.scalars(select(ChangeRecord).order_by(ChangeRecord.id.desc())).first()
    assert [login.kind for login in previous_logins(session)] == ["ftp"]
    assert (change.action, change.thing, change.name) == ("end", "previous sign-in", "HTTP")
    assert count_of(session, "settings") == counter + 1
    assert end_previous(session, "http", CONSOLE) == 0


def test_they_end_by_themselves_when_the_last_device_has_fetched(session, device):
    assert end_finished(session) == 0

    device.rendered_settings, device.revision = 2, 2
    session.commit()
    assert end_finished(session) == 0
    device.fetched_revision = 2
    session.commit()

    assert end_finished(session) == 2
    assert previous_logins(session) == []


def test_only_administrators_end_them(session, device):
    with pytest.raises(NotAllowed):
        end_previous(session, "http", Actor("Sam", Role.SUPPORT))

    assert len(previous_logins(session)) == 2
