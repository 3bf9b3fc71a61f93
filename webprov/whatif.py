"""What phones would be told by something that is not saved yet, beside what they are told now (ui guide 7, 8).

Pure calculation. Secrets are replaced in both; one that the draft changes has another placeholder, so that comparing
tells that it changes and never what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.layers import Explained
from webprov.rendering.masking import MASK, masked, masked_system
from webprov.rendering.systemdata import Memo, SystemData
from webprov.rendering.variables import device_variables
from webprov.settingsinput import Draft
from webprov.site import Site
from webprov.store.devicedata import CustomValue, DeviceData
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings

NEW_MASK = MASK + ".new"
"""Stands for a secret that differs from the saved one."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Registration": (
        "REG_SERVER",
        "REG_SERVER_BACKUP",
        "PROXY_SERVER",
        "PROXY_SERVER_BACKUP",
        "NTP_SERVER",
        "TZ",
    ),
    "Provisioning": ("PROTO", "PROV_SERVER", "PROV_PATH", "PROV_USER", "PROV_PASSWORD", "PROTO_URL"),
    "Firmware": ("FIRMWARE_SERVER", "FIRMWARE_URL"),
}
"""What the settings decide about a phone, in the order in which people look for it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One variable under the draft. `value` has MASK for secrets; `was` is the value under the saved settings where it
    differs and is no secret; `source` says in words where the value comes from."""

    name: str
    value: str
    source: str
    changed: bool
    was: str = ""


@dataclass(frozen=True)
class WhatIf:
    """The system as it is saved and as the draft would make it; in both every secret is replaced.

    `after` is the site with the draft's models and templates, where it changes some.
    """

    system: SystemData
    saved: SystemData
    draft: SystemData
    after: Site | None = None

    def told(self, device: DeviceData, model: PhoneModel) -> dict[str, list[Told]]:
        """The variables of GROUPS as `device`, of `model`, would be told them."""
        hidden = self.hide(device)
        before = device_variables(hidden, model, self.saved)
        after = device_variables(hidden, model, self.draft)
        return {
            group: [_told(before.explain(name), after.explain(name)) for name in names]
            for group, names in GROUPS.items()
        }

    def hide(self, device: DeviceData) -> DeviceData:
        """`device` without its secrets, to be used with `saved` and `draft`."""
        return masked(device, self.system)[0]


def what_if(system: SystemData, draft: Draft) -> WhatIf:
    """`system` beside the same with the draft's settings. A secret that must be typed again counts as empty."""
    saved = masked_system(system)
    hidden = replace(draft.settings, **_hidden_secrets(system.settings, draft))
    return WhatIf(system, saved, replace(saved, settings=hidden, memo=Memo()))


def what_if_files(site: Site, after: Site) -> WhatIf:
    """`site` beside `after`, which has other models or templates (`Site.drafted`)."""
    saved = masked_system(site.system)
    return WhatIf(site.system, saved, replace(saved, memo=Memo()), after)


def what_if_variables(system: SystemData, changes: Mapping[str, CustomValue | None]) -> WhatIf:
    """`system` beside the same with other global variables; None = without that one."""
    saved = masked_system(system)
    variables = dict(saved.variables)
    for name, new in changes.items():
        old = system.variables.get(name)
        if new is None:
            variables.pop(name, None)
        elif new.secret:
            same = old is not None and old.value == new.value
            variables[name] = CustomValue((MASK if same else NEW_MASK) if new.value else "", secret=True)
        else:
            variables[name] = new
    return WhatIf(system, saved, replace(saved, variables=variables, memo=Memo()))


def _hidden_secrets(saved: ProvisioningSettings, draft: Draft) -> dict[str, Any]:
    hidden = {}
    for name in SECRET_FIELDS:
        value = "" if name in draft.disagreeing else getattr(draft.settings, name)
        same = value == getattr(saved, name)
        hidden[name] = "" if not value else MASK if same else NEW_MASK
    return hidden


def _told(before: Explained, after: Explained) -> Told:
    changed = before.value != after.value
    secret = after.secret or before.secret
    was = str(before.value) if changed and not secret else ""
    return Told(after.name, str(after.value).replace(NEW_MASK, MASK), _short(after.source), changed, was)


def _short(source: str) -> str:
    """A value made of several others is "composed": their names stand right above it."""
    return "composed" if ", " in source else source
