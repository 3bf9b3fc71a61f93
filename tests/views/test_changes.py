import csv
import io
import re

import pytest

from webprov.audit import CHANGED, record_change
from webprov.enums import Role
from webprov.rights import Actor
from webprov.store.database import writing

NOOR = Actor("Noor", Role.ADMINISTRATOR, address="192.0.2.7")
PAL = Actor("=Pál", Role.ADMINISTRATOR)


@pytest.fixture
def records(session, tenants):
    """Changes by two people, to things of a tenant and of the system."""
    with writing(session):
        fields = {"label": ["Désk 1", "<b>Desk</b>"], "admin_password": CHANGED}
        record_change(session, NOOR, "change", "device", "805EC0000001", tenant_id=tenants["acme"], fields=fields)
        record_change(session, NOOR, "change", "settings", "Provisioning settings", fields={"http_port": [8081, 8090]})
        record_change(session, PAL, "delete", "tenant", "initech", tenant_id=99, fields={"note": ["", "=1+1"]})


def rows(answer):
    """The text of each row of the table."""
    found = re.findall(r"<tr>(.*?)</tr>", answer.text.partition("<tbody>")[2], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_index_tells_who_did_what(admin, records):
    answer = admin.get("/changes/?user=Noor")

    assert len(rows(answer)) == 2
    assert "http_port 8081 → 8090" in rows(answer)[0]
    assert "Change device 80:5E:C0:00:00:01" in rows(answer)[1]
    assert "192.0.2.7" in rows(answer)[1]
    assert "admin_password changed" in rows(answer)[1]
    assert "&lt;b&gt;Desk&lt;/b&gt;" in answer.text


@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("?thing=device", 1),
        ("?tenant=acme", 1),
        ("?q=8090", 1),
        ("?q=Désk+1", 1),
        ("?q=192.0.2", 2),
        ("?q=%25", 0),
        ("?user=Nobody", 0),
        ("?tenant=acme&thing=settings", 0),
    ],
)
def test_filters_narrow(admin, records, address, count):
    found = admin.get(f"/changes/{address}")

    assert found.status_code == 200
    assert len(rows(found)) == count


def test_nothing_found_offers_to_clear_the_filters(admin, records):
    page = admin.get("/changes/?q=zebra&tenant=acme").text

    assert "No change fits these filters." in page
    assert 'href="/changes/?tenant=acme">Clear' in page


def test_pages_hold_fifty_and_lead_on(admin, session):
    with writing(session):
        for number in range(120):
            record_change(session, NOOR, "change", "device", f"{number:012}")

    first = admin.get("/changes/?user=Noor")
    last = admin.get("/changes/?user=Noor&page=99")

    assert len(rows(first)) == 50
    assert "1–50 of 120" in first.text
    assert "page=2" in first.text
    assert "101–120 of 120" in last.text
    assert len(rows(last)) == 20


def test_export_is_what_the_filters_show_and_runs_no_cell(admin, records):
    answer = admin.get("/changes/export?thing=tenant")

    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.mimetype == "text/csv"
    assert [(row["user"], row["name"], row["field"], row["new"]) for row in table] == [
        ("'=Pál", "initech", "note", "'=1+1")
    ]


def test_export_names_tenant_and_each_field(admin, records):
    table = list(csv.DictReader(io.StringIO(admin.get("/changes/export?tenant=acme").text)))

    assert [(row["tenant"], row["field"], row["old"], row["new"]) for row in table] == [
        ("acme", "label", "Désk 1", "<b>Desk</b>"),
        ("acme", "admin_password", "", "changed"),
    ]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.TENANT_ADMINISTRATOR])
def test_only_administrators_read_the_log(sign_in, tenants, role):
    person = sign_in(role, tenants["acme"])

    assert person.get("/changes/").status_code == 403
    assert person.get("/changes/export").status_code == 403
