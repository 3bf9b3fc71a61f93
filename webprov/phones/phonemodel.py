"""What a phone model is, once its section of `models.d/` has been read, inherited and checked (spec 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webprov.enums import Protocol


class Scope(StrEnum):
    """Where a model or template comes from; a narrower scope wins."""

    SHIPPED = "shipped"
    GLOBAL = "global"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class FileRule:
    """`template_N = yealink/phone.cfg -> ${mac}.cfg`, with the line and key templates that go into it ("" = none)."""

    template: str
    output: str
    line_template: str = ""
    key_template: str = ""


@dataclass(frozen=True, slots=True)
class SharedRule:
    """`shared_N`: one file for all devices of a family. `owner` is the key of the section that states it, `sets` the
    `set_` values that section sees (its own and inherited ones, not those of the models below it), `output` is final:
    a shared file's name may use `set_` values of the model only, and is resolved when the catalogue is read."""

    template: str
    output: str
    owner: str
    sets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BootRequest:
    """One request of the boot sequence: `boot_N = ${mac}.boot ?`; a phone can do without an optional one."""

    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MapEntry:
    """The right side of a map line, `value | display | note`: what the phone wants, how people call it, and in what it
    is not what was asked for (said as a warning)."""

    value: str
    display: str = ""
    note: str = ""


@dataclass(frozen=True)
class TranslationMap:
    """`models.d/maps/<name>.ini`: zones (IANA), languages (BCP 47) and key types in brand words; `*` = default."""

    name: str = ""
    timezones: Mapping[str, MapEntry] = field(default_factory=dict)
    languages: Mapping[str, MapEntry] = field(default_factory=dict)
    keys: Mapping[str, MapEntry] = field(default_factory=dict)


@dataclass(frozen=True)
class PhoneModel:
    """One phone type as a device sees it; the keys of spec 4 with their values read."""

    key: str
    brand: str
    label: str
    scope: Scope = Scope.SHIPPED
    tenant: str = ""  # the tenant's name in scope TENANT
    family: str = ""  # the nearest section whose name starts with `_`
    source: str = ""  # file and line that people can look at: models.d/yealink.ini:12
    lines: int = 1
    keys: int = 0
    modules: tuple[int, int] = (0, 0)  # how many expansion modules, keys on each
    line_keys: int | None = None  # only so many keys, from the first on, can be line keys; None = any, of modules too
    files: tuple[FileRule, ...] = ()
    shared: tuple[SharedRule, ...] = ()
    directories: tuple[FileRule, ...] = ()
    members: tuple[FileRule, ...] = ()
    aliases: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    boot: tuple[BootRequest, ...] = ()
    translation: TranslationMap = field(default_factory=TranslationMap)
    facts: str = ""  # `verified: the maker's guide`, `partly: …`, `unverified: …`
    parameters: str = ""  # the dictionary of known settings, models.d/parameters/<name>.txt
    check_sync: str = "check-sync"
    user_agent: str = ""
    protocol: Protocol | None = None
    firmware: str = ""
    firmware_dir: str = ""  # never empty after reading: FIRMWARE-<key> by default
    external: bool = True
    commands: tuple[str, ...] = ()
    override: str = ""
    sets: Mapping[str, str] = field(default_factory=dict)
    setup: Mapping[str, str] = field(default_factory=dict)  # how it is pointed here: menu, dhcp, url, form, note
    fingerprint: str = ""  # changes whenever a value or an entry of the map does, not with scope, file or line


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in `models.d/`, a map or a template that cannot be used; only `model` (or the file) is lost."""

    file: str
    line: int  # from 1; 0 = the whole file
    reason: str
    model: str = ""
