"""What of an input is not stored already: the question before a change, asked of plain values and many at once."""

from collections.abc import Mapping
from dataclasses import replace

from webprov.deviceinput import SECRET_DEVICE_FIELDS, DeviceInput, LineInput
from webprov.store.devicedata import CustomValues, DeviceData, KeyData, LineData


def differing(given: DeviceInput, stored: DeviceData) -> DeviceInput | None:
    """The parts of `given`, which is not `complete`, that `apply_input` would change in `stored`; None for none."""
    lines = {line.number: line for line in stored.lines}
    keys = {(key.module, key.number): key for key in stored.keys}
    left = replace(
        given,
        values={name: value for name, value in given.values.items() if _value_differs(name, value, stored)},
        lines={number: typed for number, typed in given.lines.items() if _line_differs(typed, lines.get(number))},
        keys={place: typed for place, typed in given.keys.items() if _key_differs(typed, keys.get(place))},
        variables=_differing_variables(given.variables, stored.variables),
    )
    return left if left.values or left.lines or left.keys or left.variables else None


def _value_differs(name: str, value: str | bool, stored: DeviceData) -> bool:
    if name == "tenant":
        return bool(value) and value != stored.tenant.name
    if name in SECRET_DEVICE_FIELDS and not value:
        return False
    return bool(value != getattr(stored, name))


def _line_differs(typed: LineInput, stored: LineData | None) -> bool:
    if stored is None:
        return not typed.is_empty
    if typed.removes_line or _differing_variables(typed.variables, stored.variables):
        return True
    fields = typed.fields.items()
    return any(value != getattr(stored, name) for name, value in fields if value or name != "password")


def _key_differs(typed: Mapping[str, str | int], stored: KeyData | None) -> bool:
    if stored is None:
        return bool(typed.get("type"))
    return any(value != getattr(stored, name) for name, value in typed.items())


def _differing_variables(typed: Mapping[str, str], stored: CustomValues) -> dict[str, str]:
    found = {}
    for name, value in typed.items():
        present = stored.get(name)
        if value != present.value if present and (value or not present.secret) else value:
            found[name] = value
    return found
