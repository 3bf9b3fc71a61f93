"""Putting an earlier revision of a device's files back."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.devices.blueprint import bp, device_page, tell, the_device
from views.site import current_site
from webprov.errors import InvalidValue
from webprov.restoring import restore_revision
from webprov.revisions import find_revision
from webprov.rights import Right


@bp.get("/<mac>/revisions/<int:number>/restore")
@requires(Right.PROVISION)
def ask_restore(mac: str, number: int) -> ResponseReturnValue:
    """What restoring does, before it is done."""
    device = the_device(mac)
    revision = find_revision(db_session(), device, number)
    return device_page("devices/restore.html", device, "preview", revision=revision)


@bp.post("/<mac>/revisions/<int:number>/restore")
@requires(Right.PROVISION)
def restore(mac: str, number: int) -> ResponseReturnValue:
    """Write the files of that revision again."""
    device = the_device(mac)
    try:
        result = restore_revision(db_session(), current_site(), device.mac, number, current_actor())
    except InvalidValue as e:
        flash(str(e), "error")
    else:
        tell(result, "" if result.error else f"Revision {number} is restored.")
    return redirect(url_for(".preview", mac=device.mac))
