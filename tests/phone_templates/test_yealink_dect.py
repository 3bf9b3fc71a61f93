"""Yealink's DECT bases, alone and under a manager."""

import re
from dataclasses import replace

import pytest

from tests.phone_templates.fleet import TENANT, golden_device, render
from tests.phone_templates.yealinkform import settings_of
from webprov.store.devicedata import CustomValue


def test_each_account_of_a_base_is_a_handset_of_its_own() -> None:
    found = settings_of(golden_device("yealink-w70b"))

    assert (found["handset.2.name"], found["handset.2.incoming_lines"]) == ("Sales", "2")
    assert (found["handset.2.dial_out_lines"], found["handset.2.dial_out_default_line"]) == ("2", "2")
    assert found["handset.3.incoming_lines"] == "%NULL%"
    assert not any(name.startswith(("linekey.", "lang.gui")) for name in found)


@pytest.mark.parametrize(
    ("key", "language", "number"),
    [
        ("yealink-w70b", "de", "2"),
        ("yealink-w70b", "fr-CA", "1"),
        ("yealink-w70b", "en-GB", "0"),
        ("yealink-w70b", "pt-BR", "5"),
        ("yealink-w70b", "ru", None),
        ("yealink-w80dm", "pl", "4"),
        ("yealink-w80dm", "ru", "8"),
        ("yealink-w80dm", "nl", None),
    ],
)
def test_handsets_count_their_languages_and_keep_the_one_that_has_no_known_number(key, language, number) -> None:
    found = settings_of(replace(golden_device(key), language=language))

    assert found.get("custom.handset.language") == number


def test_base_with_old_firmware_gets_old_names_and_handsets() -> None:
    found = settings_of(golden_device("yealink-w52p-legacy"))

    assert (found["account.2.sip_server_host"], found["handset.2.incoming_lines"]) == ("pbx.example.com", "2")
    assert not any(name.startswith("static.") for name in found)
    assert (found["auto_provision.handset_configured.enable"], found["custom.handset.language"]) == ("1", "2")
    assert found["handset.3.incoming_lines"] == "%NULL%"


@pytest.mark.parametrize("key", ["yealink-w75dm", "yealink-w80dm", "yealink-w90dm"])
def test_accounts_of_a_manager_name_a_set_of_servers(key) -> None:
    found = settings_of(golden_device(key))

    assert found["template.1.sip_server.1.address"] == "pbx.example.com"
    assert found["template.1.sip_server.2.address"] == "pbx2.example.com"
    assert (found["template.1.outbound.1.address"], found["template.1.outbound.1.port"]) == ("sbc.example.com", "5080")
    assert [found[f"account.{number}.sip_server.template"] for number in (1, 2, 3)] == ["1", "1", "%NULL%"]
    told = {name for name in found if re.match(r"account\.\d+\.(sip_server\.\d|outbound)", name)}
    assert {found[name] for name in told} == {"%NULL%"}


def test_servers_of_a_manager_follow_transport_and_need_no_proxy_where_the_registrar_is_one() -> None:
    tenant = replace(TENANT, sip_proxy="", backup_registrar="")
    device = replace(golden_device("yealink-w90dm"), tenant=tenant, variables={"SIP_TRANSPORT": CustomValue("tls")})

    found = settings_of(device)

    assert found["template.1.sip_server.1.port"] == "5061"
    assert found["template.1.sip_server.1.transport_type"] == "2"
    assert (found["template.1.outbound.enable"], found["template.1.sip_server.2.address"]) == ("0", "%NULL%")
    assert "account.1.fallback.redundancy_type" not in found


def test_handset_under_a_manager_has_the_account_of_its_number() -> None:
    found = settings_of(golden_device("yealink-w80dm"))

    assert found["handset.2.name"] == "Sales"
    assert not any(name.endswith(("incoming_lines", "dial_out_lines", "default_line")) for name in found)


def test_base_whose_firmware_may_look_in_either_place_finds_servers_in_both() -> None:
    found = settings_of(golden_device("yealink-w70b"))

    assert found["account.1.sip_server.template"] == "1"
    assert found["account.1.sip_server.1.address"] == found["template.1.sip_server.1.address"] == "pbx.example.com"


def test_bases_of_a_manager_get_files_that_lead_them_here() -> None:
    members = CustomValue("80:5E:C0:00:00:01 805EC0000002")
    device = replace(golden_device("yealink-w80dm"), variables={"MEMBERS": members})

    files = render(device)

    (alone,) = render(replace(golden_device("yealink-w80b"), mac="805EC0000002")).values()
    assert sorted(files) == ["001565a1b2c3.cfg", "805ec0000001.cfg", "805ec0000002.cfg"]
    assert files["805ec0000002.cfg"].text == alone.text
    assert "/provisioning/\n" in alone.text
    assert "account." not in alone.text
