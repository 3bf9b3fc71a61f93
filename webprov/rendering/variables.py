"""All template variables of a device, each with where it came from (spec 3).

The first table of spec 3 is `servers`; lines and keys are `slots`; zone and language `locales`; `defaults` holds the
`set_` vocabulary. Here they are put in order. Everything is a pure function of device, model and system.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from webprov.errors import NotFound
from webprov.phones.phonemodel import PhoneModel, SharedRule
from webprov.rendering.context import TemplateContext, Value
from webprov.rendering.defaults import SET_DEFAULTS
from webprov.rendering.layers import (
    Explained,
    Layer,
    LayerValues,
    explain,
    merge,
)
from webprov.rendering.locales import language_layer, language_of, zone_layer, zone_of
from webprov.rendering.masking import mask_text
from webprov.rendering.names import SET_PREFIX
from webprov.rendering.servers import directory_server_layer, protocol_warning, server_layer, shared_server_layer
from webprov.rendering.slots import (
    Place,
    empty_key,
    empty_line,
    key_layer,
    line_layer,
    places,
    slot_warnings,
    used_keys,
    used_lines,
)
from webprov.rendering.systemdata import SystemData
from webprov.store.devicedata import CustomValues, DeviceData, KeyData, LineData, TenantData

Numbered = TypeVar("Numbered", LayerValues, "Slot")

_DEFAULTS = LayerValues(Layer.DEFAULT, {**SET_DEFAULTS}, "default")
_DEVICE_SECRETS = frozenset({"ADMIN_PASSWORD", "OVERRIDE"})
_DEVICE_SOURCES = {
    "MODEL": "model of the device",
    "MODEL_LABEL": "label of the model",
    "LABEL": "label of the device",
    "DEVICE_LABEL": "label of the device",
    "ADMIN_PASSWORD": "admin password of the device",
    "LINE_COUNT": "lines of the device",
    "OVERRIDE": "override of model, tenant and device",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One line: its layer, and below all built-ins that of its custom variables."""

    layer: LayerValues
    custom: LayerValues


@dataclass(frozen=True)
class DeviceVariables:
    """The layers of one device and what templates see of them. `built_in` and `custom` come highest first."""

    context: TemplateContext
    built_in: tuple[LayerValues, ...]
    custom: tuple[LayerValues, ...]
    lines: tuple[Slot, ...]
    keys: tuple[LayerValues, ...]

    def explain(self, name: str, line: int | None = None, key: int | None = None) -> Explained:
        """Value and origin of one variable as a template sees it, a line's (from 1) or a key's (place in KEY_SLOTS,
        from 1). Raises NotFound where nothing defines the name, or there is no such line or key."""
        found = explain(name, self._stack(line, key))
        if found is None:
            raise NotFound(f"No variable is named {name}. Check the spelling, or define it as a custom variable.")
        return found

    def explain_all(self, line: int | None = None, key: int | None = None) -> list[Explained]:
        """Every variable by name, as `explain` gives it."""
        stack = self._stack(line, key)
        names = sorted({name for layer in stack for name in layer.values})
        return [found for name in names if (found := explain(name, stack))]

    def _stack(self, line: int | None, key: int | None) -> tuple[LayerValues, ...]:
        top: tuple[LayerValues, ...] = ()
        if key is not None:
            top = (_numbered(self.keys, key, "key"),)
            of_key = str(top[0].values["KEY_LINE"])
            line = line or (int(of_key) if of_key else None)
        if line is None:
            return (*top, *self.built_in, *self.custom)
        slot = _numbered(self.lines, line, "line")
        return (*top, slot.layer, *self.built_in, slot.custom, *self.custom)


