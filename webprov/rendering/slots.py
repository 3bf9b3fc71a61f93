"""Lines and keys as templates see them: one record per account and key of the model, used or not (spec 3)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.context import Value
from webprov.rendering.layers import Layer, LayerValues, Sourced, first_of
from webprov.rendering.names import KEY_NAMES, LINE_NAMES
from webprov.store.devicedata import DeviceData, KeyData, LineData

_LINE_FIELDS = {
    "USERID": "userid",
    "PASSWORD": "password",
    "DISPLAY_NAME": "display_name",
    "EXTENSION": "extension",
    "FIRST_NAME": "first_name",
    "LAST_NAME": "last_name",
}
_LINE_SECRETS = frozenset({"PASSWORD"})


class Place(NamedTuple):
    """Where a key sits: on the phone (module 0) or an expansion module, counted from 1."""

    module: int
    number: int


def empty_line(number: int) -> dict[str, Value]:
    """The record of an account that the device does not use."""
    return {**dict.fromkeys(LINE_NAMES, ""), "LINE": number, "LINE_ZERO_BASED": number - 1}


def empty_key(place: Place) -> dict[str, Value]:
    """The record of a key that the device does not use."""
    return {**dict.fromkeys(KEY_NAMES, ""), "KEY": place.number, "KEY_MODULE": str(place.module)}


def places(model: PhoneModel, modules: int) -> list[Place]:
    """The keys of the phone, then those of its first `modules` expansion modules."""
    on_phone = [Place(0, number) for number in range(1, model.keys + 1)]
    return on_phone + [Place(m, n) for m in range(1, modules + 1) for n in range(1, model.modules[1] + 1)]


def may_be_line_key(model: PhoneModel, place: Place) -> bool:
    """Whether a key there can stand for a line."""
    return model.line_keys is None or (not place.module and place.number <= model.line_keys)


def line_layer(line: LineData, voicemail: str) -> LayerValues:
    """One account. Without a label the display shows the extension, else the name, else the SIP user; `voicemail`
    is the number where the line names none."""
    label = first_of(
        Sourced(line.label, f"label of line {line.number}"),
        Sourced(line.extension, "= EXTENSION"),
        Sourced(line.display_name, "= DISPLAY_NAME"),
        Sourced(line.userid, "= USERID"),
    )
    values: dict[str, Value] = {name: getattr(line, field) for name, field in _LINE_FIELDS.items()}
    values |= {
        "LINE": line.number,
        "LINE_ZERO_BASED": line.number - 1,
        "AUTH_ID": line.auth_id or line.userid,
        "LABEL": label.value,
        "LINE_LABEL": label.value,
        "VOICEMAIL": line.voicemail or voicemail,
    }
    sources = {"LABEL": label.source, "LINE_LABEL": label.source}
    if not line.auth_id:
        sources["AUTH_ID"] = "= USERID"
    if not line.voicemail:
        sources["VOICEMAIL"] = "= VOICEMAIL_NUMBER"
    return LayerValues(Layer.LINE, values, f"line {line.number}", sources, _LINE_SECRETS)


def key_layer(key: KeyData, model: PhoneModel) -> LayerValues:
    """One key; KEY_CODE is its type in the brand's words, empty where the brand has no map of key types."""
    known = model.translation.keys
    entry = known.get(key.type) or known.get("*")
    values: dict[str, Value] = {
        "KEY": key.number,
        "KEY_MODULE": str(key.module),
        "KEY_TYPE": key.type,
        "KEY_CODE": entry.value if entry else "",
        "KEY_VALUE": key.value,
        "KEY_LABEL": key.label,
        "KEY_LINE": str(key.line if key.line <= model.lines else 1),
    }
    return LayerValues(Layer.KEY, values, _key_name(key), {"KEY_CODE": f"KEY_TYPE by the map {model.translation.name}"})


def used_lines(device: DeviceData, model: PhoneModel) -> dict[int, LineData]:
    """The lines that the model can take and that have a SIP user, by position from 0."""
    return {line.number - 1: line for line in device.lines if line.number <= model.lines and line.userid}


def used_keys(device: DeviceData, model: PhoneModel) -> dict[Place, KeyData]:
    """The keys that the model has and whose type its brand knows."""
    return {Place(key.module, key.number): key for key in device.keys if not _obstacle(key, model)}


def slot_warnings(device: DeviceData, model: PhoneModel, written: Mapping[Place, KeyData]) -> list[str]:
    """What is kept but not written, because this model has no place for it (spec 9); `written` are the used keys."""
    astray = [key for key in written.values() if key.line > model.lines]
    return [
        *_line_warnings(device, model),
        *(_key_warnings(device, model) if len(written) < len(device.keys) else ()),
        *(f"{_key_name(key).capitalize()} uses line 1: there is no line {key.line}." for key in astray),
    ]


def _line_warnings(device: DeviceData, model: PhoneModel) -> list[str]:
    surplus = [line.number for line in device.lines if line.number > model.lines]
    nameless = [line.number for line in device.lines if line.number <= model.lines and not line.userid]
    warnings = []
    if surplus:
        warnings.append(f"{_listed('Line', surplus)} not written: {_a(model)} has {_count(model.lines, 'line')}.")
    if nameless:
        warnings.append(f"{_listed('Line', nameless)} not written: enter a SIP user.")
    return warnings


def _key_warnings(device: DeviceData, model: PhoneModel) -> list[str]:
    by_reason: dict[str, list[KeyData]] = {}
    for key in device.keys:
        if reason := _obstacle(key, model):
            by_reason.setdefault(reason, []).append(key)
    return [_not_written(keys, reason) for reason, keys in by_reason.items()]


def _obstacle(key: KeyData, model: PhoneModel) -> str:
    """Why this key cannot be written, or nothing."""
    modules, each = model.modules
    if not key.module and key.number > model.keys:
        return f"{_a(model)} has {_count(model.keys, 'key')}."
    if key.module > modules:
        return f"{_a(model)} takes {_count(modules, 'expansion module')}."
    if key.module and key.number > each:
        return f"a module of {_a(model)} has {_count(each, 'key')}."
    known = model.translation.keys
    if known and key.type != "none" and key.type not in known and "*" not in known:
        return f"{_a(model)} knows no {key.type} keys."
    if key.type == "line" and not may_be_line_key(model, Place(key.module, key.number)):
        first = {0: "no key", 1: "only key 1"}.get(model.line_keys or 0, f"only keys 1 to {model.line_keys}")
        return f"{first} of {_a(model)} can stand for a line."
    return ""


def _not_written(keys: Iterable[KeyData], reason: str) -> str:
    by_module: dict[int, list[int]] = {}
    for key in keys:
        by_module.setdefault(key.module, []).append(key.number)
    parts = [_listed("Key", numbers, f" of module {module}" if module else "") for module, numbers in by_module.items()]
    return " ".join(f"{part} not written: {reason}" for part in parts)


def _listed(word: str, numbers: list[int], where: str = "") -> str:
    """`Line 5 is`, `Keys 3, 4 and 9 of module 2 are`."""
    if len(numbers) < 2:
        return f"{word} {''.join(map(str, numbers))}{where} is"
    return f"{word}s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}{where} are"


def _key_name(key: KeyData) -> str:
    return f"key {key.number}" + (f" of module {key.module}" if key.module else "")


def _a(model: PhoneModel) -> str:
    return f"{'an' if model.label[:1] in 'AEIOUaeiou' else 'a'} {model.label}"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
