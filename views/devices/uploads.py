"""What the phone of a device sent: logs, local settings, call lists (spec 8)."""

from flask import flash, redirect, send_file, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.devices.blueprint import bp, device_page, the_device
from views.site import current_site
from webprov.rights import Right
from webprov.store.models import Device
from webprov.texts import safe_text
from webprov.uploads import Upload, delete_upload, find_upload, list_uploads, open_upload

SHOWN_BYTES = 256 * 1024
_LONGEST_LINE = 2_000


@bp.get("/<mac>/uploads")
@requires(Right.SEE_DEVICES)
def uploads(mac: str) -> ResponseReturnValue:
    """The files that the phone sent, by name; what is in them only administrators open."""
    device = the_device(mac)
    found = list_uploads(db_session(), current_site().config, device.mac)
    return device_page("devices/uploads.html", device, "uploads", uploads=found)


@bp.get("/<mac>/uploads/<int:number>")
@requires(Right.REVEAL_SECRETS)
def upload(mac: str, number: int) -> ResponseReturnValue:
    """One of them as text, up to its first 256 KiB; recorded."""
    device = the_device(mac)
    found = _upload(device, number)
    with open_upload(db_session(), device, found, current_actor()) as file:
        content = file.read(SHOWN_BYTES)
    text = content.decode("utf-8", "backslashreplace")
    lines = [] if "\0" in text else [safe_text(line.expandtabs(), _LONGEST_LINE) for line in text.splitlines()]
    cut = found.size > SHOWN_BYTES
    return device_page("devices/upload.html", device, "uploads", upload=found, lines=lines, cut=cut)


@bp.get("/<mac>/uploads/<int:number>/download")
@requires(Right.REVEAL_SECRETS)
def download_upload(mac: str, number: int) -> ResponseReturnValue:
    """One of them as it came, never as something that a browser would run; recorded."""
    device = the_device(mac)
    found = _upload(device, number)
    file = open_upload(db_session(), device, found, current_actor())
    name = f"{device.mac}-{found.name.rpartition('/')[2]}"
    return send_file(file, mimetype="application/octet-stream", as_attachment=True, download_name=name, max_age=0)


@bp.post("/<mac>/uploads/<int:number>/delete")
@requires(Right.EDIT_DEVICES)
def remove_upload(mac: str, number: int) -> ResponseReturnValue:
    """Delete one of them."""
    device = the_device(mac)
    found = _upload(device, number)
    delete_upload(db_session(), device, found, current_actor())
    flash(f"{found.name} is deleted.")
    return redirect(url_for(".uploads", mac=device.mac))


def _upload(device: Device, number: int) -> Upload:
    return find_upload(db_session(), current_site().config, device, number)
