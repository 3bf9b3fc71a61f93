import pytest

from webprov.conflicts import Clash, clashes, seen_text
from webprov.settingsinput import draft_settings
from webprov.store.settings import ProvisioningSettings

SEEN = ProvisioningSettings(server_address="pbx.example", http_password="first-secret-1", ftp_password="f" * 12)


@pytest.fixture(autouse=True)
def keys(instance):
    """The digests of secrets need the instance's key."""


def saved_by_a_colleague(**flat):
    return draft_settings(flat, SEEN).settings


def test_only_fields_that_the_colleague_changed_are_in_question():
    saved = saved_by_a_colleague(ntp_server="theirs.example", sip_proxy="same.example", http_port="8090")
    typed = {"ntp_server": "mine.example", "sip_proxy": "same.example", "backup_registrar": "mine.example"}
    all_typed = {"http_port": "8081", **typed}

    found = clashes(seen_text(SEEN), saved, draft_settings(all_typed, saved))

    assert found == [
        Clash("http_port", "8090", "8081", both=False),
        Clash("ntp_server", "theirs.example", "mine.example", both=True),
    ]


def test_secrets_are_compared_without_being_carried():
    saved = saved_by_a_colleague(http_password="their-secret-22", ftp_password="their-secret-33")

    found = clashes(seen_text(SEEN), saved, draft_settings({"http_password": "my-own-secret"}, saved))

    assert found == [Clash("http_password", "", "", both=True)]
    assert "first-secret-1" not in seen_text(SEEN)


@pytest.mark.parametrize("seen", ["", "no json", "[1]", "{}"])
def test_a_page_that_says_nothing_asks_for_all_that_differs(seen):
    saved = saved_by_a_colleague(ntp_server="theirs.example")

    found = clashes(seen, saved, draft_settings({"ntp_server": "mine.example", "http_port": "8081"}, saved))

    assert found == [Clash("ntp_server", "theirs.example", "mine.example", both=True)]