def device_variables(device: DeviceData, model: PhoneModel, system: SystemData) -> DeviceVariables:
    """What the templates of `device` see and why. `model` is the device's; raises InvalidValue for a zone or server
    that does not exist (both are checked when they are saved)."""
    zone, zone_warnings = _zone(device, model, system)
    built_in = (
        _device_layer(device, model, system),
        zone,
        _language(device, model, system),
        _tenant_layer(device.tenant, system),
        _server_layer(device, model, system),
    )
    custom = _custom_layers(device, model, system)
    values = merge((*built_in, *custom))
    lines = _line_slots(device, model, system, values)
    found = used_keys(device, model)
    keys, used = _key_slots(found, model, system)
    warnings = (*filter(None, [protocol_warning(system.settings, model)]), *slot_warnings(device, model, found))
    context = TemplateContext(
        values=values,
        lines=tuple(_line_record(slot, built_in) for slot in lines),
        keys=tuple(layer.values for layer in keys),
        used_lines=tuple(sorted(used_lines(device, model))),
        used_keys=used,
        warnings=(*warnings, *zone_warnings),
    )
    return DeviceVariables(context, built_in, custom, lines, keys)


def shared_context(rule: SharedRule, system: SystemData, model: PhoneModel) -> TemplateContext:
    """What the template of a shared file sees: the servers of the system, global variables, the rule's `set_` values.

    The same for every model that inherits the rule, but for the segment in External mode (spec 4).
    """
    layers = (
        shared_server_layer(system.settings, model),
        _variables_layer(Layer.GLOBAL_CUSTOM, system.variables, "global variable"),
        _sets_layer(rule.sets, rule.owner),
        _DEFAULTS,
    )
    return TemplateContext(merge(layers))


def directory_values(tenant: TenantData, model: PhoneModel, system: SystemData) -> dict[str, Value]:
    """What the template of a contact directory sees beside the contacts: nothing of a device, nor of the model but
    its `set_` values, so that models of one brand come to the same file."""
    layers = (_tenant_layer(tenant, system), directory_server_layer(system.settings, tenant))
    return merge((*layers, *_shared_custom_layers(tenant, model, system)))


def _device_layer(device: DeviceData, model: PhoneModel, system: SystemData) -> LayerValues:
    values: dict[str, Value] = {
        "MAC": device.mac,
        "mac": device.mac.lower(),
        "MODEL": model.key,
        "MODEL_LABEL": model.label,
        "LABEL": device.label,
        "DEVICE_LABEL": device.label,
        "ADMIN_PASSWORD": device.admin_password,
        "LINE_COUNT": len(used_lines(device, model)),
        "OVERRIDE": _override(device, model, system),
    }
    return LayerValues(Layer.DEVICE, values, "MAC of the device", _DEVICE_SOURCES, _DEVICE_SECRETS)


def _override(device: DeviceData, model: PhoneModel, system: SystemData) -> str:
    of_model = mask_text(model.override) if system.masked else model.override
    texts = (of_model, device.tenant.overrides.get(model.key, ""), device.override)
    return "".join(text if text.endswith("\n") else text + "\n" for text in texts if text)


def _tenant_layer(tenant: TenantData, system: SystemData) -> LayerValues:
    values: dict[str, Value] = {"TENANT": tenant.name, "TENANT_ID": str(tenant.id), "DEFAULT_PARKEXT": tenant.parkext}
    return system.memo.get((tenant,), ("tenant",), lambda: LayerValues(Layer.TENANT, values, f"tenant {tenant.name}"))


def _zone(device: DeviceData, model: PhoneModel, system: SystemData) -> tuple[LayerValues, tuple[str, ...]]:
    zone = zone_of(device, system.settings.timezone)
    return system.memo.get((model,), ("zone", zone.value, zone.layer), lambda: zone_layer(zone, model))


def _language(device: DeviceData, model: PhoneModel, system: SystemData) -> LayerValues:
    language = language_of(device)
    key = ("language", language.value, language.layer)
    return system.memo.get((model,), key, lambda: language_layer(language, model))


def _server_layer(device: DeviceData, model: PhoneModel, system: SystemData) -> LayerValues:
    own = (device.prov_user, device.prov_password) if system.settings.device_credentials else ("", "")
    tenant, contacts = device.tenant, system.contacts.get(device.tenant.name, frozenset())
    if all(own):
        return server_layer(system.settings, tenant, model, own, contacts)
    return system.memo.get(
        (tenant, model), ("server",), lambda: server_layer(system.settings, tenant, model, ("", ""), contacts)
    )


