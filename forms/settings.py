"""Provisioning Settings: what the form shows. What a value must look like is decided in `webprov.settingsinput`."""

from collections.abc import Mapping
from dataclasses import asdict

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, IntegerField, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from forms.devices import WINDOWS
from forms.errors import put_errors
from webprov.enums import Protocol, ProvisioningMode, TransportMethod, UserAgentCheck
from webprov.phones.timezones import timezone_names
from webprov.settingsinput import SETTINGS_FIELDS, draft_settings
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings

CONFIRMED_FIELDS = ("s3_endpoint", "s3_access_key", "s3_secret_key", "script_path")
"""Whoever changes these types their own password: they decide where passwords go and what runs here (UI-12)."""

_HOST = {"autocomplete": "off", "spellcheck": "false"}
_PROTOCOLS = [SelectChoice(protocol.value, protocol.upper()) for protocol in Protocol]
_CERTIFICATES = [
    SelectChoice("off", "Off"),
    SelectChoice("optional", "Optional: a certificate is enough, so is a password"),
    SelectChoice("required", "Required over HTTPS"),
]
_USER_AGENTS = [
    SelectChoice(UserAgentCheck.OFF.value, "Serve, tell nobody"),
    SelectChoice(UserAgentCheck.LOG.value, "Serve, tell on its page"),
    SelectChoice(UserAgentCheck.REFUSE.value, "Refuse"),
]
_WEB = [SelectChoice(protocol.value, protocol.upper()) for protocol in (Protocol.HTTPS, Protocol.HTTP)]


