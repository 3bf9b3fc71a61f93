import pytest

from tests.factories import make_device
from webprov.provisioning import provision_device
from webprov.store.database import writing
from webprov.store.models import Device, utc_now

MINE, FOREIGN = "805EC0000001", "805EC0000002"
HTMX = {"HX-Request": "true"}


def test_the_list_shows_devices_with_their_state(admin, devices, session, site):
    provision_device(session, site, MINE)

    page = admin.get("/devices/").text

    assert page.count('name="selected"') == 2
    assert "80:5E:C0:00:00:01" in page
    assert "Ada Müller" in page
    assert "/devices/805EC0000001/" in page
    assert 'href="/devices/?state=stale"' in page


def test_a_tenant_administrator_sees_the_own_tenant_only(keeper, devices):
    page = keeper.get("/devices/").text

    assert "Desk 1" in page
    assert "Desk 2" not in page
    assert "Bo Lind" not in page
    assert keeper.get("/devices/?tenant=globex").status_code == 404


@pytest.mark.parametrize("text", ["80:5e:c0:00:00:01", "805ec0000001", "c000:0001", "desk 1", "ada", "test-desk"])
def test_search_finds_by_what_people_type(admin, devices, text):
    page = admin.get("/devices/", query_string={"q": text}).text

    assert "Desk 1</a>" in page


def test_a_search_without_a_hit_says_what_was_asked(admin, devices):
    page = admin.get("/devices/", query_string={"q": "<T54X>"}).text

    assert "No device matches “&lt;T54X&gt;”" in page
    assert "Clear the filters" in page


def test_htmx_gets_the_list_alone_and_an_address_without_empty_filters(admin, devices):
    answer = admin.get("/devices/?q=desk+2&model=&state=", headers=HTMX)

    assert answer.text.lstrip().startswith('<div id="devices-list">')
    assert "Desk 1</a>" not in answer.text
    assert answer.headers["HX-Push-Url"] == "/devices/?q=desk+2"
    assert "HX-Request" in answer.headers["Vary"]
    assert "1 device matches" in answer.text


def test_a_page_out_of_the_history_is_whole(admin, devices):
    answer = admin.get("/devices/", headers={**HTMX, "HX-History-Restore-Request": "true"})

    assert "<!doctype html>" in answer.text


def test_sorting_is_told_to_screen_readers(admin, devices):
    page = admin.get("/devices/?sort=-mac").text

    assert 'aria-sort="descending"' in page
    assert page.index("Desk 2</a>") < page.index("Desk 1</a>")


def test_a_long_list_comes_in_pages(admin, devices, session, site):
    for number in range(3, 30):
        make_device(session, site, f"805EC00000{number:02X}", label=f"Desk {number}")

    page = admin.get("/devices/?per=25").text
    last = admin.get("/devices/?per=25&page=99").text

    assert "1–25 of 29" in page
    assert "26–29 of 29" in last
    assert page.index("Desk 9</a>") < page.index("Desk 10</a>")


def test_senseless_addresses_show_the_list_all_the_same(admin, devices):
    assert admin.get("/devices/?page=-1&per=7&sort=colour&state=happy&model=none").status_code == 200


def test_without_devices_the_first_is_offered(admin, support, site):
    assert "Add the first phone" in admin.get("/devices/").text
    assert "Add the first phone" not in support.get("/devices/").text


def test_names_are_shown_as_text(admin, session, site):
    make_device(session, site, label="<script>alert(1)</script>", line1_display_name='"><img src=x onerror=1>')

    page = admin.get("/devices/").text

    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_list_says_which_phone_has_older_files_and_more_on_wish(admin, devices, session):
    with writing(session):
        session.query(Device).filter_by(mac="805EC0000001").update(
            {"revision": 9, "fetched_revision": 7, "last_fetch_at": utc_now(), "last_fetch_address": "192.0.2.7"}
        )

    plain, wide = admin.get("/devices/").text, admin.get("/devices/?more=1").text

    assert plain.count("has revision 7, current is 9") == 1
    assert "192.0.2.7" not in plain
    assert "192.0.2.7" in wide
    assert '<th scope="col">Firmware</th>' in wide
