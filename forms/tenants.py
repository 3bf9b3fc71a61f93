"""Forms about tenants. What a value must look like is decided in `webprov.changes.tenants`."""

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webprov.changes.tenants import TENANT_FIELDS
from webprov.phones.timezones import timezone_names

_HOST = {"autocomplete": "off", "spellcheck": "false"}


class TenantForm(FlaskForm):
    """One field per setting of a tenant, under its contract name."""

    label = StringField("Label")
    timezone = SelectField("Time zone", choices=[], validate_choice=False)
    language = StringField("Language", render_kw=_HOST)
    parkext = StringField("Park extension", render_kw=_HOST)
    registrar = StringField("Registrar", render_kw=_HOST)
    backup_registrar = StringField("Backup registrar", render_kw=_HOST)
    sip_proxy = StringField("SIP proxy", render_kw=_HOST)
    backup_sip_proxy = StringField("Backup SIP proxy", render_kw=_HOST)
    ntp_server = StringField("NTP server", render_kw=_HOST)
    networks = StringField("Networks of its phones", render_kw=_HOST)

    def offer_zones(self, of_system: str) -> None:
        """Fill the list of zones; empty stands for that of the system."""
        zones = [SelectChoice(name, name) for name in timezone_names()]
        self.timezone.choices = [SelectChoice("", f"As the system: {of_system}"), *zones]

    def flat(self) -> dict[str, str]:
        """What was typed, by contract name, as the domain takes it."""
        return {name: self[name].data or "" for name in TENANT_FIELDS}


class NewTenantForm(TenantForm):
    """A tenant to be made."""

    name = StringField("Name", render_kw={**_HOST, "autocapitalize": "none"})


class OverrideForm(FlaskForm):
    """Text that a tenant adds to every file of one model."""

    text = TextAreaField("Override text", render_kw={"rows": 14, "spellcheck": "false"})


class DeleteTenantForm(FlaskForm):
    """Typing the name is the confirmation (ui guide 11)."""

    typed_name = StringField("Name of the tenant", render_kw={**_HOST, "autocapitalize": "none"})