class ProvisioningSettingsForm(FlaskForm):
    """One field per setting, under its contract name. All are always posted; the mode decides which ones show."""

    mode = RadioField(
        "Provisioning mode",
        choices=[SelectChoice(ProvisioningMode.LOCAL, "Local"), SelectChoice(ProvisioningMode.EXTERNAL, "External")],
    )
    server_address = StringField("Server address", render_kw=_HOST)
    timezone = SelectField("Time zone", choices=[])
    default_protocol = SelectField("Default protocol", choices=_PROTOCOLS)
    http_enabled = BooleanField("HTTP")
    http_port = IntegerField("Port of HTTP")
    https_enabled = BooleanField("HTTPS")
    https_port = IntegerField("Port of HTTPS")
    ftp_enabled = BooleanField("FTP")
    ftp_port = IntegerField("Port of FTP")
    ftps_enabled = BooleanField("FTPS")
    ftps_port = IntegerField("Port of FTPS")
    tftp_enabled = BooleanField("TFTP")
    tftp_port = IntegerField("Port of TFTP")
    tftp_networks = StringField("Networks allowed to use TFTP", render_kw=_HOST)
    phone_networks = StringField("Networks allowed to fetch", render_kw=_HOST)
    exempt_networks = StringField("Networks that are never locked out", render_kw=_HOST)
    device_credentials = BooleanField("Credentials of its own for each device")
    client_certificates = SelectField("Client certificates", choices=_CERTIFICATES)
    tls_legacy = BooleanField("Old TLS (1.0 and 1.1)")
    ftp_passive_ports = StringField("Ports of FTP data", render_kw=_HOST)
    uploads_enabled = BooleanField("Take what phones send")
    provisioning_window = SelectField("Phones get their own files", choices=WINDOWS)
    user_agent_check = SelectField("Phones that call themselves another one", choices=_USER_AGENTS)
    http_user = StringField("HTTP user", render_kw=_HOST)
    http_password = PasswordField("HTTP password")
    ftp_user = StringField("FTP user", render_kw=_HOST)
    ftp_password = PasswordField("FTP password")
    external_server = StringField("DMS server", render_kw=_HOST)
    external_protocol = SelectField("Protocol", choices=_WEB)
    external_path = StringField("Path", render_kw=_HOST)
    external_user = StringField("DMS user", render_kw=_HOST)
    external_password = PasswordField("DMS password")
    firmware_server = StringField("Firmware server", render_kw=_HOST)
    serve_locally = BooleanField("Serve locally too")
    backup_registrar = StringField("Backup registrar", render_kw=_HOST)
    sip_proxy = StringField("SIP proxy", render_kw=_HOST)
    backup_sip_proxy = StringField("Backup SIP proxy", render_kw=_HOST)
    ntp_server = StringField("NTP server", render_kw=_HOST)
    check_sync_auto = BooleanField("Ask the phone to fetch when its files change")
    transport = RadioField(
        "File transport",
        choices=[
            SelectChoice(TransportMethod.NONE, "None"),
            SelectChoice(TransportMethod.S3, "S3-compatible storage"),
            SelectChoice(TransportMethod.SCRIPT, "Custom script"),
        ],
    )
    s3_endpoint = StringField("Endpoint URL", render_kw=_HOST)
    s3_bucket = StringField("Bucket", render_kw=_HOST)
    s3_access_key = PasswordField("Access key")
    s3_secret_key = PasswordField("Secret key")
    s3_region = StringField("Region", render_kw=_HOST)
    s3_prefix = StringField("Key prefix", render_kw=_HOST)
    script_path = StringField("Script path", render_kw=_HOST)
    own_password = PasswordField("Your password", render_kw={"autocomplete": "current-password"})

    def __init__(self, formdata: Mapping[str, str] | None = None, *, saved: ProvisioningSettings) -> None:
        """The saved settings, with what `formdata` (of a request) has typed in. `clearing` are the secrets whose Clear
        box is ticked, `taking` the fields where a colleague's value is to stay, `draft` is what it all comes to."""
        shown = {name: value for name, value in asdict(saved).items() if name not in SECRET_FIELDS}
        super().__init__(formdata, data=shown)
        self.timezone.choices = [SelectChoice(name, name) for name in timezone_names()]
        self.saved = saved
        self.taking = [name for name in SETTINGS_FIELDS if formdata and formdata.get(f"take-{name}") == "theirs"]
        self.clearing = frozenset(name for name in SECRET_FIELDS if formdata and f"{name}-clear" in formdata) - {
            *self.taking
        }
        self.draft = draft_settings(self.flat(), saved, clear=self.clearing)

    @property
    def chosen_mode(self) -> ProvisioningMode:
        """The mode chosen in the form, saved or not."""
        chosen = str(self.mode.data)
        return ProvisioningMode.EXTERNAL if chosen == ProvisioningMode.EXTERNAL else ProvisioningMode.LOCAL

    @property
    def chosen_transport(self) -> TransportMethod:
        """The file transport chosen in the form, saved or not."""
        chosen = str(self.transport.data)
        return TransportMethod(chosen) if chosen in set(TransportMethod) else TransportMethod.NONE

    @property
    def serves_phones(self) -> bool:
        """Whether this server's own listeners are part of what the form describes."""
        return self.chosen_mode is ProvisioningMode.LOCAL or bool(self.serve_locally.data)

    @property
    def protocols(self) -> list[tuple[Protocol, Field, Field]]:
        """Each protocol with its switch and its port."""
        return [(protocol, self[f"{protocol}_enabled"], self[f"{protocol}_port"]) for protocol in Protocol]

    @property
    def without_certificate(self) -> list[str]:
        """Names of the protocols switched on that ask for none of the certificates HTTPS requires (security PH-12)."""
        if not self.https_enabled.data or self.client_certificates.data != "required":
            return []
        return [switch.label.text for name, switch, _ in self.protocols if name is not Protocol.HTTPS and switch.data]

    def flat(self) -> dict[str, str]:
        """What was typed, by contract name, as `changes.settings.save_settings` takes it."""
        typed = {name: self[name] for name in SETTINGS_FIELDS if name not in self.taking}
        return {
            name: ("on" if field.data else "off") if isinstance(field, BooleanField) else _text(field)
            for name, field in typed.items()
        }

    @property
    def changed(self) -> list[str]:
        """The settings that would change, or that hold something unreadable, by contract name in page order."""
        draft = self.draft
        return [
            name
            for name in SETTINGS_FIELDS
            if name in draft.unreadable or getattr(draft.settings, name) != getattr(self.saved, name)
        ]

    @property
    def needs_own_password(self) -> bool:
        """Whether saving asks for the password of the person who does it."""
        return not {*CONFIRMED_FIELDS}.isdisjoint(self.changed)

    def show_errors(self) -> None:
        """Put the domain's sentences at their fields while people type: not at one that is empty as it was, for
        nobody has got to it yet. Passwords are the exception: they become wrong by what stands elsewhere."""
        for name, sentence in self.draft.errors.items():
            if name in SECRET_FIELDS or name in self.changed or self[name].data:
                put_errors(self, {name: sentence})


def _text(field: Field) -> str:
    """As typed, also where it is no number; what was not posted (a disabled port) is what is saved."""
    if field.raw_data:
        return str(field.raw_data[0])
    return "" if field.data is None else str(field.data)
