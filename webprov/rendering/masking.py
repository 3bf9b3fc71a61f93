"""What people see who may not see secrets: the same files, rendered from placeholders (security SE-03).

Secrets are replaced before any variable is computed, so no part or encoded form of one can reach a masked file.
"""

from dataclasses import replace

from webprov.rendering.context import TemplateContext, Value
from webprov.rendering.systemdata import SystemData
from webprov.rendering.veiling import Unpaired, Veiled
from webprov.store.devicedata import CustomValue, CustomValues, DeviceData, LineData, TenantData
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings

MASK = "__masked__"
"""Stands for every secret; needs no escaping in any format. Its length says nothing about what it hides."""


def masked(device: DeviceData, system: SystemData) -> tuple[DeviceData, SystemData]:
    """Both with every secret replaced by MASK; what is empty stays empty, so templates branch alike.

    Override texts may hold anything, so all their lines are replaced, the model's too (by `SystemData.masked`).
    """
    if system.masked:
        return device, system
    tenant = system.memo.get((device.tenant,), ("masked",), lambda: _tenant(device.tenant))
    hidden = replace(
        device,
        tenant=tenant,
        override=mask_text(device.override),
        admin_password=_mask(device.admin_password),
        prov_password=_mask(device.prov_password),
        lines=tuple(_line(line) for line in device.lines),
        variables=_variables(device.variables),
    )
    return hidden, masked_system(system)


def veil(context: TemplateContext, hidden: TemplateContext) -> TemplateContext:
    """`context` with every value that is another one in `hidden`, the same device masked, as Veiled: rendering it gives
    both versions of a file. As it is where the two do not go together so."""
    names: set[str] = set()
    try:
        values = _veiled(context.values, hidden.values, names)
        lines = _all_veiled(context.lines, hidden.lines, names)
        keys = _all_veiled(context.keys, hidden.keys, names)
    except Unpaired:
        return context
    return replace(context, values=values, lines=lines, keys=keys, veiled=frozenset(names))


def masked_system(system: SystemData) -> SystemData:
    """Settings and global variables with every secret replaced: enough for shared files."""
    if system.masked:
        return system
    return system.memo.get((), ("masked system",), lambda: _system(system))


def mask_text(text: str) -> str:
    """MASK for each line that is not blank, so that the number of lines stays."""
    return "\n".join(MASK if line.strip() else "" for line in text.split("\n"))


_Slots = tuple[dict[str, Value], ...]


def _all_veiled(ours: _Slots, others: _Slots, names: set[str]) -> _Slots:
    if ours == others:
        return ours
    if len(ours) != len(others):
        raise Unpaired
    return tuple(_veiled(*pair, names) for pair in zip(ours, others, strict=True))


def _veiled(ours: dict[str, Value], others: dict[str, Value], names: set[str]) -> dict[str, Value]:
    """`ours`, with Veiled where `others` has another text; those names join `names`."""
    if ours == others:
        return ours
    if ours.keys() != others.keys():
        raise Unpaired
    made = ours.copy()
    for name, value in ours.items():
        other = others[name]
        if value != other:
            if not (value and other and isinstance(value, str) and isinstance(other, str)):
                raise Unpaired
            made[name] = Veiled(value, other)
            names.add(name)
    return made


def _mask(secret: str) -> str:
    return MASK if secret else ""


def _system(system: SystemData) -> SystemData:
    return SystemData(_settings(system.settings), _variables(system.variables), system.contacts, masked=True)


def _settings(settings: ProvisioningSettings) -> ProvisioningSettings:
    hidden = {name: _mask(getattr(settings, name)) for name in SECRET_FIELDS}
    return replace(settings, **hidden)  # type: ignore[arg-type]  # all of SECRET_FIELDS are text


def _tenant(tenant: TenantData) -> TenantData:
    overrides = {model: mask_text(text) for model, text in tenant.overrides.items()}
    return replace(tenant, overrides=overrides, variables=_variables(tenant.variables))


def _line(line: LineData) -> LineData:
    return replace(line, password=_mask(line.password), variables=_variables(line.variables))


def _variables(variables: CustomValues) -> CustomValues:
    return {
        name: CustomValue(_mask(found.value), secret=True) if found.secret else found
        for name, found in variables.items()
    }
