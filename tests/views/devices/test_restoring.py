import html
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.factories import make_device
from tests.pages import PASSWORD, post
from tests.views.devices.conftest import FOREIGN, MINE
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.models import ChangeRecord, Device

SECRET = "R=#*2cN-D39A"
FILES = f"/devices/{MINE}/preview"
RESTORE = f"/devices/{MINE}/revisions/1/restore"


@pytest.fixture
def revised(devices, session, site):
    """Desk 1 was provisioned, renamed to Lobby, and provisioned again."""
    provision_device(session, site, MINE)
    relabel(session, site, "Lobby")
    provision_device(session, site, MINE)


def relabel(session, site, label):
    change_device(session, site, MINE, parse_device({"mac": MINE, "label": label}), CONSOLE)


def test_earlier_revisions_are_listed_with_their_cause(keeper, revised):
    page = html.unescape(keeper.get(FILES).text)

    assert "Earlier revisions" in page
    assert "The first files" in page
    assert "by console" in page  # who changed the label
    assert RESTORE in page


def test_a_device_with_one_revision_has_no_list(keeper, devices, session, site):
    provision_device(session, site, MINE)

    assert "Earlier revisions" not in keeper.get(FILES).text


@pytest.mark.parametrize("view", ["revision", "difference"])
def test_a_revision_is_shown_without_secrets(support, revised, view):
    page = support.get(f"{FILES}?file=805ec0000001.cfg&view={view}&against=revision-1").text

    assert "label = Desk 1" in page
    assert SECRET not in html.unescape(page)
    assert "__masked__" not in page


def test_a_revision_is_revealed_against_the_own_password_alone(admin, revised, session):
    address = f"{FILES}?file=805ec0000001.cfg&view=revision&against=revision-1"

    refused = post(admin, address, own_password="wrong")
    shown = post(admin, address, own_password=PASSWORD)

    assert refused.status_code == 422
    assert SECRET not in html.unescape(refused.text)
    assert f"password = {SECRET}" in html.unescape(shown.text)
    assert "Download" not in shown.text  # that would be the file of now
    session.rollback()
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "reveal secrets")).one()
    assert record.fields["revision"] == ["", 1]


def test_restoring_asks_first_and_then_says_that_it_is_done(support, revised, config, session):
    assert "Restore revision 1?" in support.get(RESTORE).text

    done = post(support, RESTORE)

    page = support.get(done.location).text
    assert "Revision 1 is restored." in page
    assert "Restored: it holds revision 1." in page
    assert "label = Desk 1\n" in (config.provisioning_dir / "805ec0000001.cfg").read_text()
    assert "restored, revision 1" in support.get("/devices/").text


def test_restoring_what_is_not_kept_or_of_others_is_not_found(keeper, revised, session, site):
    provision_device(session, site, FOREIGN)

    assert post(keeper, f"/devices/{MINE}/revisions/8/restore").status_code == 404
    assert post(keeper, f"/devices/{FOREIGN}/revisions/1/restore").status_code == 404
    assert keeper.get(f"/devices/{FOREIGN}/revisions/1/restore").status_code == 404


def test_a_disabled_device_is_refused_with_the_remedy(admin, revised, session):
    with writing(session):
        session.scalars(select(Device).where(Device.mac == MINE)).one().enabled = False

    answer = post(admin, RESTORE)

    assert "Enable it first." in admin.get(answer.location).text


def test_another_device_is_chosen_among_those_one_may_see(keeper, revised, session, site):
    make_device(session, site, "805EC00000AB", label="Desk 9")
    address = f"{FILES}?view=difference&against=device"

    offered = keeper.get(address).text
    found = keeper.get(f"{address}&find=desk").text
    shown = keeper.get(f"{address}&file=805ec0000001.cfg&other=805EC00000AB").text

    assert 'value="805EC00000AB"' in offered
    assert "Choose the device to compare with." in offered
    assert 'value="805EC00000AB"' in found
    assert FOREIGN not in offered + found
    assert "label = Desk 9" in shown
    assert keeper.get(f"{address}&other={FOREIGN}").status_code == 404


def test_secrets_of_another_device_are_never_revealed(admin, revised, session, site):
    make_device(session, site, "805EC00000AB", line1_password="quite-another-one")
    address = f"{FILES}?file=805ec0000001.cfg&view=difference&against=device&other=805EC00000AB"

    page = html.unescape(post(admin, address, own_password=PASSWORD).text)

    assert "quite-another-one" not in page
    assert SECRET not in page


def test_a_difference_says_who_made_it(admin, keeper, revised, session, site):
    relabel(session, site, "Hall")

    page = admin.get(f"{FILES}?file=805ec0000001.cfg&view=difference").text

    assert "Why it differs" in page
    assert "label</span>" in page
    assert "by console" in page


def test_people_of_a_tenant_are_not_told_who_changed_the_system(keeper, admin, revised, session, site):
    save_settings(session, {"server_address": "pbx.acme.example"}, replace(CONSOLE, name="Root Person"))
    address = f"{FILES}?file=805ec0000001.cfg&view=difference"

    assert "Root Person" in admin.get(address).text
    page = keeper.get(address).text
    assert "Provisioning settings" in page
    assert "Root Person" not in page


def test_what_the_phone_fetched_and_the_shipped_templates_can_be_compared(support, revised):
    fetched = support.get(f"{FILES}?view=difference&against=fetched").text
    shipped = support.get(f"{FILES}?view=difference&against=shipped").text

    assert "The phone has not fetched its own file yet." in fetched
    assert "No difference." in shipped
