import pytest

from webprov.enums import Protocol, ProvisioningMode
from webprov.errors import InvalidInput
from webprov.settingsinput import SETTINGS_FIELDS, check_field, parse_settings
from webprov.store.settings import FIELDS, SECRET_FIELDS, ProvisioningSettings

CURRENT = ProvisioningSettings(
    server_address="pbx.acme.example", http_password="GoodPassword1", ftp_password="GoodPassword2"
)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("mode", "both", "local, external"),
        ("server_address", "pbx_acme", "underscores are not allowed"),
        ("server_address", "", "Enter the name or IP address"),
        ("server_address", "pbx:80", "leave out the port"),
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
        ("http_port", "0", "1 to 65535"),
        ("http_port", "٨٠", "1 to 65535"),
        ("http_enabled", "perhaps", "on or off"),
        ("https_enabled", "on", "does not serve HTTPS"),
        ("default_protocol", "https", "HTTPS is switched off"),
        ("tftp_networks", "10.20.0.0/33", "is not a network"),
        ("http_user", "a:b", "Leave out"),
        ("http_user", "", "Enter the user"),
        ("http_password", "PlcmSpIp", "too easy"),
        ("http_password", "short", "too easy"),
        ("external_path", "/a?b", "Leave out"),
        ("external_path", "/a/../b", "Leave out"),
        ("ntp_server", "http://ntp", "leave out http://"),
        ("sip_proxy", "proxy:99999", "1 to 65535"),
        ("no_such_field", "x", "no setting"),
    ],
)
def test_parse_settings_names_the_field_and_the_remedy(name, text, part):
    with pytest.raises(InvalidInput) as caught:
        parse_settings({name: text}, CURRENT)

    assert part in caught.value.errors[name]


def test_parse_settings_normalises():
    settings = parse_settings(
        {
            "server_address": " PBX.acme.example. ",
            "external_path": "prov/x/",
            "ntp_server": "[2001:DB8::1]:123",
            "tftp_networks": "10.20.3.4/16 192.168.0.0/16",
            "http_enabled": "on",
            "http_port": "8088",
        },
        CURRENT,
    )

    assert settings.server_address == "pbx.acme.example"
    assert settings.external_path == "/prov/x"
    assert settings.ntp_server == "[2001:db8::1]:123"
    assert settings.tftp_networks == "10.20.0.0/16, 192.168.0.0/16"
    assert settings.port(Protocol.HTTP) == 8088


def test_an_empty_secret_keeps_the_stored_one_and_clear_empties_it():
    kept = parse_settings({"ftp_password": ""}, CURRENT)
    cleared = parse_settings({}, CURRENT, clear=["ftp_password"])

    assert kept.ftp_password == "GoodPassword2"
    assert cleared.ftp_password == ""


def test_clearing_the_password_of_an_enabled_protocol_is_refused():
    with pytest.raises(InvalidInput, match="http_password"):
        parse_settings({}, CURRENT, clear=["http_password"])


def test_external_mode_needs_a_server_and_its_own_protocol():
    with pytest.raises(InvalidInput) as caught:
        parse_settings({"mode": "external", "external_protocol": "ftp"}, CURRENT)
    settings = parse_settings({"mode": "external", "external_server": "dms.example:8443"}, CURRENT)

    assert sorted(caught.value.errors) == ["external_protocol", "external_server"]
    assert settings.mode is ProvisioningMode.EXTERNAL
    assert not settings.serves_phones


def test_another_dms_server_asks_for_its_password_again():
    current = parse_settings(
        {"mode": "external", "external_server": "dms.example", "external_user": "u", "external_password": "secret"},
        CURRENT,
    )

    with pytest.raises(InvalidInput, match="Type the DMS password again"):
        parse_settings({"external_server": "evil.example"}, current)
    same = parse_settings({"external_server": "dms.example:8443"}, current)
    moved = parse_settings({"external_server": "new.example", "external_password": "other"}, current)
    cleared = parse_settings({"external_server": "new.example"}, current, clear=["external_password"])

    assert (same.external_password, moved.external_password, cleared.external_password) == ("secret", "other", "")


def test_directory_is_no_setting():
    with pytest.raises(InvalidInput, match="no setting"):
        parse_settings({"directory": "/etc"}, CURRENT)


def test_every_settable_field_is_a_setting():
    assert set(SETTINGS_FIELDS) <= set(FIELDS)
    assert set(SECRET_FIELDS) - set(SETTINGS_FIELDS) == {"s3_access_key", "s3_secret_key"}


def test_check_field_alone_gives_the_stored_form():
    assert check_field("backup_registrar", "SBC2.example:5061") == "sbc2.example:5061"
    assert check_field("backup_registrar", "") == ""
