from dataclasses import replace

from webprov.enums import Protocol, ProvisioningMode
from webprov.phones.phonemodel import PhoneModel
from webprov.pointing import credentials, pointings
from webprov.store.settings import ProvisioningSettings

LOCAL = ProvisioningSettings(server_address="pbx.acme.example", http_user="phones", http_password="canary")
EXTERNAL = replace(
    LOCAL, mode=ProvisioningMode.EXTERNAL, external_server="dms.acme.example", external_password="dms-canary"
)


def model(key, **values):
    return PhoneModel(key, "Testphone", key.title(), **values)


def test_alike_models_share_one_group_and_address():
    groups = pointings(LOCAL, [model("desk"), model("lobby"), model("wall", setup={"dhcp": "Option 160"})])

    assert [[one.key for one in group.models] for group in groups] == [["desk", "lobby"], ["wall"]]
    assert groups[0].addresses == {"http://pbx.acme.example:8081/provisioning": ("Desk", "Lobby")}


def test_the_address_has_the_form_that_the_brand_wants():
    forms = ["{url}/", "{address}", "{host}"]

    groups = pointings(LOCAL, [model(form, setup={"form": form}) for form in forms])

    assert [list(group.addresses) for group in groups] == [
        ["http://pbx.acme.example:8081/provisioning/"],
        ["pbx.acme.example:8081/provisioning"],
        ["pbx.acme.example"],
    ]


def test_a_dms_has_an_address_per_model():
    (group,) = pointings(EXTERNAL, [model("desk"), model("lobby")])

    assert list(group.addresses) == [
        "https://dms.acme.example/provisioning/desk",
        "https://dms.acme.example/provisioning/lobby",
    ]


def test_no_server_no_address():
    (group,) = pointings(ProvisioningSettings(), [model("desk", setup={"form": "{url}/"})])

    assert list(group.addresses) == [""]


def test_what_cannot_work_is_said():
    (off,) = pointings(LOCAL, [model("desk", protocol=Protocol.HTTPS)])
    (not_there,) = pointings(EXTERNAL, [model("desk", external=False)])

    assert "HTTPS, which is off" in off.warning
    assert "external DMS" in not_there.warning


def test_credentials_are_named_once_each():
    found = credentials(LOCAL, [model("a"), model("b"), model("c", protocol=Protocol.FTP)])

    assert [(one.label, one.user) for one in found] == [("HTTP", "phones"), ("FTP", "phones-ftp")]
    assert [one.label for one in credentials(EXTERNAL, [model("a"), model("b")])] == ["DMS"]


def test_addresses_hold_no_password():
    assert "canary" not in str([group.addresses for group in pointings(LOCAL, [model("a")])])
    assert "canary" not in str([group.addresses for group in pointings(EXTERNAL, [model("a")])])
