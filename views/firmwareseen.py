"""What phones say of themselves, as the pages show it: firmware, and whether it fits the device."""

import re
from dataclasses import dataclass

from views.site import current_site
from webprov.enums import UserAgentCheck
from webprov.phones.discovery import Discovery, contradiction
from webprov.phones.phonemodel import PhoneModel
from webprov.phones.useragents import read_user_agent
from webprov.store.models import Device


@dataclass(frozen=True, slots=True)
class PhoneSeen:
    """What a device's phone said when it last fetched. `wanted` is the firmware file of its model where that is of
    another version; `other_mac` and `other_model` are what it says against its entry (security PH-13)."""

    firmware: str = ""
    wanted: str = ""
    other_mac: str = ""
    other_model: str = ""


def firmware_of(user_agent: str, model_key: str, tenant: str = "") -> str:
    """The firmware that a user agent names, by the pattern of the model; "" where it names none."""
    model = current_site().catalog.model(model_key, tenant)
    said = read_user_agent(model.user_agent, user_agent) if model else None
    return said.firmware if said else ""


def phone_seen(device: Device, model: PhoneModel | None) -> PhoneSeen:
    """What the phone of this device said, compared with what is entered."""
    if not device.user_agent:
        return PhoneSeen()
    models = current_site().catalog.models(device.tenant.name)
    guess = Discovery(models).guess(device.mac, device.user_agent)
    is_watched = current_site().settings.user_agent_check is not UserAgentCheck.OFF
    odd = contradiction(guess, device.mac, device.model) if is_watched else ""
    firmware = guess.said.firmware
    return PhoneSeen(
        firmware=firmware,
        wanted=model.firmware if model and is_another_version(firmware, model.firmware) else "",
        other_mac=guess.said.mac if odd == "mac" else "",
        other_model=next((one.label for one in models if odd == "model" and one.key == guess.model), ""),
    )


def is_another_version(firmware: str, file: str) -> bool:
    """Whether a firmware file is of another version than `firmware`, as far as its name has a version in it."""
    return bool(firmware and re.search(r"\d+\.\d+", file, re.ASCII) and firmware not in file)
