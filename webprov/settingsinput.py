"""Provisioning Settings as people type them: contract names and text in, checked settings out (spec 1).

The form, `webprov settings set` and the live check of a single field all come here: same checks, same sentences.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from webprov.checks import (
    check_choice,
    check_host,
    check_networks,
    check_on_off,
    check_path,
    check_phone_password,
    check_plain_host,
    check_text,
)
from webprov.enums import Protocol, ProvisioningMode
from webprov.errors import InvalidInput, InvalidValue
from webprov.hosts import parse_host, parse_port
from webprov.phones.timezones import check_timezone
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings

AVAILABLE_PROTOCOLS = (Protocol.HTTP,)
"""What has a listener so far; the others cannot be enabled."""


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
    "phone_networks": check_networks,
}
SETTINGS_FIELDS = tuple(_CHECKS)
"""The fields that can be set, by their contract names, in the order of the page."""


def parse_settings(
    flat: Mapping[str, str], current: ProvisioningSettings, *, clear: Collection[str] = ()
) -> ProvisioningSettings:
    """`current` with the typed fields of `flat` in place; an empty secret keeps the stored one, one in `clear` goes.

    Raises InvalidInput with a sentence per field: what is not well-formed, and what does not fit together.
    """
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, text in flat.items():
        if name in SECRET_FIELDS and not text.strip():
            continue
        try:
            values[name] = check_field(name, text)
        except InvalidValue as e:
            errors[name] = str(e)
    values |= {name: "" for name in clear if name in SECRET_FIELDS}
    settings = replace(current, **values)
    for name, sentence in _disagreements(settings, current, values).items():
        errors.setdefault(name, sentence)
    if errors:
        raise InvalidInput(errors)
    return settings


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
    moved = parse_host_name(settings.external_server) != parse_host_name(current.external_server)
    if moved and current.external_password and "external_password" not in typed:
        found["external_password"] = "Type the DMS password again: the DMS server changed."  # noqa: S105
    return found


def parse_host_name(text: str) -> str:
    """The host of `name:port`; empty for empty."""
    return parse_host(text).name if text else ""


def _external(settings: ProvisioningSettings) -> dict[str, str]:
    if not settings.external_server:
        return {"external_server": "Enter the server that phones download from, like dms.acme.example."}
    if settings.external_password and not settings.external_user:
        return {"external_user": "Enter the user that belongs to the DMS password, or clear the password."}
    return {}


def _local(settings: ProvisioningSettings) -> dict[str, str]:
    found: dict[str, str] = {}
    taken: dict[int, Protocol] = {}
    for protocol in Protocol:
        if not settings.enabled(protocol):
            continue
        port = settings.port(protocol)
        if protocol not in AVAILABLE_PROTOCOLS:
            found[f"{protocol}_enabled"] = f"This version does not serve {protocol.upper()} yet. Leave it off."
        elif port in taken:
            found[f"{protocol}_port"] = (
                f"Port {port} is taken by {taken[port].upper()}. Choose another from 1 to 65535."
            )
        taken.setdefault(port, protocol)
    if settings.mode is ProvisioningMode.LOCAL and not settings.enabled(settings.default_protocol):
        name = settings.default_protocol.upper()
        found["default_protocol"] = f"{name} is switched off. Switch it on under Protocols or choose another."
    return found | _sign_in(settings)


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
