"""A phone model, a device and a system to compute variables from; every field can be given."""

from dataclasses import replace
from typing import Any

from webprov.phones.phonemodel import FileRule, MapEntry, PhoneModel, TranslationMap
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, CustomValues, DeviceData, KeyData, LineData, TenantData
from webprov.store.settings import ProvisioningSettings

MAP = TranslationMap(
    "acme",
    timezones={"Europe/Berlin": MapEntry("+1", "Germany (Berlin)"), "*": MapEntry("0", "London")},
    languages={"de": MapEntry("German"), "pt-BR": MapEntry("Portuguese_BR"), "*": MapEntry("English")},
    keys={"line": MapEntry("15"), "blf": MapEntry("16"), "none": MapEntry("0")},
)
ACME = TenantData(7, "acme", timezone="Europe/Berlin", language="de", parkext="700")


def settings(**fields: Any) -> ProvisioningSettings:
    standard: dict[str, Any] = {
        "server_address": "pbx.acme.example",
        "http_port": 80,
        "http_password": "web-pw",
        "ftp_port": 21,
        "ftp_password": "ftp-pw",
    }
    return ProvisioningSettings(**{**standard, **fields})


def external(**fields: Any) -> ProvisioningSettings:
    standard: dict[str, Any] = {
        "mode": "external",
        "external_server": "dms.example",
        "external_user": "dms",
        "external_password": "dms-pw",
    }
    return settings(**{**standard, **fields, "mode": ProvisioningSettings().mode.EXTERNAL})


def phone_model(**fields: Any) -> PhoneModel:
    standard = PhoneModel(
        key="acme-t2",
        brand="Acme",
        label="Acme T2",
        lines=2,
        keys=4,
        modules=(1, 2),
        translation=MAP,
        firmware_dir="FIRMWARE-acme-t2",
        directories=(FileRule("acme/directory.xml", "acme.xml"),),
    )
    return replace(standard, **fields)


def phone(**fields: Any) -> DeviceData:
    standard = DeviceData(
        1,
        "001565A1B2C3",
        ACME,
        "acme-t2",
        label="Reception",
        lines=(LineData(1, userid="101", password="line-pw", extension="101"),),
        keys=(KeyData(2, "blf", value="102"),),
    )
    return replace(standard, **fields)


def variables_of(
    device: DeviceData | None = None,
    model: PhoneModel | None = None,
    with_settings: ProvisioningSettings | None = None,
    **system: Any,
) -> Any:
    """`device_variables` of the samples, or of what is given instead."""
    return device_variables(
        device or phone(), model or phone_model(), SystemData(with_settings or settings(), **system)
    )


def custom(**values: str) -> CustomValues:
    return {name: CustomValue(value) for name, value in values.items()}
