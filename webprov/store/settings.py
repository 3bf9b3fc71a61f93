"""Provisioning Settings: what the administrator last saved, or the defaults (spec 1, contract "Settings fields")."""

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from webprov.enums import Protocol, ProvisioningMode, ProvisioningWindow, TransportMethod, UserAgentCheck
from webprov.store.models import SettingsRecord, utc_now
from webprov.store.secrets import random_password

SECRET_FIELDS = ("http_password", "ftp_password", "external_password", "s3_access_key", "s3_secret_key")

PREVIOUS = "previous_logins"
"""Where the sign-ins before the last change stand, beside the secrets (see `store.rotation`)."""


@dataclass(frozen=True)
class ProvisioningSettings:
    """One saved state. Empty text means what the tables of spec 1 and 3 say it means; ports are whole numbers."""

    mode: ProvisioningMode = ProvisioningMode.LOCAL
    server_address: str = ""
    timezone: str = "UTC"
    default_protocol: Protocol = Protocol.HTTP
    http_enabled: bool = True
    http_port: int = 8081
    https_enabled: bool = False
    https_port: int = 8443
    ftp_enabled: bool = False
    ftp_port: int = 2121
    ftps_enabled: bool = False
    ftps_port: int = 2990
    tftp_enabled: bool = False
    tftp_port: int = 6969
    tftp_networks: str = ""
    http_user: str = "phones"
    http_password: str = ""
    ftp_user: str = "phones-ftp"
    ftp_password: str = ""
    external_server: str = ""
    external_protocol: Protocol = Protocol.HTTPS
    external_path: str = "/provisioning"
    external_user: str = ""
    external_password: str = ""
    firmware_server: str = ""
    serve_locally: bool = False
    backup_registrar: str = ""
    sip_proxy: str = ""
    backup_sip_proxy: str = ""
    ntp_server: str = ""
    transport: TransportMethod = TransportMethod.NONE
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_region: str = ""
    s3_prefix: str = ""
    script_path: str = ""
    device_credentials: bool = False
    client_certificates: str = "off"
    tls_legacy: bool = False
    phone_networks: str = ""
    exempt_networks: str = ""
    ftp_passive_ports: str = ""
    uploads_enabled: bool = True
    provisioning_window: ProvisioningWindow = ProvisioningWindow.ALWAYS
    user_agent_check: UserAgentCheck = UserAgentCheck.LOG
    check_sync_auto: bool = False
    version: int = 0

    def enabled(self, protocol: Protocol) -> bool:
        """Whether the listener of `protocol` is switched on."""
        return bool(getattr(self, f"{protocol}_enabled"))

    def port(self, protocol: Protocol) -> int:
        """The port that `protocol` listens on here."""
        return int(getattr(self, f"{protocol}_port"))

    @property
    def serves_phones(self) -> bool:
        """Whether the listeners run: in Local mode, and in External mode where "serve locally too" is on (spec 2)."""
        return self.mode is ProvisioningMode.LOCAL or self.serve_locally

    @property
    def place(self) -> tuple[str, ...]:
        """Where pushed objects lie; what is known of another place says nothing about this one (spec 6)."""
        return self.mode, self.transport, self.s3_endpoint, self.s3_bucket, self.s3_prefix

    @property
    def script_place(self) -> tuple[str, ...]:
        """Which script is run, if any; how another one fared says nothing about this one."""
        return self.mode, self.transport, self.script_path


FIELDS = tuple(field.name for field in fields(ProvisioningSettings) if field.name != "version")


def first_settings() -> ProvisioningSettings:
    """What a new instance starts with: this host's name and zone, random credentials (security PH-07)."""
    return ProvisioningSettings(
        server_address=own_address(),
        timezone=own_timezone(),
        http_password=random_password(),
        ftp_password=random_password(),
    )


def load_settings(session: Session) -> ProvisioningSettings:
    """The saved settings. A field that a newer webprov added has its default."""
    record = session.get(SettingsRecord, 1)
    if record is None:
        return ProvisioningSettings()
    return settings_from({**record.plain, **json.loads(record.secret), "version": record.version})


def last_saving(session: Session) -> tuple[str, datetime | None]:
    """Who saved the settings last, and when."""
    record = session.get(SettingsRecord, 1, populate_existing=True)
    return (record.saved_by, record.saved_at) if record else ("", None)


def store_settings(session: Session, settings: ProvisioningSettings, by: str) -> ProvisioningSettings:
    """Put `settings` in place of the saved ones, one version further. Checks nothing: `changes.save_settings` does."""
    record = session.get(SettingsRecord, 1) or SettingsRecord(id=1, version=0)
    settings = replace(settings, version=record.version + 1)
    values = asdict(settings)
    record.version = values.pop("version")
    kept = {PREVIOUS: json.loads(record.secret or "{}").get(PREVIOUS, [])}
    record.secret = json.dumps({name: values.pop(name) for name in SECRET_FIELDS} | kept)
    record.plain = values
    record.saved_by, record.saved_at = by, utc_now()
    session.add(record)
    return settings


def settings_from(values: Mapping[str, Any]) -> ProvisioningSettings:
    """Settings from a mapping of JSON values; unknown names are left out."""
    known = {field.name: values[field.name] for field in fields(ProvisioningSettings) if field.name in values}
    for name, kind in _ENUMS.items():
        if name in known:
            known[name] = kind(known[name])
    return ProvisioningSettings(**known)


_ENUMS = {
    "mode": ProvisioningMode,
    "default_protocol": Protocol,
    "external_protocol": Protocol,
    "transport": TransportMethod,
    "provisioning_window": ProvisioningWindow,
    "user_agent_check": UserAgentCheck,
}


def own_address() -> str:
    """This host's full name, or where it has none that phones could look up, the address of its default route."""
    name = socket.getfqdn().lower()
    if "." in name and not name.endswith((".localdomain", ".arpa")):
        return name
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: nothing is sent, only a route is chosen
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def own_timezone() -> str:
    """This host's IANA zone, from /etc/timezone or the link /etc/localtime; else UTC."""
    written = Path("/etc/timezone")
    name = written.read_text().strip() if written.is_file() else ""
    if not name and Path("/etc/localtime").is_symlink():
        name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    return "UTC" if name in ("", "Etc/UTC") else name
