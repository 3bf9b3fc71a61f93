"""The files of a device: as rendered now, on disk, the difference; secrets hidden unless revealed (spec 9, UI-12)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from forms.people import ConfirmedForm
from views.access import current_actor, requires
from views.confirming import confirming_user
from views.database import db_session
from views.devices.blueprint import bp, device_page, the_device
from views.devices.comparing import Compared, choices, comparing_values, comparison, revision_number, wanted
from views.devices.sources import source_links
from views.site import current_site
from webprov.audit import record_change
from webprov.delivered import delivery_of
from webprov.followups import command_runs
from webprov.previews import DiffKind, DiffRow, Preview, preview_device
from webprov.provenance import trace_file
from webprov.revisions import revisions_of
from webprov.rights import Right
from webprov.store.database import writing
from webprov.store.devicedata import read_device
from webprov.store.models import Device

REVEALED_SECONDS = 60
VIEWS = {"now": "As rendered now", "disk": "On disk", "difference": "Difference"}


@dataclass(frozen=True)
class Gap:
    """Equal lines that a difference leaves out."""

    count: int


@bp.get("/<mac>/preview")
@requires(Right.SEE_DEVICES)
def preview(mac: str) -> ResponseReturnValue:
    """One file in one view (`?file=`, `?view=now|disk|difference`), masked for everybody."""
    return _page(the_device(mac), ConfirmedForm(None))


@bp.post("/<mac>/preview")
@requires(Right.REVEAL_SECRETS)
def reveal(mac: str) -> ResponseReturnValue:
    """The same with its secrets, against the person's own password; once, recorded, and gone after a minute."""
    device, form = the_device(mac), ConfirmedForm()
    if not confirming_user(form):
        return _page(device, form), 422
    number = revision_number(request.args.get("against", ""))
    of_revision = {"revision": ["", number]} if number else {}
    _record(device, "reveal secrets", request.args.get("file", ""), of_revision)
    session["revealed"] = {"mac": device.mac, "until": int(time.time()) + REVEALED_SECONDS}
    response = make_response(_page(device, form, revealed=True))
    response.headers["Refresh"] = f"{REVEALED_SECONDS}; url={_address(device)}"
    return response


@bp.post("/<mac>/preview/download")
@requires(Right.REVEAL_SECRETS)
def download(mac: str) -> ResponseReturnValue:
    """A file with its secrets, within a minute of revealing them."""
    device = the_device(mac)
    granted = session.get("revealed") or {}
    if granted.get("mac") != device.mac or not 0 <= granted.get("until", 0) - time.time() <= REVEALED_SECONDS:
        return redirect(url_for(".preview", mac=device.mac, file=request.form.get("file"), ask=1))
    chosen = _chosen(_previews(device, revealed=True), request.form.get("file", ""))
    if chosen is None or chosen.now is None:
        abort(404)
    _record(device, "download", chosen.path)
    response = Response(chosen.now, mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=chosen.path.rpartition("/")[2])
    return response


def _page(device: Device, form: ConfirmedForm, *, revealed: bool = False) -> str:
    session, site = db_session(), current_site()
    data = read_device(session, device.mac) or abort(404)
    kept = revisions_of(session, device)
    offered = choices(device, kept)
    view, against = request.args.get("view", "now"), wanted(offered)
    view = view if view in VIEWS or (view == "revision" and revision_number(against)) else "now"
    revealed = revealed and not _is_of_another(view, against)
    files = preview_device(session, site, data, reveal=revealed)
    chosen = _chosen(files, request.args.get("file", ""))
    compares = view in ("difference", "revision")
    compared = comparison(against, device, data, files, chosen, reveal=revealed) if compares else Compared(chosen)
    shown = compared.preview
    rows = shown.difference if shown and view == "difference" and not compared.missing else []
    on_disk = chosen.difference if chosen else []
    return device_page(
        "devices/preview.html",
        device,
        "preview",
        files=files,
        chosen=chosen,
        compared=compared,
        choices=offered,
        view=view,
        views=VIEWS,
        text=(shown.now if view == "now" else shown.on_disk) if shown else None,
        delivery=delivery_of(session, site, device),
        commands=command_runs(session, device.id),
        rows=_with_gaps(rows, shown),
        traced=trace_file(site, data, chosen.path) if chosen and view == "now" else None,
        number=request.args.get("line", 0, type=int),
        source_links=source_links(device),
        added=sum(row.kind is DiffKind.ADDED for row in on_disk),
        removed=sum(row.kind is DiffKind.REMOVED for row in on_disk),
        form=form,
        asks=not _is_of_another(view, against) and (bool(request.args.get("ask")) or _is_refused(revealed=revealed)),
        revealed=revealed,
        address=lambda **values: _address(device, **values),
        **comparing_values(device, data, kept, against),
    )


def _is_of_another(view: str, against: str) -> bool:
    """Files of another device are compared without secrets, whoever looks."""
    return view == "difference" and against == "device"


def _is_refused(*, revealed: bool) -> bool:
    return request.method == "POST" and not revealed


def _address(device: Device, **values: object) -> str:
    """The address of this page with another file or view."""
    present = {name: request.args.get(name) for name in ("file", "view", "against", "other")}
    return url_for(".preview", mac=device.mac, **{**present, **values})  # type: ignore[arg-type]


def _previews(device: Device, *, revealed: bool) -> list[Preview]:
    data = read_device(db_session(), device.mac)
    return preview_device(db_session(), current_site(), data, reveal=revealed) if data else []


def _chosen(files: Sequence[Preview], path: str) -> Preview | None:
    """The file of that name, 404 for one that is not there; without a name the longest of the device's own."""
    if not path:
        return max(files, key=lambda file: (not file.shared, len(file.now or "")), default=None)
    return next((file for file in files if file.path == path), None) or abort(404)


def _with_gaps(rows: Sequence[DiffRow], chosen: Preview | None) -> list[DiffRow | Gap]:
    """The difference with the number of lines that each gap stands for."""
    shown: list[DiffRow | Gap] = []
    last, total = 0, len((chosen.on_disk or "").splitlines()) if chosen else 0
    for index, row in enumerate(rows):
        if row.kind is not DiffKind.GAP:
            shown.append(row)
            last = row.old or last
            continue
        following = next((later.old for later in rows[index + 1 :] if later.old), total + 1)
        shown.append(Gap(following - last - 1))
    return shown


def _record(device: Device, action: str, path: str, more: Mapping[str, Any] | None = None) -> None:
    with writing(db_session()):
        fields = {**({"file": ["", path]} if path else {}), **(more or {})}
        record_change(
            db_session(), current_actor(), action, "device", device.mac, tenant_id=device.tenant_id, fields=fields
        )
