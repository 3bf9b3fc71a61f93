"""What the pages about devices share: the blueprint, finding a device, the frame of its page."""

from typing import Any

from flask import Blueprint, abort, flash, render_template

from views.access import chosen_tenant, current_actor
from views.database import db_session
from views.firmwareseen import phone_seen
from views.site import current_site
from webprov.changes.devices import find_device
from webprov.errors import InvalidValue
from webprov.fetchlist import FetchQuery, list_fetches
from webprov.fetchwords import words_for
from webprov.fleet import state_of
from webprov.mac import format_mac, parse_mac
from webprov.phones.phonemodel import PhoneModel
from webprov.provisioning import ProvisionResult, provision_device
from webprov.rights import Right
from webprov.store.models import Device, utc_now
from webprov.store.windowrecords import closing_time, window_of
from webprov.uploads import count_uploads

bp = Blueprint("devices", __name__, url_prefix="/devices")

_LAST_FETCHES = 5


def the_device(mac: str) -> Device:
    """The device of this address, in any spelling; 404 where it is missing or belongs to somebody else (UI-03)."""
    try:
        return find_device(db_session(), parse_mac(mac), current_actor())
    except InvalidValue:
        abort(404)


def device_page(template: str, device: Device, tab: str, **values: Any) -> str:
    """One tab of a device's page, with what its head and its side panel show."""
    session, site = db_session(), current_site()
    model = site.catalog.model(device.model, device.tenant.name)
    shown = {
        "device": device,
        "tab": tab,
        "model": model,
        "state": state_of(session, site, device),
        "file_count": len(device.files) + len(model.shared if model else ()),
        "last_fetches": list_fetches(session, FetchQuery(device_id=device.id), limit=_LAST_FETCHES).rows,
        "words_for": words_for,
        "upload_count": count_uploads(session, device),
        "uploads_enabled": site.settings.uploads_enabled,
        "seen": phone_seen(device, model),
        "window": window_of(device.provisioning_window, site.settings.provisioning_window).value,
        "window_until": closing_time(session, device.id),
        "now": utc_now(),
        "may_edit": current_actor().may(Right.EDIT_DEVICES, device.tenant_id),
        "may_reveal": current_actor().may(Right.REVEAL_SECRETS),
        "timezone": effective_timezone(device),
    }
    return render_template(template, **shown | values)


def effective_timezone(device: Device) -> tuple[str, str]:
    """The zone that the phone gets, and in words whose it is."""
    settings = current_site().settings
    if device.timezone:
        return device.timezone, "this device"
    if device.tenant.timezone:
        return device.tenant.timezone, f"tenant {device.tenant.name}"
    return settings.timezone, "Provisioning settings"


def provision_and_tell(mac: str, done: str = "") -> None:
    """Provision at once and say what was written; an error leaves the old files and says so. `done` comes first."""
    tell(provision_device(db_session(), current_site(), mac), done)


def tell(result: ProvisionResult, done: str = "") -> None:
    """Say what became of one device, with everything that did not work."""
    kind, sentence = told(result)
    flash(f"{done} {sentence}".strip(), kind)
    for warning in result.warnings:
        flash(warning, "warning")
    for sentence in result.command_errors:
        flash(sentence, "warning")
    for sentence in result.push_errors:
        flash(f"Not delivered to the DMS: {sentence}", "warning")


def told(result: ProvisionResult) -> tuple[str, str]:
    """What became of one device, as a kind of message and a sentence."""
    if result.error:
        return "error", f"The files could not be made: {result.error} The phone keeps its old files."
    parts = []
    if result.written:
        parts.append(f"{_files(len(result.written))} written: {_some(result.written)}.")
    if result.removed:
        parts.append(f"{_files(len(result.removed))} removed: {_some(result.removed)}.")
    return "message", " ".join(parts) or "Its files are as they were."


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _some(names: tuple[str, ...], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def name_of(device: Device) -> str:
    """How people call it: its label, else its MAC."""
    return device.label or format_mac(device.mac)


def offered_models() -> tuple[PhoneModel, ...]:
    """The models that the chosen tenant, or everybody, may choose from."""
    tenant = chosen_tenant()
    return current_site().catalog.models(tenant.name if tenant else "")