def _custom_layers(device: DeviceData, model: PhoneModel, system: SystemData) -> tuple[LayerValues, ...]:
    own = _variables_layer(Layer.DEVICE_CUSTOM, device.variables, "variable of the device")
    return (own, *_shared_custom_layers(device.tenant, model, system))


def _shared_custom_layers(tenant: TenantData, model: PhoneModel, system: SystemData) -> tuple[LayerValues, ...]:
    """What devices of one tenant and model have in common."""

    def make() -> tuple[LayerValues, ...]:
        return (
            _variables_layer(Layer.TENANT_CUSTOM, tenant.variables, f"variable of tenant {tenant.name}"),
            _variables_layer(Layer.GLOBAL_CUSTOM, system.variables, "global variable"),
            _sets_layer(model.sets, model.label),
            _DEFAULTS,
        )

    return system.memo.get((tenant, model), ("custom",), make)


def _variables_layer(layer: Layer, variables: CustomValues, source: str) -> LayerValues:
    return LayerValues(
        layer,
        {name: found.value for name, found in variables.items()},
        source,
        secrets=frozenset(name for name, found in variables.items() if found.secret),
    )


def _sets_layer(sets: Mapping[str, str], owner: str) -> LayerValues:
    """The model's `set_NAME` as NAME, which custom variables override, and as `set_NAME`, which nothing does."""
    values: dict[str, Value] = {**sets, **{SET_PREFIX + name: value for name, value in sets.items()}}
    return LayerValues(Layer.MODEL, values, f"set_ value of {owner}")


def _line_slots(
    device: DeviceData, model: PhoneModel, system: SystemData, values: Mapping[str, Value]
) -> tuple[Slot, ...]:
    slots = list(system.memo.get((model,), ("empty lines",), lambda: _empty_lines(model)))
    for position, line in used_lines(device, model).items():
        slots[position] = _line_slot(line, values)
    return tuple(slots)


def _line_slot(line: LineData, values: Mapping[str, Value]) -> Slot:
    custom = _variables_layer(Layer.LINE_CUSTOM, line.variables, f"variable of line {line.number}")
    voicemail = custom.values.get("VOICEMAIL_NUMBER", values["VOICEMAIL_NUMBER"])
    return Slot(line_layer(line, str(voicemail)), custom)


def _empty_lines(model: PhoneModel) -> tuple[Slot, ...]:
    none = LayerValues(Layer.LINE_CUSTOM, {})
    return tuple(
        Slot(LayerValues(Layer.LINE, empty_line(number), f"line {number} is not used"), none)
        for number in range(1, model.lines + 1)
    )


def _line_record(slot: Slot, built_in: Sequence[LayerValues]) -> dict[str, Value]:
    """What a line adds to the device's values: its built-ins, and custom variables that no built-in shadows."""
    if not slot.custom.values:
        return slot.layer.values
    record = {
        name: value for name, value in slot.custom.values.items() if not any(name in layer.values for layer in built_in)
    }
    return {**record, **slot.layer.values}


def _key_slots(
    found: Mapping[Place, KeyData], model: PhoneModel, system: SystemData
) -> tuple[tuple[LayerValues, ...], tuple[int, ...]]:
    modules = max((place.module for place in found), default=0)
    positions, empty = system.memo.get((model,), ("keys", str(modules)), lambda: _empty_keys(model, modules))
    slots = list(empty)
    used = {positions[place]: key for place, key in found.items()}
    for position, key in used.items():
        slots[position] = key_layer(key, model)
    return tuple(slots), tuple(sorted(used))


def _empty_keys(model: PhoneModel, modules: int) -> tuple[dict[Place, int], tuple[LayerValues, ...]]:
    all_places = places(model, modules)
    layers = (LayerValues(Layer.KEY, empty_key(place), "key is not used") for place in all_places)
    return {place: position for position, place in enumerate(all_places)}, tuple(layers)


def _numbered(slots: Sequence[Numbered], number: int, word: str) -> Numbered:
    if not 1 <= number <= len(slots):
        raise NotFound(f"There is no {word} {number}: this model has {len(slots)}.")
    return slots[number - 1]
