"""No secret and no encoded form of one reaches what support sees (security SE-03)."""

import base64
import json
from dataclasses import replace
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.webprov.rendering.samples import ACME, external, phone, phone_model, settings
from webprov.rendering.masking import MASK, mask_text, masked, masked_system
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, LineData
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings

CANARY = "c@n<ary&\"'ü:/%1"


def _secret(name: str) -> CustomValue:
    return CustomValue(f"{CANARY}{name}", secret=True)


def _device() -> DeviceData:
    tenant = replace(ACME, overrides={"acme-t2": f"a={CANARY}"}, variables={"TENANT_PIN": _secret("t")})
    line = LineData(1, "101", CANARY, variables={"LINE_PIN": _secret("l"), "VOICEMAIL_NUMBER": _secret("v")})
    return phone(
        tenant=tenant, lines=(line,), admin_password=CANARY, prov_user="own", prov_password=CANARY,
        override=f"x={CANARY}\n\ny={CANARY}", variables={"DEVICE_PIN": _secret("d")},
    )  # fmt: skip


def _everything(device: DeviceData, system: SystemData) -> str:
    model = phone_model(override=f"m={CANARY}", firmware="a.rom")
    variables = device_variables(device, model, replace(system, contacts={"acme": frozenset({"acme.xml"})}))
    context = variables.context
    return repr((context, variables.explain_all(1, 1)))


def _forms(secret: str) -> list[str]:
    plain = secret.encode()
    return [
        secret, quote(secret, safe=""), escape(secret, {'"': "&quot;", "'": "&apos;"}),
        base64.b64encode(plain).decode(), plain.hex(), json.dumps(secret)[1:-1],
    ]  # fmt: skip


def test_no_secret_survives_masking_in_any_encoding() -> None:
    secrets = dict.fromkeys(SECRET_FIELDS, CANARY)
    for saved in (settings(**secrets, device_credentials=True), settings(**secrets), external(**secrets)):
        system = SystemData(saved, {"TOKEN": _secret("g")})
        assert quote(CANARY, safe="") in _everything(_device(), system)

        shown = _everything(*masked(_device(), system))

        assert MASK in shown
        for form in _forms(CANARY):
            assert form not in shown
            assert repr(form)[1:-1] not in shown


def test_masking_keeps_what_is_empty_or_no_secret() -> None:
    device, system = masked(phone(), SystemData(settings(), {"COLOUR": CustomValue("red")}))

    assert (device.admin_password, device.override, system.settings.external_password) == ("", "", "")
    assert system.variables["COLOUR"].value == "red"
    assert device.lines[0].password == system.settings.http_password == MASK


def test_masked_text_keeps_its_number_of_lines() -> None:
    assert mask_text("a=1\n\n  \nb=2\n") == f"{MASK}\n\n\n{MASK}\n"


def test_masking_twice_changes_nothing_more() -> None:
    once = masked(_device(), SystemData(ProvisioningSettings()))

    assert masked(*once) == once
    assert masked_system(once[1]) is once[1]


def test_masked_tenants_are_shared_by_their_devices() -> None:
    system = SystemData(settings())

    first, _ = masked(phone(), system)
    second, _ = masked(phone(mac="001565A1B2C4"), system)

    assert first.tenant is second.tenant
