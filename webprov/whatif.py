"""What phones would be told by something that is not saved yet, beside what they are told now (ui guide 7, 8).

Pure calculation. Secrets are replaced in both; one that the draft changes has another placeholder, so that comparing
tells that it changes and never what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.layers import Explained
from webprov.rendering.masking import MASK, masked, masked_system
from webprov.rendering.systemdata import Memo, SystemData
from webprov.rendering.variables import device_variables
from webprov.settingsinput import Draft
from webprov.site import Site
from webprov.store.devicedata import CustomValue, CustomValues, DeviceData
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
    """The system as it is saved and as the draft would make it, both with real secrets (`system`, `real`) and with
    every secret replaced (`saved`, `draft`).

    `after` is the site with the draft's models and templates, where it changes some. With a `tenant_id` or `device_id`
    it is the variables of that tenant or device that change: `own` has their new values (None = without that one).
    """

    system: SystemData = field(repr=False)
    saved: SystemData
    draft: SystemData
    real: SystemData = field(repr=False)
    after: Site | None = None
    tenant_id: int | None = None
    device_id: int | None = None
    own: Mapping[str, CustomValue | None] = field(default_factory=dict, repr=False)

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
        """`device` without its secrets, to be used with `saved`."""
        return masked(device, self.system)[0]

    def change(self, device: DeviceData) -> DeviceData:
        """`device` with the draft's own variables, to be used with `real`."""
        return self._changed(device, self.own)

    def hide_changed(self, device: DeviceData) -> DeviceData:
        """The same without secrets, to be used with `draft`."""
        saved = device.variables if self.device_id else device.tenant.variables
        return self._changed(self.hide(device), {name: _hidden(saved.get(name), new) for name, new in self.own.items()})

    def _changed(self, device: DeviceData, own: Mapping[str, CustomValue | None]) -> DeviceData:
        if not own:
            return device
        if self.device_id:
            return replace(device, variables=_with(device.variables, own))
        tenant = device.tenant
        changed = self.draft.memo.get(
            (tenant,), ("changed",), lambda: replace(tenant, variables=_with(tenant.variables, own))
        )
        return replace(device, tenant=changed)


def what_if(system: SystemData, draft: Draft) -> WhatIf:
    """`system` beside the same with the draft's settings. A secret that must be typed again counts as empty."""
    saved = masked_system(system)
    hidden = replace(draft.settings, **_hidden_secrets(system.settings, draft))
    lost: dict[str, Any] = {name: "" for name in SECRET_FIELDS if name in draft.disagreeing}
    real = replace(system, settings=replace(draft.settings, **lost), memo=Memo())
    return WhatIf(system, saved, replace(saved, settings=hidden, memo=Memo()), real)


def what_if_files(site: Site, after: Site) -> WhatIf:
    """`site` beside `after`, which has other models or templates (`Site.drafted`)."""
    saved = masked_system(site.system)
    return WhatIf(site.system, saved, replace(saved, memo=Memo()), site.system, after)


def what_if_variables(
    system: SystemData,
    changes: Mapping[str, CustomValue | None],
    *,
    tenant_id: int | None = None,
    device_id: int | None = None,
) -> WhatIf:
    """`system` beside the same with other variables, global ones or those of a tenant or device; None = without it."""
    saved = masked_system(system)
    if tenant_id or device_id:
        draft = replace(saved, memo=Memo())
        return WhatIf(system, saved, draft, system, tenant_id=tenant_id, device_id=device_id, own=changes)
    hidden = {name: _hidden(system.variables.get(name), new) for name, new in changes.items()}
    draft = replace(saved, variables=_with(saved.variables, hidden), memo=Memo())
    return WhatIf(system, saved, draft, replace(system, variables=_with(system.variables, changes), memo=Memo()))


def _with(variables: CustomValues, changes: Mapping[str, CustomValue | None]) -> dict[str, CustomValue]:
    """`variables` as they are after the changes."""
    after = {**variables, **changes}
    return {name: value for name, value in after.items() if value is not None}


def _hidden(old: CustomValue | None, new: CustomValue | None) -> CustomValue | None:
    """`new`, or what stands for it where it is a secret: another placeholder where it differs from `old`."""
    if new is None or not new.secret:
        return new
    same = old is not None and old.value == new.value
    return CustomValue((MASK if same else NEW_MASK) if new.value else "", secret=True)


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
