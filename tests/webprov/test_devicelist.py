from datetime import timedelta

import pytest
from sqlalchemy import event, select, true

from tests.factories import make_device, make_tenant, small_config
from webprov.devicelist import NOT_SEEN_DAYS, DeviceQuery, PhoneState, Sort, list_devices
from webprov.enums import FileState
from webprov.provisioning import provision_device
from webprov.site import SiteLoader
from webprov.store.models import Device, utc_now


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    return SiteLoader(config).load(session)


def fetched(session, mac: str, **ago) -> None:
    session.scalar(select(Device).where(Device.mac == mac)).last_fetch_at = utc_now() - timedelta(**ago)
    session.commit()


def macs(session, site, **query) -> list[str]:
    return [row.mac[-2:] for row in list_devices(session, site, DeviceQuery(true(), **query)).rows]


def test_counts_are_of_all_states_whatever_state_is_chosen(session, site):
    for number in range(1, 5):
        make_device(session, site, f"805EC000000{number}")
    provision_device(session, site, "805EC0000001")
    fetched(session, "805EC0000002", days=NOT_SEEN_DAYS + 1)
    fetched(session, "805EC0000003", days=1)

    found = list_devices(session, site, DeviceQuery(true(), state=FileState.STALE))

    assert found.counts.total == 4
    assert found.counts.states[FileState.CURRENT] == 1
    assert found.counts.states[FileState.STALE] == 3
    assert found.counts.states[PhoneState.NOT_SEEN] == 1
    assert found.counts.states[PhoneState.NEVER_FETCHED] == 2
    assert found.matching == len(found.rows) == 3
    assert macs(session, site, state=PhoneState.NOT_SEEN) == ["02"]


def test_a_row_has_the_first_line_and_how_many_follow(session, site):
    make_device(session, site, line1_extension="10", line4_userid="u4", line3_userid="u3")

    (row,) = list_devices(session, site, DeviceQuery(true())).rows

    assert (row.extension, row.name, row.more_lines) == ("10", "Ada Müller", 2)


def test_signs_of_the_query_language_are_only_text(session, site):
    make_device(session, site, label="100% sure_ly")

    assert macs(session, site, text="%") == ["01"]
    assert macs(session, site, text="_") == ["01"]
    assert macs(session, site, text="10_%") == []


def test_lists_are_sorted_by_every_column_with_what_is_missing_last(session, site):
    make_device(session, site, "805EC0000001", label="b", tenant="globex", line1_extension="9")
    make_device(
        session,
        site,
        "805EC0000002",
        label="A",
        model="test-lobby",
        line1_userid="",
        line1_password="",
        line1_display_name="",
    )
    fetched(session, "805EC0000001", days=3)

    assert macs(session, site) == ["02", "01"]
    assert macs(session, site, descending=True) == ["01", "02"]
    assert macs(session, site, sort=Sort.MODEL, descending=True) == ["02", "01"]
    assert macs(session, site, sort=Sort.TENANT) == ["02", "01"]
    for sort in (Sort.LINE, Sort.FETCH):
        assert macs(session, site, sort=sort) == macs(session, site, sort=sort, descending=True) == ["01", "02"]


def test_labels_with_numbers_are_sorted_by_number(session, site):
    for number in (10, 9, 1):
        make_device(session, site, f"805EC00000{number:02d}", label=f"Desk {number}")

    assert macs(session, site) == ["01", "09", "10"]


def test_the_number_of_queries_does_not_grow_with_the_devices(session, site):
    def queries() -> int:
        seen = []
        event.listen(session.get_bind(), "before_cursor_execute", lambda *args: seen.append(args[2]))
        list_devices(session, site, DeviceQuery(true(), text="desk"))
        return len([text for text in seen if text.startswith("SELECT")])

    make_device(session, site, "805EC0000001")
    one = queries()
    for number in range(2, 12):
        make_device(session, site, f"805EC00000{number:02d}")

    assert queries() == one
