"""A device as people type it: flat names of the contract ("CSV") in, checked values out.

A form post, a CSV row and the command line all come here, so that they have the same checks and the same sentences.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from webprov.checks import (
    check_choice,
    check_on_off,
    check_override,
    check_phone_password,
    check_text,
    check_variable_name,
)
from webprov.enums import KeyType, ProvisioningWindow
from webprov.errors import InvalidInput, InvalidValue
from webprov.mac import parse_mac
from webprov.phones.timezones import check_language, check_timezone

LINE_FIELDS = ("userid", "password", "auth_id", "display_name", "extension", "first_name", "last_name", "label",
               "voicemail")  # fmt: skip
KEY_FIELDS = ("type", "value", "label", "line")
SECRET_DEVICE_FIELDS = ("admin_password", "prov_password")
_KEY_TYPES = frozenset(kind.value for kind in KeyType)
MAX_LINES = 250
MAX_KEYS = 400
MAX_MODULES = 9

_LINE = re.compile(rf"line([1-9]\d{{0,2}})_(?:({'|'.join(LINE_FIELDS)}|was)|var_(.+))", re.ASCII)
_KEY = re.compile(rf"(?:m([1-9]))?key([1-9]\d{{0,2}})_({'|'.join(KEY_FIELDS)})", re.ASCII)


@dataclass(frozen=True)
class LineInput:
    """What was typed for one line: fields by name, absent ones stay as they are. `was` is the number it had before."""

    fields: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    was: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed in any field that was there to type in."""
        return not any(self.fields.values()) and not any(self.variables.values())

    @property
    def removes_line(self) -> bool:
        """All fields of the line empty: it is to go. One column alone, left empty, only clears that field."""
        return self.is_empty and "userid" in self.fields


@dataclass(frozen=True)
class DeviceInput:
    """What was typed for one device. Absent names stay as they are; empty text clears, except secrets (kept).

    `keys` by (module, number); `complete` says that lines and keys not named here are to go (a form shows them all).
    """

    mac: str
    values: Mapping[str, str | bool] = field(default_factory=dict)
    lines: Mapping[int, LineInput] = field(default_factory=dict)
    keys: Mapping[tuple[int, int], Mapping[str, str | int]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False


_CHECKS: dict[str, Callable[[str], str | bool]] = {
    "tenant": check_text,
    "model": check_text,
    "label": check_text,
    "timezone": lambda text: check_timezone(text) if text.strip() else "",
    "language": lambda text: check_language(text) if text.strip() else "",
    "override": check_override,
    "enabled": check_on_off,
    "admin_password": check_text,
    "prov_user": check_text,
    "prov_password": check_phone_password,
}
_NO_COLUMNS: dict[str, Callable[[str], str | bool]] = {
    "provisioning_window": lambda text: check_choice(text, ProvisioningWindow) if text.strip() else ""
}
"""What forms have, and the device CSV has not."""


@lru_cache(maxsize=20_000)  # a CSV asks for the same names in every row
def _line_column(name: str) -> re.Match[str] | None:
    return _LINE.fullmatch(name)


@lru_cache(maxsize=20_000)
def _key_column(name: str) -> re.Match[str] | None:
    return _KEY.fullmatch(name)


@lru_cache(maxsize=20_000)
def _variable_name(name: str) -> str:
    return check_variable_name(name)


def known_column(name: str) -> bool:
    """Whether `name` is a column of the device CSV (contract)."""
    return name in ("mac", *_CHECKS) or name.startswith("var_") or bool(_line_column(name) or _key_column(name))


def parse_device(flat: Mapping[str, str], *, complete: bool = False) -> DeviceInput:
    """Check every value of `flat`; raises InvalidInput with a sentence per name."""
    reader = _Reader(flat)
    checks = (_CHECKS | _NO_COLUMNS).items()
    values = {name: reader.checked(name, check) for name, check in checks if name in flat}
    given = DeviceInput(
        mac=str(reader.checked("mac", parse_mac)),
        values=values,
        lines=reader.lines(),
        keys=reader.keys(),
        variables=reader.variables(),
        complete=complete,
    )
    if reader.errors:
        raise InvalidInput(reader.errors)
    return given


class _Reader:
    """Collects the errors while the values are read."""

    def __init__(self, flat: Mapping[str, str]) -> None:
        self.flat = flat
        self.errors: dict[str, str] = {}

    def checked(self, name: str, check: Callable[[str], str | bool]) -> str | bool:
        try:
            return check(self.flat.get(name, ""))
        except InvalidValue as e:
            self.errors[name] = str(e)
            return ""

    def variables(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self.flat:
            if name.startswith("var_"):
                self._variable(found, name, name.removeprefix("var_"))
        return found

    def _variable(self, found: dict[str, str], name: str, variable: str) -> None:
        try:
            found[_variable_name(variable)] = check_text(self.flat[name])
        except InvalidValue as e:
            self.errors[name] = str(e)

    def lines(self) -> dict[int, LineInput]:
        fields: dict[int, dict[str, str]] = {}
        variables: dict[int, dict[str, str]] = {}
        before: dict[int, int] = {}
        for name, text in self.flat.items():
            match = _line_column(name)
            if match is None:
                continue
            number = int(match[1])
            fields.setdefault(number, {})
            if number > MAX_LINES:
                self.errors[name] = f"A device has at most {MAX_LINES} lines."
            elif match[2] == "was":
                before[number] = int(text) if text.isascii() and text.isdigit() else 0
            elif match[2]:
                fields[number][match[2]] = str(self.checked(name, check_text))
            else:
                self._variable(variables.setdefault(number, {}), name, match[3])
        return {
            number: LineInput(given, variables.get(number, {}), before.get(number, 0))
            for number, given in sorted(fields.items())
        }

    def keys(self) -> dict[tuple[int, int], Mapping[str, str | int]]:
        found: dict[tuple[int, int], dict[str, str | int]] = {}
        for name in self.flat:
            match = _key_column(name)
            if match is None:
                continue
            position = (int(match[1] or 0), int(match[2]))
            if position[1] > MAX_KEYS:
                self.errors[name] = f"A device has at most {MAX_KEYS} keys."
                continue
            found.setdefault(position, {})[match[3]] = self._key_value(name, match[3])
        for (module, number), given in found.items():
            if not given.get("type") and (given.get("value") or given.get("label")):
                name = f"m{module}key{number}_type" if module else f"key{number}_type"
                self.errors.setdefault(name, "Choose what this key does.")
        return dict(sorted(found.items()))

    def _key_value(self, name: str, part: str) -> str | int:
        text = str(self.checked(name, check_text))
        if part == "type" and text and text.lower() not in _KEY_TYPES:
            self.errors[name] = f"“{text[:40]}” is no type of key. Use one of: {', '.join(KeyType)}."
        if part == "line":
            if text and not (text.isascii() and text.isdigit() and int(text) <= MAX_LINES):
                self.errors[name] = "Enter the number of a line, like 1."
                return 0
            return int(text or 1)
        return text.lower() if part == "type" else text
