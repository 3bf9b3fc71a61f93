"""The scopes of `models.d/` as read from disk: shipped, global, one per tenant (spec 4)."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from webprov.errors import InvalidValue
from webprov.phones.inifile import Section, read_ini
from webprov.phones.maps import MapLayer, read_map
from webprov.phones.modelkeys import VERBATIM_KEYS, check_statement
from webprov.phones.phonemodel import Refusal, Scope


@dataclass(frozen=True, slots=True)
class Layer:
    """All sections and maps of one scope. A section that cannot be used is there all the same, with its refusal."""

    scope: Scope
    tenant: str = ""
    sections: Mapping[str, Section] = field(default_factory=dict)
    maps: Mapping[str, MapLayer] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()


Drafts = Mapping[Path, str]
"""What files of `user_provisioning/` would hold; they need not be there yet."""


def read_layers(models_dir: Path, user_dir: Path, drafts: Drafts = MappingProxyType({})) -> list[Layer]:
    """The shipped layer, the global one, then one for each tenant that has models, by name; never raises.

    Of `drafts` that text is read instead of what lies on disk.
    """
    found = _scan_user(user_dir, user_dir.name, drafts)
    tenants = sorted({*_tenants(user_dir, found.refusals), *_drafted_tenants(user_dir, drafts)})
    layers = [
        _read_layer(Scope.SHIPPED, "", _scan(models_dir, models_dir.name, {}, needed=True)),
        _read_layer(Scope.GLOBAL, "", found),
    ]
    for tenant in tenants:
        found = _scan_user(user_dir / tenant, f"{user_dir.name}/{tenant}", drafts)
        layers.append(_read_layer(Scope.TENANT, tenant, found))
    return layers


def tenant_folders(user_dir: Path) -> list[str]:
    """The folders in `user_provisioning/` that may hold a tenant's models, by name; raises OSError."""
    try:
        with os.scandir(user_dir) as entries:
            return sorted(entry.name for entry in entries if entry.name != "models.d" and not _is_file(entry))
    except FileNotFoundError:
        return []


@dataclass
class _Found:
    """The files of one scope, each with its name for messages."""

    models: list[tuple[Path, str]] = field(default_factory=list)
    maps: list[tuple[Path, str]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    drafts: Drafts = field(default_factory=dict)


def _scan(folder: Path, shown: str, drafts: Drafts, *, needed: bool = False) -> _Found:
    found = _Found(drafts=drafts)
    found.models = _ini_files(folder, shown, found.refusals, needed=needed)
    new = sorted(
        path for path in drafts if path.parent == folder and (path, f"{shown}/{path.name}") not in found.models
    )
    found.models += [(path, f"{shown}/{path.name}") for path in new]
    found.maps = _ini_files(folder / "maps", f"{shown}/maps", found.refusals)
    return found


def _scan_user(folder: Path, shown: str, drafts: Drafts) -> _Found:
    found = _scan(folder / "models.d", f"{shown}/models.d", drafts)
    if os.path.lexists(folder / "models.txt"):
        found.models.insert(0, (folder / "models.txt", f"{shown}/models.txt"))
    return found


def _tenants(user_dir: Path, refusals: list[Refusal]) -> list[str]:
    try:
        return tenant_folders(user_dir)
    except OSError as e:
        refusals.append(_unreadable(user_dir.name, e))
        return []


def _drafted_tenants(user_dir: Path, drafts: Drafts) -> set[str]:
    first = {path.relative_to(user_dir).parts[0] for path in drafts}
    return first - {"models.d", "models.txt"}


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.is_dir()
    except OSError:
        return False  # looking inside will say what is wrong


def _ini_files(folder: Path, shown: str, refusals: list[Refusal], *, needed: bool = False) -> list[tuple[Path, str]]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".ini" and not path.name.startswith("."))
    except FileNotFoundError as e:
        if needed:
            refusals.append(Refusal(shown, 0, f"The folder {e.filename} is missing. Set WEBPROV_MODELS_DIR."))
        return []
    except OSError as e:
        refusals.append(_unreadable(shown, e))
        return []
    return [(path, f"{shown}/{path.name}") for path in paths]


def _unreadable(shown: str, error: OSError) -> Refusal:
    return Refusal(shown, 0, f"The folder cannot be read ({error.strerror or error}). Correct its permissions.")


def _read_layer(scope: Scope, tenant: str, found: _Found) -> Layer:
    refusals = list(found.refusals)
    sections: list[Section] = []
    for path, shown in found.models:
        ini = read_ini(path, shown, verbatim=VERBATIM_KEYS, draft=found.drafts.get(path))
        refusals += ini.refusals
        sections += (_checked(section, scope) for section in ini.sections)
    sections = list(_without_twins(sections))
    maps = {path.stem: read_map(path, shown) for path, shown in found.maps}
    refusals += (section.refusal for section in sections if section.refusal)
    refusals += (refusal for layer in maps.values() for refusal in layer.refusals)
    return Layer(scope, tenant, {section.name: section for section in sections}, maps, tuple(refusals))


def _checked(section: Section, scope: Scope) -> Section:
    """The section with a refusal where one of its lines says what it may not."""
    for key, statement in section.values.items():
        try:
            check_statement(key, statement.text)
            if scope is Scope.TENANT and statement.text and re.match(r"shared_[1-9]", key):
                raise InvalidValue(f"A tenant has no shared files of its own: put {key} into the per-MAC file.")
        except InvalidValue as e:
            return _refused(section, statement.line, str(e))
    return section


def _without_twins(sections: Iterable[Section]) -> Iterator[Section]:
    """Of sections with one name, neither can be used."""
    firsts: dict[str, Section] = {}
    for section in sections:
        first = firsts.setdefault(section.name, section)
        if first is section:
            continue
        yield _refused(section, section.line, _twin_reason(section, first))
        firsts[section.name] = _refused(first, first.line, _twin_reason(first, section))
    yield from firsts.values()


def _twin_reason(section: Section, other: Section) -> str:
    return f"[{section.name}] also stands in {other.file}, line {other.line}. Keep one of the two; neither is used."


def _refused(section: Section, line: int, reason: str) -> Section:
    return replace(section, values={}, refusal=section.refusal or Refusal(section.file, line, reason, section.name))
