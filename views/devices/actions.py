"""What is done to devices: provision, check-sync, enable, delete; to one, or to those selected in the list."""

from collections.abc import Sequence

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from views.access import current_actor, requires
from views.database import db_session
from views.devices.blueprint import bp, device_page, name_of, provision_and_tell, the_device
from views.jobs import started
from views.site import current_site
from webprov.audit import record_change
from webprov.changes.devices import change_device, delete_devices
from webprov.changes.owncredentials import let_start_over, renew_credentials
from webprov.changes.windows import let_fetch_again
from webprov.deviceinput import DeviceInput
from webprov.errors import InvalidValue
from webprov.followups import notify
from webprov.mac import parse_mac
from webprov.phones.checksync import WAITS_SECONDS, CheckSyncResult
from webprov.redelivery import deliver_again
from webprov.rights import Right
from webprov.store.database import writing
from webprov.store.models import Device

MOST_SELECTED = 200
_BACK = {"lines": "show", "phone": "phone", "variables": "variables", "preview": "preview", "fetches": "fetches",
         "uploads": "uploads", "changes": "changes"}  # fmt: skip


@bp.post("/<mac>/provision")
@requires(Right.PROVISION)
def provision(mac: str) -> ResponseReturnValue:
    """Make the files of this device now."""
    device = the_device(mac)
    if not device.enabled:
        flash(f"{name_of(device)} is disabled and gets no files. Enable it first.", "warning")
    else:
        provision_and_tell(device.mac, "" if request.args.get("back") != "list" else f"{name_of(device)}:")
    return _back(device.mac)


@bp.post("/<mac>/deliver")
@requires(Right.PROVISION)
def deliver(mac: str) -> ResponseReturnValue:
    """Carry its files again as they are: those that wait to the storage, or all of them by the script."""
    device = the_device(mac)
    errors = deliver_again(db_session(), current_site(), device.mac, current_actor())
    for sentence in errors:
        flash(f"Not delivered to the DMS: {sentence}", "warning")
    if not errors:
        flash(f"The files of {name_of(device)} have been delivered.")
    return redirect(url_for(".preview", mac=device.mac))


@bp.get("/<mac>/check-sync")
@requires(Right.PROVISION)
def check_sync(mac: str) -> ResponseReturnValue:
    """Ask whether, and at which address, the phone should be told to fetch."""
    return _check_sync_page(the_device(mac))


@bp.post("/<mac>/check-sync")
@requires(Right.PROVISION)
def send(mac: str) -> ResponseReturnValue:
    """Tell the phone to fetch, and show what was sent and what it answered."""
    device = the_device(mac)
    typed = request.form.get("address", "").strip() or device.last_fetch_address
    try:
        result = _notify(device, typed)
    except InvalidValue as e:
        return _check_sync_page(device, error=str(e), typed=typed), 422
    return _check_sync_page(device, result=result, typed=typed)


@bp.post("/<mac>/enabled")
@requires(Right.EDIT_DEVICES)
def set_enabled(mac: str) -> ResponseReturnValue:
    """Disable: its files go at once. Enable: they are made again."""
    device = the_device(mac)
    enabled = request.form.get("enabled") == "on"
    change_device(
        db_session(), current_site(), device.mac, DeviceInput(device.mac, {"enabled": enabled}), current_actor()
    )
    if enabled:
        provision_and_tell(device.mac, f"{name_of(device)} is enabled.")
    else:
        flash(f"{name_of(device)} is disabled; its files are gone.")
    return redirect(url_for(".show", mac=device.mac))


@bp.post("/<mac>/credentials")
@requires(Right.EDIT_DEVICES)
def renew(mac: str) -> ResponseReturnValue:
    """New random download credentials; those before stay good until the phone has used the new ones."""
    device = the_device(mac)
    renew_credentials(db_session(), [device.mac], current_actor())
    if device.enabled:
        provision_and_tell(device.mac, "New credentials are made; the present ones work until the phone has used them.")
    else:
        flash("New credentials are made; the phone gets them once it is enabled.")
    return redirect(url_for(".phone", mac=device.mac))


@bp.post("/<mac>/start-over")
@requires(Right.EDIT_DEVICES)
def start_over(mac: str) -> ResponseReturnValue:
    """Let the phone in with the shared credentials once more, after it was reset."""
    device = the_device(mac)
    let_start_over(db_session(), device.mac, current_actor())
    flash("The shared credentials open its files until it signs in with its own.")
    return redirect(url_for(".phone", mac=device.mac))


