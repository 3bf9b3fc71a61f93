"""The forms of a device: what it is (MAC, tenant, model, label), and what the phone is told beyond its lines."""

from collections.abc import Mapping, Sequence

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webprov.enums import KeyType, ProvisioningWindow
from webprov.errors import InvalidValue
from webprov.phones.phonemodel import PhoneModel

KEY_TYPE_LABELS = {
    KeyType.LINE: "Line",
    KeyType.BLF: "Busy lamp",
    KeyType.SPEEDDIAL: "Speed dial",
    KeyType.PARK: "Park",
    KeyType.PICKUP: "Pickup",
    KeyType.INTERCOM: "Intercom",
    KeyType.VOICEMAIL: "Voicemail",
    KeyType.DTMF: "DTMF digits",
    KeyType.TRANSFER: "Transfer",
    KeyType.DIRECTORY: "Directory",
    KeyType.URL: "Web address",
    KeyType.NONE: "No function",
}
WINDOWS = [
    SelectChoice(ProvisioningWindow.ALWAYS.value, "Always"),
    SelectChoice(ProvisioningWindow.FIRST_FETCH.value, "Until a day after the fetch"),
]
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class IdentityForm(FlaskForm):
    """Which phone it is and whose; all that a new one needs beside its first line."""

    mac = StringField("MAC address", render_kw={**_PLAIN, "maxlength": 40, "placeholder": ""})
    model = StringField("Model", render_kw={**_PLAIN, "list": "models"})
    tenant = SelectField("Tenant", validate_choice=False)
    label = StringField("Label", render_kw=_PLAIN)
    version = HiddenField()

    def offer_tenants(self, tenants: Sequence[tuple[str, str]]) -> None:
        """Fill the list of tenants with (name, label) pairs; one alone is chosen, of several none is."""
        choices = [SelectChoice(*tenant) for tenant in tenants]
        self.tenant.choices = choices if len(choices) == 1 else [SelectChoice("", "Choose a tenant"), *choices]

    def flat(self, models: Sequence[PhoneModel], kept_model: str = "") -> dict[str, str]:
        """What was typed under the contract's names, the model as its key. Raises InvalidValue where it fits none."""
        flat = {name: self[name].data or "" for name in ("mac", "label") if name in self}
        if self.tenant.data:
            flat["tenant"] = self.tenant.data
        return flat | {"model": find_model(self.model.data or "", models, kept_model)}


class PhoneForm(IdentityForm):
    """The Phone tab: everything about a device but lines, keys and variables."""

    timezone = StringField("Time zone", render_kw={**_PLAIN, "list": "timezones"})
    language = StringField("Language", render_kw={**_PLAIN, "list": "languages"})
    enabled = BooleanField("Phone gets its files")
    provisioning_window = SelectField("It gets them", choices=[SelectChoice("", ""), *WINDOWS])
    admin_password = PasswordField("Administrator password of the phone")
    prov_user = StringField("User", render_kw=_PLAIN)
    prov_password = PasswordField("Password")
    override = TextAreaField("Text added to its files", render_kw={"rows": 6, "spellcheck": "false"})

    def say_window(self, system: ProvisioningWindow) -> None:
        """Let the first choice of the window name what the settings say."""
        said = next(choice.label for choice in WINDOWS if choice.value == system)
        self.provisioning_window.choices = [SelectChoice("", f"As the settings say: {said.lower()}"), *WINDOWS]

    def flat(self, models: Sequence[PhoneModel], kept_model: str = "") -> dict[str, str]:
        """As IdentityForm, with the rest; empty passwords keep what is stored."""
        names = (
            "timezone",
            "language",
            "provisioning_window",
            "admin_password",
            "prov_user",
            "prov_password",
            "override",
        )
        typed = {name: self[name].data or "" for name in names if name in self}
        return super().flat(models, kept_model) | typed | {"enabled": "on" if self.enabled.data else "off"}


def find_model(typed: str, models: Sequence[PhoneModel], kept: str = "") -> str:
    """The key of the model that was meant: its key, its label, or a part that only one label has.

    `kept` is the device's present key, which stays even when no such model is installed. Raises InvalidValue.
    """
    wanted = " ".join(typed.split()).casefold()
    if not wanted or wanted == kept.casefold():
        return kept if wanted else ""
    exact = [model.key for model in models if wanted in (model.key.casefold(), model.label.casefold())]
    found = exact or [model.key for model in models if wanted in model.label.casefold()]
    if len(found) == 1 or exact:
        return found[0]
    if not found:
        raise InvalidValue(
            f"There is no model “{typed.strip()[:60]}”. Type a part of its name, like T54, and choose one."
        )
    labels = [model.label for model in models if model.key in found]
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    raise InvalidValue(f"“{typed.strip()[:60]}” fits {', '.join(labels[:3])}{more}. Choose one of them.")


def by_brand(models: Sequence[PhoneModel]) -> Mapping[str, list[PhoneModel]]:
    """Models in groups, brands and labels in the order in which they come."""
    groups: dict[str, list[PhoneModel]] = {}
    for model in models:
        groups.setdefault(model.brand, []).append(model)
    return groups
