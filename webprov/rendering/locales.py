"""Time zone and language of a device, as IANA and BCP 47 say them and as its phone wants them (spec 3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from webprov.phones.phonemodel import MapEntry, PhoneModel
from webprov.phones.timezones import ZoneEdge, zone_facts
from webprov.rendering.context import Value
from webprov.rendering.layers import Layer, LayerValues
from webprov.store.devicedata import DeviceData

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a device, its tenant or the system states, with the layer that did."""

    value: str
    layer: Layer
    source: str


def zone_of(device: DeviceData, system_zone: str) -> Choice:
    """The device's zone, else its tenant's, else the system's."""
    return _choice(device.timezone, device.tenant.timezone, Choice(system_zone, Layer.SERVER, "Time zone"), "time zone")


def language_of(device: DeviceData) -> Choice:
    """The device's language, else its tenant's, else English."""
    fallback = Choice(DEFAULT_LANGUAGE, Layer.SERVER, "where neither device nor tenant names one")
    return _choice(device.language, device.tenant.language, fallback, "language")


def zone_layer(zone: Choice, model: PhoneModel) -> tuple[LayerValues, tuple[str, ...]]:
    """The variables of a zone, with warnings where the phone cannot follow its rule exactly."""
    facts = zone_facts(zone.value)
    entry = mapped(model.translation.timezones, zone.value) or MapEntry(zone.value)
    values: dict[str, Value] = {
        "TZ": facts.tz,
        "TZ_OFFSET": facts.offset_seconds,
        "TZ_POSIX": facts.posix,
        "TZ_DST": str(int(facts.dst)),
        "DST_OFFSET": str(facts.dst_offset_seconds),
        **_edge("DST_START", facts.start),
        **_edge("DST_END", facts.end),
        "TL_TIMEZONE": entry.value,
        "TL_TIMEZONE_NAME": entry.display or zone.value,
    }
    through = dict.fromkeys(("TL_TIMEZONE", "TL_TIMEZONE_NAME"), f"TZ by the map {model.translation.name}")
    sources = {"TZ": zone.source, **(through if model.translation.timezones else {})}
    notes = (f"{zone.value}: {entry.note}.",) if entry.note else ()
    return LayerValues(zone.layer, values, f"computed from TZ {zone.value}", sources), (*facts.warnings, *notes)


def language_layer(language: Choice, model: PhoneModel) -> LayerValues:
    """LANGUAGE and how this phone names it."""
    languages = model.translation.languages
    entry = mapped(languages, language.value, language.value.partition("-")[0]) or MapEntry(language.value)
    values: dict[str, Value] = {"LANGUAGE": language.value, "PHONE_LANGUAGE": entry.value}
    through = f"LANGUAGE by the map {model.translation.name}" if languages else "= LANGUAGE"
    return LayerValues(language.layer, values, language.source, {"PHONE_LANGUAGE": through})


def mapped(entries: Mapping[str, MapEntry], *names: str) -> MapEntry | None:
    """The entry of the first of `names` that has one, without regard to case; else the default `*`, else None."""
    by_name = {name.casefold(): entry for name, entry in entries.items()}
    return next((by_name[name.casefold()] for name in (*names, "*") if name.casefold() in by_name), None)


def _choice(of_device: str, of_tenant: str, fallback: Choice, what: str) -> Choice:
    if of_device:
        return Choice(of_device, Layer.DEVICE, f"{what} of the device")
    if of_tenant:
        return Choice(of_tenant, Layer.TENANT, f"{what} of the tenant")
    return fallback


def _edge(name: str, edge: ZoneEdge | None) -> dict[str, str]:
    parts = ("month", "week", "day", "date", "hour")
    return {f"{name}_{part.upper()}": "" if edge is None else str(getattr(edge, part)) for part in parts}
