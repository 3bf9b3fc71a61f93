"""Provisioning Settings as people type them: contract names and text in, checked settings out (spec 1).

The form, `webprov settings set` and the live check of a single field all come here: same checks, same sentences.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from webprov.checks import (
    check_choice,
    check_host,
    check_networks,
    check_on_off,
    check_path,
    check_phone_password,
    check_plain_host,
    check_ports,
    check_text,
)
from webprov.enums import Protocol, ProvisioningMode, ProvisioningWindow, TransportMethod, UserAgentCheck
from webprov.errors import InvalidInput, InvalidValue
from webprov.hosts import parse_host, parse_port
from webprov.phones.timezones import check_timezone
from webprov.storagechecks import (
    check_bucket,
    check_endpoint,
    check_prefix,
    check_region,
    check_script_path,
    needs_region,
)
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings


def _check_server(text: str) -> str:
    host = check_plain_host(text)
    if not host:
        raise InvalidValue("Enter the name or IP address that phones reach this server by.")
    return host


def _check_external_protocol(text: str) -> Protocol:
    return Protocol(check_choice(text, (Protocol.HTTP, Protocol.HTTPS)))


_CHECKS: dict[str, Callable[[str], Any]] = {
    "mode": lambda text: ProvisioningMode(check_choice(text, ProvisioningMode)),
    "server_address": _check_server,
    "timezone": check_timezone,
    "default_protocol": lambda text: Protocol(check_choice(text, Protocol)),
    **{f"{protocol}_enabled": check_on_off for protocol in Protocol},
    **{f"{protocol}_port": parse_port for protocol in Protocol},
    "tftp_networks": check_networks,
    "http_user": check_text,
    "http_password": check_phone_password,
    "ftp_user": check_text,
    "ftp_password": check_phone_password,
    "external_server": check_host,
    "external_protocol": _check_external_protocol,
    "external_path": check_path,
    "external_user": check_text,
    "external_password": check_text,
    "firmware_server": check_host,
    "serve_locally": check_on_off,
    "backup_registrar": check_host,
    "sip_proxy": check_host,
    "backup_sip_proxy": check_host,
    "ntp_server": check_host,
    "transport": lambda text: TransportMethod(check_choice(text, TransportMethod)),
    "s3_endpoint": check_endpoint,
    "s3_bucket": check_bucket,
    "s3_access_key": check_text,
    "s3_secret_key": check_text,
    "s3_region": check_region,
    "s3_prefix": check_prefix,
    "script_path": check_script_path,
    "phone_networks": check_networks,
    "exempt_networks": check_networks,
    "device_credentials": check_on_off,
    "client_certificates": lambda text: check_choice(text, ("off", "optional", "required")),
    "tls_legacy": check_on_off,
    "ftp_passive_ports": check_ports,
    "uploads_enabled": check_on_off,
    "provisioning_window": lambda text: ProvisioningWindow(check_choice(text, ProvisioningWindow)),
    "user_agent_check": lambda text: UserAgentCheck(check_choice(text, UserAgentCheck)),
    "check_sync_auto": check_on_off,
}
SETTINGS_FIELDS = tuple(_CHECKS)
"""The fields that can be set, by their contract names, in the order of the page."""
TRANSPORT_FIELDS = tuple(name for name in _CHECKS if name.startswith(("transport", "s3_", "script_")))
"""Those that say how files reach the DMS."""


@dataclass(frozen=True)
class Draft:
    """What typed fields come to before they are saved: `settings` with every readable field in place.

    `unreadable` has a sentence for each field that keeps its saved value because what was typed is no value for it;
    `disagreeing` for each that is readable and does not fit the others.
    """

    settings: ProvisioningSettings
    unreadable: Mapping[str, str]
    disagreeing: Mapping[str, str]

    @property
    def errors(self) -> dict[str, str]:
        """Every sentence by field: why it cannot be saved so."""
        return {**self.disagreeing, **self.unreadable}


def draft_settings(flat: Mapping[str, str], current: ProvisioningSettings, *, clear: Collection[str] = ()) -> Draft:
    """As `parse_settings`, for a form that is still being filled in: nothing is raised."""
    values, unreadable = _read(flat, clear)
    settings = replace(current, **values)
    return Draft(settings, unreadable, _disagreements(settings, current, values))


def parse_settings(
    flat: Mapping[str, str], current: ProvisioningSettings, *, clear: Collection[str] = ()
) -> ProvisioningSettings:
    """`current` with the typed fields of `flat` in place; an empty secret keeps the stored one, one in `clear` goes.

    Raises InvalidInput with a sentence per field: what is not well-formed, and what does not fit together.
    """
    draft = draft_settings(flat, current, clear=clear)
    if draft.errors:
        raise InvalidInput(draft.errors)
    return draft.settings


def parse_transport(
    flat: Mapping[str, str], current: ProvisioningSettings, *, clear: Collection[str] = ()
) -> ProvisioningSettings:
    """As `parse_settings`, in External mode, with the fields of the file transport alone: enough to try it."""
    chosen = {name: text for name, text in flat.items() if name in TRANSPORT_FIELDS}
    values, errors = _read(chosen, [name for name in clear if name in TRANSPORT_FIELDS])
    settings = replace(current, mode=ProvisioningMode.EXTERNAL, **values)
    for name, sentence in (_transport(settings) | _moved(settings, current, values)).items():
        errors.setdefault(name, sentence)
    if errors:
        raise InvalidInput(errors)
    return settings


def _read(flat: Mapping[str, str], clear: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The typed values, and a sentence for each that is not well-formed."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, text in flat.items():
        if name in SECRET_FIELDS and not text.strip():
            continue
        try:
            values[name] = check_field(name, text)
        except InvalidValue as e:
            errors[name] = str(e)
    return values | {name: "" for name in clear if name in SECRET_FIELDS}, errors


def check_field(name: str, text: str) -> Any:
    """The value of one field as it will be stored; raises InvalidValue, also for a name that is no field."""
    check = _CHECKS.get(name)
    if check is None:
        raise InvalidValue(f"There is no setting “{name[:60]}”. Known are: {', '.join(_CHECKS)}.")
    return check(text)


def _disagreements(
    settings: ProvisioningSettings, current: ProvisioningSettings, typed: Collection[str]
) -> dict[str, str]:
    """What each field says for itself may be fine, and yet not fit the others."""
    found: dict[str, str] = {}
    if settings.mode is ProvisioningMode.EXTERNAL:
        found |= _external(settings)
    if settings.serves_phones:
        found |= _local(settings)
    return found | _moved(settings, current, typed)


def _moved(settings: ProvisioningSettings, current: ProvisioningSettings, typed: Collection[str]) -> dict[str, str]:
    """Where a server changed, its stored secrets are asked for again: nobody may send them elsewhere unseen (UI-12)."""
    found: dict[str, str] = {}
    moved = parse_host_name(settings.external_server) != parse_host_name(current.external_server)
    if moved and current.external_password and "external_password" not in typed:
        found["external_password"] = "Type the DMS password again: the DMS server changed."  # noqa: S105
    if settings.s3_endpoint != current.s3_endpoint:
        for name, label in (("s3_access_key", "access key"), ("s3_secret_key", "secret key")):
            if getattr(current, name) and name not in typed:
                found[name] = f"Type the {label} again: the endpoint changed."
    return found


def parse_host_name(text: str) -> str:
    """The host of `name:port`; empty for empty."""
    return parse_host(text).name if text else ""


def _external(settings: ProvisioningSettings) -> dict[str, str]:
    if not settings.external_server:
        return {"external_server": "Enter the server that phones download from, like dms.acme.example."}
    if settings.external_password and not settings.external_user:
        return {"external_user": "Enter the user that belongs to the DMS password, or clear the password."}
    return _transport(settings)


def _transport(settings: ProvisioningSettings) -> dict[str, str]:
    """What the chosen transport still needs."""
    if settings.transport is TransportMethod.S3:
        found = {name: sentence for name, sentence in _S3_NEEDS.items() if not getattr(settings, name)}
        if needs_region(settings.s3_endpoint) and not settings.s3_region:
            found["s3_region"] = "Enter the bucket's region, like eu-central-1: AWS needs it."
        return found
    if settings.transport is TransportMethod.SCRIPT and not settings.script_path:
        return {"script_path": "Enter the whole path, like /usr/local/bin/push.sh."}
    return {}


_S3_NEEDS = {
    "s3_endpoint": "Enter the address of the storage, like https://s3.acme.example:9000.",
    "s3_bucket": "Enter the bucket that your DMS reads, like acme-phone-config.",
    "s3_access_key": "Enter the access key of the storage.",
    "s3_secret_key": "Enter the secret key that belongs to the access key.",
}


def _local(settings: ProvisioningSettings) -> dict[str, str]:
    found: dict[str, str] = {}
    taken: dict[int, Protocol] = {}
    for protocol in Protocol:
        if not settings.enabled(protocol):
            continue
        port = settings.port(protocol)
        if port in taken:
            found[f"{protocol}_port"] = (
                f"Port {port} is taken by {taken[port].upper()}. Choose another from 1 to 65535."
            )
        taken.setdefault(port, protocol)
    if settings.mode is ProvisioningMode.LOCAL and not settings.enabled(settings.default_protocol):
        name = settings.default_protocol.upper()
        found["default_protocol"] = f"{name} is switched off. Switch it on under Protocols or choose another."
    if settings.tftp_enabled and not settings.tftp_networks:
        found["tftp_networks"] = "Enter the networks that phones may use TFTP from, like 10.0.0.0/8, 192.168.0.0/16."
    return found | _passive(settings, taken) | _sign_in(settings)


def _passive(settings: ProvisioningSettings, taken: Mapping[int, Protocol]) -> dict[str, str]:
    """Data connections need ports that no listener has."""
    low, dash, high = settings.ftp_passive_ports.partition("-")
    inside = [port for port in taken if dash and int(low) <= port <= int(high)]
    if not inside:
        return {}
    sentence = f"Port {inside[0]} is taken by {taken[inside[0]].upper()}. Choose a range without it."
    return {"ftp_passive_ports": sentence}


def _sign_in(settings: ProvisioningSettings) -> dict[str, str]:
    """Empty credentials for an enabled protocol would give every file to everyone (security PH-07)."""
    needs = {
        "http": settings.http_enabled or settings.https_enabled,
        "ftp": settings.ftp_enabled or settings.ftps_enabled,
    }
    found = {}
    for kind in (kind for kind, needed in needs.items() if needed):
        if not getattr(settings, f"{kind}_user"):
            found[f"{kind}_user"] = "Enter the user that phones sign in with."
        elif ":" in getattr(settings, f"{kind}_user"):
            found[f"{kind}_user"] = "Leave out “:”: sign-in over HTTP cannot carry it in a user name."
        if not getattr(settings, f"{kind}_password"):
            found[f"{kind}_password"] = "Enter the password that phones sign in with, or generate one."
    return found
