import pytest

from webprov.enums import Protocol, ProvisioningMode, TransportMethod
from webprov.errors import InvalidInput
from webprov.settingsinput import SETTINGS_FIELDS, check_field, draft_settings, parse_settings, parse_transport
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
        ("default_protocol", "https", "HTTPS is switched off"),
        ("tftp_networks", "10.20.0.0/33", "is not a network"),
        ("tftp_networks", "", "Enter the networks"),
        ("ftp_passive_ports", "60000-50000", "50000-50100"),
        ("ftp_passive_ports", "80-90", "from 1024"),
        ("ftp_passive_ports", "many", "1 to 65535"),
        ("tls_legacy", "perhaps", "on or off"),
        ("http_user", "a:b", "Leave out"),
        ("http_user", "", "Enter the user"),
        ("http_password", "PlcmSpIp", "too easy"),
        ("http_password", "short", "too easy"),
        ("external_path", "/a?b", "Leave out"),
        ("external_path", "/a/../b", "Leave out"),
        ("ntp_server", "http://ntp", "leave out http://"),
        ("sip_proxy", "proxy:99999", "1 to 65535"),
        ("no_such_field", "x", "no setting"),
        ("transport", "rsync", "none, s3, script"),
        ("s3_endpoint", "s3.acme.example", "Begin with https://"),
        ("s3_endpoint", "ftp://s3.acme.example", "Begin with https://"),
        ("s3_endpoint", "https://s3.acme.example/bucket", "Leave out the path"),
        ("s3_endpoint", "https://s3.acme.example?x", "Leave out the path"),
        ("s3_endpoint", "https://key:secret@s3.acme.example", "Leave out user and password"),
        ("s3_endpoint", "https://2852039166", "is not an IP address"),
        ("s3_endpoint", "https://s3.acme.example:0", "1 to 65535"),
        ("s3_endpoint", "https://", "Enter a name"),
        ("s3_bucket", "Acme", "is not a bucket's name"),
        ("s3_bucket", "ab", "is not a bucket's name"),
        ("s3_bucket", "a..b", "is not a bucket's name"),
        ("s3_bucket", "192.168.1.1", "is not a bucket's name"),
        ("s3_region", "eu central", "is not a region"),
        ("s3_prefix", "a/../b", "Leave out “..”"),
        ("s3_prefix", "a\\b", "Leave out “..”"),
        ("s3_prefix", "x" * 600, "too long"),
        ("script_path", "push.sh", "Enter the whole path"),
        ("script_path", "/a\0b", "control character"),
    ],
)
def test_parse_settings_names_the_field_and_the_remedy(name, text, part):
    with pytest.raises(InvalidInput) as caught:
        parse_settings({"tftp_enabled": "on", name: text}, CURRENT)

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


def test_ui12_another_dms_server_asks_for_its_password_again():
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


S3 = {
    "mode": "external",
    "external_server": "dms.example",
    "transport": "s3",
    "s3_endpoint": "HTTPS://S3.acme.example:9000/",
    "s3_bucket": "acme-phones",
    "s3_access_key": "the-access-key",
    "s3_secret_key": "the-secret-key",
    "s3_prefix": "/prov//phones",
}


def test_s3_is_normalised():
    settings = parse_settings(S3, CURRENT)

    assert settings.transport is TransportMethod.S3
    assert settings.s3_endpoint == "https://s3.acme.example:9000"
    assert settings.s3_prefix == "prov/phones/"


@pytest.mark.parametrize("name", ["s3_endpoint", "s3_bucket", "s3_access_key", "s3_secret_key"])
def test_s3_needs_endpoint_bucket_and_keys_in_external_mode_only(name):
    without = {**S3, name: ""}

    with pytest.raises(InvalidInput) as caught:
        parse_settings(without, CURRENT)
    local = parse_settings({**without, "mode": "local"}, CURRENT)

    assert list(caught.value.errors) == [name]
    assert local.transport is TransportMethod.S3


def test_aws_needs_a_region():
    aws = {**S3, "s3_endpoint": "https://s3.amazonaws.com"}

    with pytest.raises(InvalidInput) as caught:
        parse_settings(aws, CURRENT)

    assert list(caught.value.errors) == ["s3_region"]
    assert parse_settings({**aws, "s3_region": "EU-Central-1"}, CURRENT).s3_region == "eu-central-1"


def test_a_script_needs_a_path():
    with pytest.raises(InvalidInput, match="script_path"):
        parse_settings({**S3, "transport": "script"}, CURRENT)


@pytest.mark.parametrize("parse", [parse_settings, parse_transport])
def test_another_endpoint_asks_for_both_keys_again(parse):
    current = parse_settings(S3, CURRENT)

    with pytest.raises(InvalidInput) as caught:
        parse({"s3_endpoint": "https://evil.example"}, current)
    same = parse({"s3_endpoint": "https://s3.acme.example:9000", "s3_bucket": "other-bucket"}, current)
    moved = parse({**S3, "s3_endpoint": "https://new.example"}, current)

    assert caught.value.errors == {
        "s3_access_key": "Type the access key again: the endpoint changed.",
        "s3_secret_key": "Type the secret key again: the endpoint changed.",
    }
    assert same.s3_secret_key == "the-secret-key"
    assert moved.s3_endpoint == "https://new.example"


def test_parse_transport_asks_for_nothing_but_the_transport():
    typed = {**S3, "external_server": "", "http_port": "none"}

    assert parse_transport(typed, CURRENT).s3_bucket == "acme-phones"


def test_directory_is_no_setting():
    with pytest.raises(InvalidInput, match="no setting"):
        parse_settings({"directory": "/etc"}, CURRENT)


def test_every_settable_field_is_a_setting():
    assert set(SETTINGS_FIELDS) <= set(FIELDS)
    assert set(SECRET_FIELDS) <= set(SETTINGS_FIELDS)


def test_check_field_alone_gives_the_stored_form():
    assert check_field("backup_registrar", "SBC2.example:5061") == "sbc2.example:5061"
    assert check_field("backup_registrar", "") == ""


_ODD = ("", " ", "x.example", "X.example.", "10.0.0.0/8", "/a/b/", "on", "off", "99999", "8099", "https", "external",
        "Europe/Berlin", "ä ö", "a:b", "a" * 300, "<b>&amp;", "]]>", "2001:db8::1", "[2001:db8::1]:80", "١٢٣",
        "a\nb")  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS_FIELDS)
@pytest.mark.parametrize("text", _ODD)
def test_whatever_is_typed_is_refused_at_its_field_or_reads_back_the_same(name, text):
    draft = draft_settings({name: text}, CURRENT)
    value = getattr(draft.settings, name)
    shown = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)

    assert set(draft.unreadable) <= {name}
    if name in draft.unreadable:
        assert value == getattr(CURRENT, name)
    else:
        assert getattr(draft_settings({name: shown}, CURRENT).settings, name) == value
