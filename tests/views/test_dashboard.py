import re

import pytest
from sqlalchemy import insert, select

from tests.factories import make_device, make_stranger, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.enums import Role
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import Device, Tenant, utc_now
from webprov.store.settings import load_settings


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def fleet(config, session):
    """Two tenants with a device each; neither has files yet."""
    for name in ("acme", "globex"):
        make_tenant(session, name)
    site = SiteLoader(config).load(session)
    make_device(session, site, label="Desk 1")
    make_device(session, site, "805EC0000002", tenant="globex", label="Lobby", model="test-lobby")
    return session


def tile(page, word):
    return int(re.search(rf'id="tile-{word}".*?<b>([\d,]+)</b>', page, re.DOTALL)[1])


def test_first_page_shows_three_steps_and_where_phones_go(admin):
    page = admin.get("/").text

    assert "Your first phone" in page
    assert re.search(r"http://[^<]+:8081<wbr>/provisioning", page)
    assert "No phone has asked yet" in page


def test_first_page_never_shows_a_password(admin, session):
    assert load_settings(session).http_password not in admin.get("/").text


def test_watch_tells_who_asked(admin, session):
    make_stranger(session, "805EC00000AA")

    answer = admin.get("/watch", headers={"HX-Request": "true"})

    assert answer.text.count('id="watch"') == 1
    assert "80:5E:C0:00:00:AA" in answer.text
    assert 'href="/devices/new?mac=80:5E:C0:00:00:AA"' in answer.text
    assert "<html" not in answer.text


def test_strangers_are_not_for_people_of_one_tenant(sign_in, tenants, session):
    make_stranger(session, "805EC00000AA")

    assert "00:AA" not in sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"]).get("/").text


def test_advice_names_what_waits_to_be_adopted(admin, fleet):
    make_stranger(fleet, "02AA000000AA", paths=["x"])
    make_stranger(fleet, "805EC00000AB")
    make_stranger(fleet, "805EC00000AC", ignored_by="Noor")

    page = admin.get("/").text

    assert "2 unknown phones asked for files: 1 Yealink." in page
    assert 'href="/unknown/">Adopt</a>' in page


def test_tiles_count_and_advice_names_the_worst_first(admin, fleet):
    fleet.query(Device).filter_by(label="Lobby").one().provision_error = "test/phone.cfg, line 3: <X> is not defined."
    fleet.commit()

    page = admin.get("/").text

    assert [tile(page, word) for word in ("stale", "failed", "never-fetched", "current")] == [1, 1, 2, 0]
    assert "Lobby failed: test/phone.cfg, line 3: &lt;X&gt; is not defined." in page
    assert page.index("Lobby failed") < page.index("1 device has stale files")


def test_dashboard_stays_within_the_tenant(sign_in, admin, fleet):
    acme = fleet.query(Tenant).filter_by(name="acme").one().id
    noor = sign_in(Role.TENANT_ADMINISTRATOR, acme, "Noor")

    assert tile(admin.get("/").text, "never-fetched") == 2
    assert tile(admin.get("/?tenant=globex").text, "never-fetched") == 1
    assert tile(noor.get("/").text, "never-fetched") == 1


def test_a_fleet_in_order_needs_nothing(admin, fleet):
    fleet.query(Device).update({"enabled": False, "last_fetch_at": utc_now()})
    fleet.commit()

    assert "Nothing waits for you." in admin.get("/").text


def test_files_that_wait_for_the_dms_are_told_to_administrators(admin, sign_in, fleet, config, faults, storage):
    save_settings(fleet, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    faults.fails(503, "SlowDown")
    provision_devices(fleet, SiteLoader(config).load(fleet), list(fleet.scalars(select(Device.id))))
    acme = fleet.scalar(select(Tenant.id).where(Tenant.name == "acme"))
    keeper = sign_in(Role.TENANT_ADMINISTRATOR, acme, "Tom Keeper")

    page = admin.get("/").text

    assert re.search(r"6 files wait for the file transport, the oldest since .*? UTC. The storage asks to slow d", page)
    assert "wait for the file transport" not in keeper.get("/").text


def test_ph02_guessing_from_many_places_stands_first(admin, fleet, session):
    now = utc_now()
    seen = {"first_seen_at": now, "last_seen_at": now, "count": 1, "protocol": "http"}
    session.execute(insert(UnknownPhone), [{"mac": f"805EC1{number:06X}", **seen} for number in range(1_001)])
    session.commit()

    assert "1,001 MAC addresses that are no devices were asked for within an hour" in admin.get("/").text
