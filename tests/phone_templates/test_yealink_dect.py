"""Yealink's DECT bases, alone and under a manager."""

from dataclasses import replace

import pytest

from tests.phone_templates.fleet import golden_device, render
from tests.phone_templates.yealinkform import settings_of
from webprov.store.devicedata import CustomValue


def test_each_account_of_a_base_is_a_handset_of_its_own() -> None:
    found = settings_of(golden_device("yealink-w70b"))

    assert (found["handset.2.name"], found["handset.2.incoming_lines"]) == ("Sales", "2")
    assert (found["handset.2.dial_out_lines"], found["handset.2.dial_out_default_line"]) == ("2", "2")
    assert found["handset.3.incoming_lines"] == "%NULL%"
    assert not any(name.startswith(("linekey.", "lang.gui")) for name in found)


@pytest.mark.parametrize(("language", "number"), [("de", "2"), ("fr-CA", "1"), ("en-GB", "0"), ("pl", None)])
def test_handsets_count_their_languages_and_keep_the_one_that_has_no_known_number(language, number) -> None:
    found = settings_of(replace(golden_device("yealink-w70b"), language=language))

    assert found.get("custom.handset.language") == number


def test_base_with_old_firmware_gets_old_names_and_handsets() -> None:
    found = settings_of(golden_device("yealink-w52p-legacy"))

    assert (found["account.2.sip_server_host"], found["handset.2.incoming_lines"]) == ("pbx.example.com", "2")
    assert not any(name.startswith("static.") for name in found)
    assert (found["auto_provision.handset_configured.enable"], found["custom.handset.language"]) == ("1", "2")
    assert found["handset.3.incoming_lines"] == "%NULL%"


def test_bases_of_a_manager_get_files_that_lead_them_here() -> None:
    members = CustomValue("80:5E:C0:00:00:01 805EC0000002")
    device = replace(golden_device("yealink-w80dm"), variables={"MEMBERS": members})

    files = render(device)

    (alone,) = render(replace(golden_device("yealink-w80b"), mac="805EC0000002")).values()
    assert sorted(files) == ["001565a1b2c3.cfg", "805ec0000001.cfg", "805ec0000002.cfg"]
    assert files["805ec0000002.cfg"].text == alone.text
    assert "/provisioning/\n" in alone.text
    assert "account." not in alone.text