@bp.post("/<mac>/window")
@requires(Right.PROVISION)
def let_fetch(mac: str) -> ResponseReturnValue:
    """Open the provisioning window of the device again."""
    device = the_device(mac)
    let_fetch_again(db_session(), [device.mac], current_actor())
    flash(f"{name_of(device)} may fetch its files again.")
    return _back(device.mac)


@bp.get("/<mac>/delete")
@requires(Right.EDIT_DEVICES)
def ask_delete(mac: str) -> ResponseReturnValue:
    """What goes with the device, and what stays."""
    return render_template("devices/delete.html", devices=[the_device(mac)])


@bp.post("/bulk")
@requires(Right.PROVISION)
def bulk() -> ResponseReturnValue:
    """What a button above the list says, for the devices selected on that page."""
    devices = _selected()
    action = request.form.get("action", "")
    if not devices:
        flash("Select devices first.", "warning")
    elif action == "provision":
        return started([device.id for device in devices], f"Provision {_devices(len(devices))}")
    elif action == "window":
        let_fetch_again(db_session(), [device.mac for device in devices], current_actor())
        flash(f"{_devices(len(devices))} may fetch {'its' if len(devices) == 1 else 'their'} files again.")
    elif action == "check-sync":
        _check_sync_all(devices)
    elif action == "credentials":
        return _renew_all(devices)
    elif action == "delete":
        return _delete(devices)
    else:
        abort(400)
    return redirect(url_for(".index"))


def _selected() -> list[Device]:
    """The chosen devices that this person may see; others are passed over as if they were not there."""
    macs = []
    for text in request.form.getlist("selected")[:MOST_SELECTED]:
        try:
            macs.append(parse_mac(text))
        except InvalidValue:
            continue
    query = select(Device).where(Device.mac.in_(macs)).options(selectinload(Device.tenant)).order_by(Device.label)
    return [device for device in db_session().scalars(query) if current_actor().may(Right.PROVISION, device.tenant_id)]


def _renew_all(devices: list[Device]) -> ResponseReturnValue:
    """New credentials for each, and files with them."""
    if not current_actor().may(Right.EDIT_DEVICES):
        abort(403)
    ids = [device.id for device in devices]
    renew_credentials(db_session(), [device.mac for device in devices], current_actor())
    flash(f"New credentials for {_devices(len(ids))}; the present ones work until the phones have used the new ones.")
    return started(ids, f"Provision {_devices(len(ids))} with new credentials")


def _delete(devices: list[Device]) -> ResponseReturnValue:
    """Ask first; on the answer "confirmed" do it."""
    if not current_actor().may(Right.EDIT_DEVICES):
        abort(403)
    if request.form.get("confirmed") != "yes":
        return render_template("devices/delete.html", devices=devices)
    names = [name_of(device) for device in devices]
    delete_devices(db_session(), current_site(), [device.mac for device in devices], current_actor())
    flash(f"{names[0]} is deleted." if len(names) == 1 else f"{len(names)} devices are deleted.")
    return redirect(url_for(".index"))


def _check_sync_all(devices: list[Device]) -> None:
    """One datagram each, without waiting for answers longer than a blink."""
    sent = 0
    for device in devices:
        if device.last_fetch_address:
            _notify(device, device.last_fetch_address, waits_seconds=(0.05,))
            sent += 1
    flash(f"Check-sync sent to {_devices(sent)}.")
    if sent < len(devices):
        flash(f"{_devices(len(devices) - sent)} without a known address: they have not fetched yet.", "warning")


def _notify(device: Device, address: str, waits_seconds: Sequence[float] = WAITS_SECONDS) -> CheckSyncResult:
    result = notify(current_site(), device, address, waits_seconds)
    session = db_session()
    with writing(session):
        fields = {"address": ["", result.target]}
        record_change(
            session, current_actor(), "check-sync", "device", device.mac, tenant_id=device.tenant_id, fields=fields
        )
    return result


def _check_sync_page(device: Device, *, result: CheckSyncResult | None = None, error: str = "", typed: str = "") -> str:
    model = current_site().catalog.model(device.model, device.tenant.name)
    return device_page(
        "devices/check_sync.html",
        device,
        "check-sync",
        result=result,
        error=error,
        typed=typed,
        event=model.check_sync if model else "check-sync",
    )


def _back(mac: str) -> ResponseReturnValue:
    """To the page whose button was pressed."""
    tab = request.args.get("back", "")
    if tab == "list":
        return redirect(url_for(".index"))
    return redirect(url_for(f".{_BACK.get(tab, 'show')}", mac=mac))


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count} devices"
