"""A model as people fill it in: the common keys as fields, over what the model inherits (spec 4).

Only what differs from what is inherited is stated in the section, so that upgrades flow in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webprov.errors import InvalidValue
from webprov.phones.catalog import Catalog
from webprov.phones.inisections import set_values
from webprov.phones.modelkeys import check_statement
from webprov.rendering.names import SET_NAMES

COMMON_KEYS: Mapping[str, tuple[str, str]] = {
    "brand": ("Brand", "One name per maker; the list is grouped by it."),
    "label": ("Label", "How people call the model."),
    "lines": ("Lines", "How many accounts the phone can have."),
    "keys": ("Keys", "How many function keys the phone itself has."),
    "modules": ("Expansion modules", "How many, and keys on each: 3x60."),
    "protocol": ("Protocol", "Instead of the default protocol of the settings."),
    "external": ("External DMS", "No: phones that can use neither a path nor a sign-in there."),
    "firmware": ("Firmware", "The file that phones load; empty for none."),
    "firmware_dir": ("Firmware folder", "Below the provisioning directory. Empty: FIRMWARE- and the model’s key."),
    "translation_map": ("Map", "Zones, languages and key types in the brand’s words: a file in models.d/maps."),
    "check_sync": ("Check-sync", "The SIP event that makes the phone fetch again."),
    "user_agent": ("User agent", "How it signs its requests, with {model}, {firmware}, {mac} and * for anything."),
}
"""Label and help of the keys that most people change; the rest is edited as text."""

TEXT_KEYS = frozenset({"override"})
CHOICES = {"protocol": ("http", "https", "ftp", "ftps", "tftp"), "external": ("yes", "no")}


@dataclass(frozen=True, slots=True)
class ModelField:
    """One key in the form: `value` is what counts now, `inherited` what would count without this scope's section."""

    key: str
    label: str
    help: str
    value: str
    inherited: str

    @property
    def empty_means(self) -> str:
        """What is inherited, in words for below the field."""
        return f"Inherited: {self.inherited}" if self.inherited else ""


def model_fields(catalog: Catalog, key: str, tenant: str) -> list[ModelField]:
    """The common keys, then every `set_` value that the model has, then its override text."""
    values = {name: stated.text for name, stated in catalog.stated(key, tenant).items()}
    inherited = catalog.inherited(key, tenant)
    sets = sorted(name for name in {*values, *inherited} if name.startswith("set_"))
    shown: dict[str, tuple[str, str]] = {
        **COMMON_KEYS,
        **{name: (name.removeprefix("set_"), SET_NAMES.get(name.removeprefix("set_"), "")) for name in sets},
        "override": ("Override", "Raw lines for every file of this model; they are not evaluated."),
    }
    return [
        ModelField(name, label, text, values.get(name, ""), inherited.get(name, ""))
        for name, (label, text) in shown.items()
    ]


def merged_body(body: str | None, fields: Sequence[ModelField], typed: Mapping[str, str]) -> str:
    """The section with what was typed: a key that now has its inherited value is no longer stated."""
    changes: dict[str, str | None] = {}
    for field in fields:
        new = _clean(typed.get(field.key, field.value))
        if new != field.value:
            changes[field.key] = None if new == field.inherited else new
    return set_values(body or "", changes)


def faults_of(fields: Sequence[ModelField], typed: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each value by itself."""
    errors = {}
    for key in (field.key for field in fields if field.key in typed):
        text = typed[key]
        try:
            check_statement(key, _clean(text))
        except InvalidValue as e:
            errors[key] = str(e)
        if key not in TEXT_KEYS and "\n" in _clean(text):
            errors[key] = "This is one line."
    return errors


def _clean(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
