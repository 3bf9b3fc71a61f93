"""The first table of spec 3, row by row, in both modes."""

from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest

from tests.webprov.rendering.samples import ACME, external, phone, phone_model, settings, variables_of
from webprov.enums import Protocol
from webprov.phones.phonemodel import SharedRule
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import shared_context
from webprov.store.settings import ProvisioningSettings

LOCAL = settings()
EXTERNAL = external()
OWN_FIRMWARE = external(firmware_server="fw.example:8080", external_protocol=Protocol.HTTP)
SIX = settings(server_address="2001:db8::1", http_port=8081)
FULL = settings(
    backup_registrar="b.example:5070", sip_proxy="p.example", backup_sip_proxy="bp.example", ntp_server="10.0.0.9"
)
TENANT = replace(
    ACME,
    registrar="r.acme:5062",
    backup_registrar="b.acme",
    sip_proxy="p.acme",
    backup_sip_proxy="bp.acme",
    ntp_server="n.acme",
)
FIRMWARE = phone_model(firmware="T2 (a).rom")

ROWS: list[tuple[ProvisioningSettings, dict[str, str]]] = [
    (LOCAL, {
        "REG_SERVER": "pbx.acme.example", "SERVER": "pbx.acme.example", "REG_SERVER_BACKUP": "",
        "PROXY_SERVER": "pbx.acme.example", "PROXY_SERVER_BACKUP": "", "NTP_SERVER": "pbx.acme.example",
        "REG_SERVER_HOST": "pbx.acme.example", "REG_SERVER_PORT": "", "REG_SERVER_BACKUP_HOST": "",
        "PROV_SERVER": "pbx.acme.example", "PROV_MODEL_SEGMENT": "", "PROV_PATH": "/provisioning", "PROV_PORT": "",
        "FIRMWARE_SERVER": "pbx.acme.example", "FIRMWARE_PATH": "/provisioning/FIRMWARE-acme-t2", "PROTO": "http",
        "PROTO_URL": "http://phones:web-pw@pbx.acme.example/provisioning", "FIRMWARE": "T2 (a).rom",
        "FIRMWARE_URL": "http://phones:web-pw@pbx.acme.example/provisioning/FIRMWARE-acme-t2/T2%20%28a%29.rom",
        "SHARED_URL": "http://phones:web-pw@pbx.acme.example/provisioning", "CONTACTS_URL": "",
        "PROV_URL": "http://pbx.acme.example/provisioning",
        "PROV_USER": "phones", "PROV_PASSWORD": "web-pw", "HTTP_USER": "phones", "HTTP_PASSWORD": "web-pw",
        "FTP_USER": "phones-ftp", "FTP_PASSWORD": "ftp-pw",
    }),
    (EXTERNAL, {
        "REG_SERVER": "pbx.acme.example", "NTP_SERVER": "pbx.acme.example",
        "PROV_SERVER": "dms.example", "PROV_MODEL_SEGMENT": "acme-t2", "PROV_PATH": "/provisioning/acme-t2",
        "PROV_PORT": "", "FIRMWARE_SERVER": "dms.example", "FIRMWARE_PATH": "/provisioning/acme-t2/FIRMWARE-acme-t2",
        "PROTO": "https", "PROTO_URL": "https://dms:dms-pw@dms.example/provisioning/acme-t2",
        "SHARED_URL": "https://dms:dms-pw@dms.example/provisioning",
        "FIRMWARE_URL":
            "https://dms:dms-pw@dms.example/provisioning/acme-t2/FIRMWARE-acme-t2/T2%20%28a%29.rom",
        "PROV_USER": "dms", "PROV_PASSWORD": "dms-pw", "HTTP_USER": "dms", "HTTP_PASSWORD": "dms-pw",
        "FTP_USER": "phones-ftp", "FTP_PASSWORD": "ftp-pw",
    }),
    (OWN_FIRMWARE, {
        "FIRMWARE_SERVER": "fw.example:8080", "FIRMWARE_SERVER_HOST": "fw.example", "FIRMWARE_SERVER_PORT": "8080",
        "FIRMWARE_URL": "http://fw.example:8080/provisioning/acme-t2/FIRMWARE-acme-t2/T2%20%28a%29.rom",
        "PROTO_URL": "http://dms:dms-pw@dms.example/provisioning/acme-t2",
    }),
    (external(external_server="[2001:db8::5]:8443", external_path="", external_user=""), {
        "PROV_SERVER": "[2001:db8::5]:8443", "PROV_SERVER_HOST": "2001:db8::5", "PROV_SERVER_PORT": "8443",
        "PROV_URL": "https://[2001:db8::5]:8443/acme-t2", "PROV_PORT": "8443", "PROV_PATH": "/acme-t2", "PROTO_URL": "https://[2001:db8::5]:8443/acme-t2",
        "SHARED_URL": "https://[2001:db8::5]:8443",
    }),
    (external(external_server="dms.example:443"), {"PROV_PORT": "", "PROTO_URL":
        "https://dms:dms-pw@dms.example/provisioning/acme-t2"}),
    (external(firmware_server="dms.example:8443"), {"FIRMWARE_URL":
        "https://dms:dms-pw@dms.example:8443/provisioning/acme-t2/FIRMWARE-acme-t2/T2%20%28a%29.rom"}),
    (SIX, {
        "REG_SERVER": "2001:db8::1", "REG_SERVER_HOST": "2001:db8::1", "PROV_PORT": "8081",
        "PROTO_URL": "http://phones:web-pw@[2001:db8::1]:8081/provisioning",
    }),
    (settings(default_protocol=Protocol.FTP, ftp_port=2121), {
        "PROTO": "ftp", "PROV_USER": "phones-ftp", "PROV_PASSWORD": "ftp-pw", "HTTP_USER": "phones",
        "PROTO_URL": "ftp://phones-ftp:ftp-pw@pbx.acme.example:2121/provisioning",
    }),
    (settings(default_protocol=Protocol.FTPS, ftps_port=990), {
        "PROTO_URL": "ftps://phones-ftp:ftp-pw@pbx.acme.example/provisioning",
    }),
    (settings(default_protocol=Protocol.TFTP, tftp_port=69), {
        "PROV_USER": "phones", "PROV_PASSWORD": "web-pw", "PROTO_URL": "tftp://pbx.acme.example/provisioning",
    }),
    (settings(firmware_server="fw.example"), {"FIRMWARE_SERVER": "pbx.acme.example"}),
    (FULL, {
        "REG_SERVER_BACKUP": "b.example:5070", "REG_SERVER_BACKUP_HOST": "b.example", "REG_SERVER_BACKUP_PORT": "5070",
        "PROXY_SERVER": "p.example", "PROXY_SERVER_BACKUP": "bp.example", "NTP_SERVER": "10.0.0.9",
    }),
    (settings(backup_registrar="b.example"), {"PROXY_SERVER_BACKUP": "b.example"}),
    (settings(server_address=""), {"REG_SERVER": "", "PROTO_URL": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("saved", "expected"), ROWS)
def test_server_variables_follow_the_table(saved: ProvisioningSettings, expected: dict[str, str]) -> None:
    values = variables_of(model=FIRMWARE, with_settings=saved).context.values

    assert {name: values[name] for name in expected} == expected


def test_tenant_has_its_own_registrar_and_servers_but_downloads_from_the_system() -> None:
    values = variables_of(phone(tenant=TENANT), with_settings=FULL).context.values

    assert values["REG_SERVER"] == values["SERVER"] == "r.acme:5062"
    assert (values["REG_SERVER_HOST"], values["REG_SERVER_PORT"]) == ("r.acme", "5062")
    assert values["REG_SERVER_BACKUP"] == "b.acme"
    assert (values["PROXY_SERVER"], values["PROXY_SERVER_BACKUP"]) == ("p.acme", "bp.acme")
    assert (values["NTP_SERVER"], values["PROV_SERVER"]) == ("n.acme", "pbx.acme.example")


def test_proxy_falls_back_to_the_tenants_own_registrar() -> None:
    values = variables_of(phone(tenant=replace(ACME, registrar="r.acme", backup_registrar="b.acme"))).context.values

    assert (values["PROXY_SERVER"], values["PROXY_SERVER_BACKUP"]) == ("r.acme", "b.acme")


def test_protocol_of_the_model_counts_in_local_mode_only() -> None:
    model = phone_model(protocol=Protocol.FTP)

    local = variables_of(model=model, with_settings=settings(ftp_enabled=True))
    elsewhere = variables_of(model=model, with_settings=EXTERNAL)

    assert (local.context.values["PROTO"], local.context.warnings) == ("ftp", ())
    assert (elsewhere.context.values["PROTO"], elsewhere.context.warnings) == ("https", ())


def test_protocol_that_is_off_is_a_warning() -> None:
    variables = variables_of(model=phone_model(protocol=Protocol.TFTP))

    assert variables.context.values["PROTO"] == "tftp"
    assert variables.context.warnings == (
        "The Acme T2 downloads by TFTP, which is off: enable TFTP in the Provisioning Settings.",
    )


def test_phone_without_paths_and_credentials_is_a_warning_in_external_mode() -> None:
    variables = variables_of(model=phone_model(external=False), with_settings=EXTERNAL)

    assert variables.context.warnings == ("The Acme T2 can use neither a path nor a sign-in on an external DMS.",)


def test_firmware_url_is_empty_without_firmware() -> None:
    values = variables_of().context.values

    assert (values["FIRMWARE"], values["FIRMWARE_URL"]) == ("", "")


@pytest.mark.parametrize("protocol", ["http", "ftp"])
def test_own_credentials_replace_the_shared_ones(protocol: str) -> None:
    device = phone(prov_user="own", prov_password="own-pw")
    saved = settings(device_credentials=True, default_protocol=Protocol(protocol))

    values = variables_of(device, with_settings=saved).context.values

    for kind in ("PROV", "HTTP", "FTP"):
        assert (values[f"{kind}_USER"], values[f"{kind}_PASSWORD"]) == ("own", "own-pw")
    assert values["PROTO_URL"] == f"{protocol}://own:own-pw@pbx.acme.example/provisioning"


@pytest.mark.parametrize("saved", [settings(), external(device_credentials=True)])
def test_own_credentials_count_only_where_they_are_switched_on_and_checked(saved: ProvisioningSettings) -> None:
    values = variables_of(phone(prov_user="own", prov_password="own-pw"), with_settings=saved).context.values

    assert "own" not in {values["PROV_USER"], values["HTTP_USER"], values["FTP_USER"]}


@pytest.mark.parametrize("protocol", ["http", "https", "ftp", "ftps"])
@pytest.mark.parametrize("secret", ["@:/?#%&\"'<> ", "pässwörd", "a@b:c/d", "%41%", "[::1]"])
def test_credentials_survive_a_url_parser(protocol: str, secret: str) -> None:
    saved = settings(
        default_protocol=Protocol(protocol),
        http_user=secret,
        http_password=secret,
        ftp_user=secret,
        ftp_password=secret,
    )

    url = urlsplit(str(variables_of(with_settings=saved).context.values["PROTO_URL"]))

    assert (unquote(url.username or ""), unquote(url.password or "")) == (secret, secret)
    assert (url.hostname, url.path, url.query, url.fragment) == ("pbx.acme.example", "/provisioning", "", "")


def test_contacts_url_appears_with_the_file() -> None:
    contacts = {"acme": frozenset({"acme.xml"})}

    local = variables_of(contacts=contacts).context.values
    elsewhere = variables_of(with_settings=EXTERNAL, contacts=contacts).context.values
    other = variables_of(contacts={"globex": frozenset({"acme.xml"})}).context.values

    assert local["CONTACTS_URL"] == "http://phones:web-pw@pbx.acme.example/provisioning/CONTACTS/acme/acme.xml"
    assert elsewhere["CONTACTS_URL"] == "https://dms:dms-pw@dms.example/provisioning/CONTACTS/acme/acme.xml"
    assert other["CONTACTS_URL"] == ""


def test_phones_with_files_by_tftp_read_contacts_by_the_default_protocol() -> None:
    model = phone_model(protocol=Protocol.TFTP)

    values = variables_of(model=model, contacts={"acme": frozenset({"acme.xml"})}).context.values

    assert values["PROTO"] == "tftp"
    assert values["CONTACTS_URL"] == "http://phones:web-pw@pbx.acme.example/provisioning/CONTACTS/acme/acme.xml"


def test_shared_files_see_system_and_sets_but_no_tenant_device_or_firmware() -> None:
    rule = SharedRule("acme/common.cfg", "y096.cfg", "_acme", {"COMMON": "096", "SRTP": "optional"})

    local = shared_context(rule, SystemData(LOCAL), phone_model(protocol=Protocol.FTP)).values
    elsewhere = shared_context(rule, SystemData(EXTERNAL), phone_model()).values

    assert (local["COMMON"], local["set_COMMON"], local["SRTP"], local["LLDP"]) == ("096", "096", "optional", "1")
    assert local["PROTO"] == "http"
    assert elsewhere["PROTO_URL"] == "https://dms:dms-pw@dms.example/provisioning/acme-t2"
    assert not {"TENANT", "MAC", "MODEL", "FIRMWARE_URL", "CONTACTS_URL", "USERID", "TZ"} & set(local)
