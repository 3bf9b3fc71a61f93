"""Lines whose password is easily guessed (security SE-05)."""

import pytest

from tests.factories import make_device, make_tenant, small_config
from webprov.checkup import CheckState, check_up
from webprov.site import SiteLoader
from webprov.weakpasswords import weak_passwords

GOOD = "jQ7tLw2ZpX9cVb4N"


@pytest.fixture
def site(tmp_path, session):
    for name in ("acme", "globex"):
        make_tenant(session, name)
    return SiteLoader(small_config(tmp_path)).load(session)


def add(session, site, number, tenant="acme", **line):
    make_device(session, site, f"805EC000000{number}", tenant=tenant, **{f"line1_{k}": v for k, v in line.items()})


def test_se05_each_weak_line_is_told_with_its_reasons(session, site):
    add(session, site, 1, userid="1001", password=GOOD)
    add(session, site, 2, userid="1002", password="123456")
    add(session, site, 3, userid="anna.schmidt-mobile", password="anna.schmidt-mobile")
    add(session, site, 4, userid="1004", extension="2044", password="2044")
    add(session, site, 5, userid="1005", password=GOOD + "x")
    add(session, site, 6, userid="1005", tenant="globex", password=GOOD + "x")

    found = weak_passwords(session)

    assert [(one.mac[-1], one.tenant, one.line, one.userid, one.why) for one in found] == [
        ("2", "acme", 1, "1002", "shorter than 12 characters"),
        ("3", "acme", 1, "anna.schmidt-mobile", "the same as its user or extension"),
        ("4", "acme", 1, "1004", "the same as its user or extension"),
        ("5", "acme", 1, "1005", "shared by 2 accounts"),
        ("6", "globex", 1, "1005", "shared by 2 accounts"),
    ]
    assert "123456" not in repr(found)


def test_one_account_on_two_phones_shares_nothing(session, site):
    for number in (1, 2):
        add(session, site, number, userid="1001", password=GOOD)

    assert weak_passwords(session) == []


def test_check_counts_them(session, site):
    add(session, site, 1, userid="1001", password=GOOD)
    assert any(found.what == "Passwords of lines" for found in check_up(session, site))

    add(session, site, 2, userid="1002", password="123456")

    (found,) = [found for found in check_up(session, site) if "passwords" in found.what]
    assert (found.what, found.state) == ("Lines with weak passwords: 1", CheckState.WARNING)
    assert "webprov devices weak" in found.remedy
