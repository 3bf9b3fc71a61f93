import pytest

from webprov.search import LIMIT, search_fleet
from webprov.store.models import Device, Line, Tenant


@pytest.fixture
def fleet(session):
    acme, globex = Tenant(name="acme"), Tenant(name="globex")
    desk = Device(
        mac="805EC0123456", tenant=acme, model="yealink-t54w", label="Desk 1", last_fetch_address="10.20.4.17"
    )
    desk.lines = [Line(number=1, userid="1006-acme", extension="1006", display_name="Chloé Çelik")]
    lobby = Device(mac="64167F00AB04", tenant=globex, model="polycom-vvx350", label="100% lobby")
    session.add_all([desk, lobby])
    session.commit()
    return session


def found(session, text, *where):
    return {label: [hit.mac for hit in hits] for label, hits in search_fleet(session, text, *where).groups}


@pytest.mark.parametrize("text", ["80:5e:c0:12:34:56", "805e.c012.3456", "80-5E-C0-12-34-56", " 805EC0123456 "])
def test_mac_in_full_is_exact_in_any_spelling(fleet, text):
    hits = search_fleet(fleet, text)

    assert (hits.exact, hits.groups) == ("805EC0123456", ())


@pytest.mark.parametrize(
    ("text", "group", "mac"),
    [
        ("12:34", "MAC", "805EC0123456"),
        ("167f00ab", "MAC", "64167F00AB04"),
        ("1006", "Extension", "805EC0123456"),
        ("desk", "Label", "805EC0123456"),
        ("chlo", "Name", "805EC0123456"),
        ("1006-ac", "Name", "805EC0123456"),
        ("Yealink T54W", "Model", "805EC0123456"),
        ("10.20.4", "Address", "805EC0123456"),
        ("100%", "Label", "64167F00AB04"),
    ],
)
def test_parts_are_found_and_grouped(fleet, text, group, mac):
    assert found(fleet, text) == {group: [mac]}


@pytest.mark.parametrize("text", ["", "   ", "%", "_", "nothing like it", "ff:ff:ff:ff:ff:ff"])
def test_what_is_not_there_is_not_found(fleet, text):
    assert found(fleet, text) == ({"Label": ["64167F00AB04"]} if text == "%" else {})


def test_search_stays_within_the_tenants_somebody_sees(fleet):
    acme = fleet.query(Tenant).filter_by(name="acme").one().id

    assert found(fleet, "polycom", Device.tenant_id == acme) == {}
    assert search_fleet(fleet, "64167F00AB04", Device.tenant_id == acme).exact is None


def test_a_device_stands_once_and_at_most_eight_in_all(session):
    tenant = Tenant(name="acme")
    for number in range(12):
        device = Device(mac=f"805EC0{number:06X}", tenant=tenant, model="yealink-t54w", label=f"Yealink {number}")
        device.lines = [Line(number=n, extension=f"20{number:02}", display_name="yealink") for n in (1, 2)]
        session.add(device)
    session.commit()

    macs = [mac for group in found(session, "yealink").values() for mac in group]

    assert len(macs) == len(set(macs)) == LIMIT
