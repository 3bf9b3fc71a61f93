"""Maps from zones, languages and key types to a brand's own words (`models.d/maps/<name>.ini`, spec 4)."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webprov.enums import KeyType
from webprov.errors import InvalidValue
from webprov.phones.inifile import LineError, Section, read_ini
from webprov.phones.phonemodel import MapEntry, Refusal, TranslationMap
from webprov.phones.timezones import check_language, check_timezone

_MOST_IGNORED = 50


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One map file: its entries by kind, and all that is wrong with it; `broken` = no model may use it."""

    entries: Mapping[str, Mapping[str, MapEntry]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    broken: Refusal | None = None


def read_map(path: Path, shown: str) -> MapLayer:
    """Read one map file. A zone or language that does not exist costs its line, anything else the whole map."""
    ini = read_ini(path, shown)
    fatal = list(ini.refusals)
    ignored: list[Refusal] = []
    entries: dict[str, Mapping[str, MapEntry]] = {}
    for section in ini.sections:
        try:
            _check_section(section, entries)
            entries[section.name] = _read_entries(section, ignored)
        except LineError as e:
            fatal.append(Refusal(shown, e.line, e.reason))
    return MapLayer(entries, (*fatal, *ignored), fatal[0] if fatal else None)


def join_maps(name: str, layers: Iterable[MapLayer]) -> TranslationMap:
    """One map out of several scopes, the wider ones first; an empty value drops an entry."""
    joined: dict[str, dict[str, MapEntry]] = {kind: {} for kind in _CHECKS}
    for layer in layers:
        for kind, entries in layer.entries.items():
            joined[kind].update(entries)
    timezones, languages, keys = (
        {left: entry for left, entry in joined[kind].items() if entry != MapEntry("")} for kind in _CHECKS
    )
    return TranslationMap(name, timezones, languages, keys)


def map_digest(translation: TranslationMap) -> str:
    """Changes whenever an entry does."""
    kinds = (translation.timezones, translation.languages, translation.keys)
    text = repr(
        [sorted((left, entry.value, entry.display, entry.note) for left, entry in kind.items()) for kind in kinds]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _check_section(section: Section, seen: Iterable[str]) -> None:
    if section.refusal:
        raise LineError(section.refusal.line, section.refusal.reason)
    if section.name not in _CHECKS:
        raise LineError(section.line, f"A map has no section [{section.name}]. Use [timezone], [language] or [key].")
    if section.name in seen:
        raise LineError(section.line, f"The section [{section.name}] stands here twice. Join the two.")


def _read_entries(section: Section, ignored: list[Refusal]) -> dict[str, MapEntry]:
    entries = {}
    for left, statement in section.values.items():
        value, display, note = (part.strip() for part in f"{statement.text}||".split("|")[:3])
        try:
            name = "*" if left == "*" else _CHECKS[section.name](left)
        except InvalidValue as e:
            if section.name == "key" or len(ignored) == _MOST_IGNORED:
                raise LineError(statement.line, str(e)) from e
            ignored.append(Refusal(statement.file, statement.line, f"{e} The line is ignored."))
        else:
            entries[name] = MapEntry(value, display, note)
    return entries


def _check_key_type(text: str) -> str:
    if text not in list(KeyType):
        raise InvalidValue(f"“{text}” is not a key type. Use one of {', '.join(KeyType)}.")
    return text


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "timezone": check_timezone,
    "language": check_language,
    "key": _check_key_type,
}
