"""Adding a device, and editing its lines and keys: the form is posted whole, rows change on the server (ui guide 4)."""

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from forms.devicerows import Row, Rows, act, new_rows, read_rows, rows_of
from forms.devices import KEY_TYPE_LABELS, IdentityForm
from forms.errors import put_errors
from views.access import current_actor, requires, visible_tenants
from views.database import db_session
from views.devices.blueprint import bp, device_page, name_of, offered_models, provision_and_tell, the_device
from views.partials import wants_partial
from views.site import current_site
from webprov.changes.devices import add_device, change_device
from webprov.deviceinput import DeviceInput, parse_device
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.phones.phonemodel import PhoneModel
from webprov.rights import Right
from webprov.store.models import ChangeRecord, Device


@bp.get("/new")
@requires(Right.EDIT_DEVICES)
def new() -> ResponseReturnValue:
    """The form for a new device; `?mac=` and `?model=` fill it for a phone that has shown itself."""
    form = _new_form()
    form.mac.data, form.model.data = request.args.get("mac", "")[:40], request.args.get("model", "")[:100]
    return _new_page(form, new_rows())


@bp.post("/new")
@requires(Right.EDIT_DEVICES)
def add() -> ResponseReturnValue:
    """Add the device and make its files, or show the form again."""
    form, rows = _new_form(), read_rows(request.form)
    try:
        given = _new_input(form, rows)
        device = add_device(db_session(), current_site(), given, current_actor())
    except InvalidInput as e:
        return _new_page(form, rows, e.errors), 422
    provision_and_tell(device.mac, f"{name_of(device)} added.")
    return redirect(url_for(".show", mac=device.mac))


@bp.post("/new/rows")
@requires(Right.EDIT_DEVICES)
def change_new_rows() -> ResponseReturnValue:
    """The form after one of its row buttons was pressed; nothing is stored."""
    rows = act(read_rows(request.form), request.form.get("action", ""))
    return _new_page(_new_form(), rows)


@bp.get("/<mac>/")
@requires(Right.SEE_DEVICES)
def show(mac: str) -> ResponseReturnValue:
    """The lines and keys of a device."""
    device = the_device(mac)
    return _edit_page(device, rows_of(device.lines, device.keys), device.version)


@bp.post("/<mac>/")
@requires(Right.EDIT_DEVICES)
def save(mac: str) -> ResponseReturnValue:
    """Save all lines and keys at once and make the files; or show the form again with what has to change."""
    device, rows = the_device(mac), _posted_rows(the_device(mac))
    version = request.form.get("version", 0, type=int)
    try:
        given = _complete_input({"mac": device.mac} | rows.flat(), rows.number_errors())
        change_device(db_session(), current_site(), device.mac, given, current_actor(), version=version)
    except InvalidInput as e:
        return _edit_page(device, rows, version, errors=e.errors), 422
    except Conflict:
        return _edit_page(device, rows, version, sentence=_who_was_quicker(device)), 409
    provision_and_tell(device.mac, "Saved.")
    return redirect(url_for(".show", mac=device.mac))


@bp.post("/<mac>/rows")
@requires(Right.EDIT_DEVICES)
def change_rows(mac: str) -> ResponseReturnValue:
    """The form after one of its row buttons was pressed; nothing is stored."""
    device = the_device(mac)
    rows = act(_posted_rows(device), request.form.get("action", ""))
    return _edit_page(device, rows, request.form.get("version", 0, type=int))


def _new_input(form: IdentityForm, rows: Rows) -> DeviceInput:
    """What was typed for a new device. Raises InvalidInput with every sentence at once."""
    errors = rows.number_errors()
    try:
        flat = form.flat(offered_models())
    except InvalidValue as e:
        errors["model"] = str(e)
        flat = {"mac": form.mac.data or "", "label": form.label.data or ""}
    return _complete_input(flat | rows.flat(), errors)


def _complete_input(flat: Mapping[str, str], errors: dict[str, str]) -> DeviceInput:
    try:
        given = parse_device(flat, complete=True)
    except InvalidInput as e:
        raise InvalidInput(errors | e.errors) from e
    if errors:
        raise InvalidInput(errors)
    return given


def _posted_rows(device: Device) -> Rows:
    return read_rows(request.form, [line.number for line in device.lines if line.password])


def _new_form() -> IdentityForm:
    form = IdentityForm()
    form.offer_tenants([(tenant.name, tenant.label or tenant.name) for tenant in visible_tenants()])
    return form


def _new_page(form: IdentityForm, rows: Rows, errors: Mapping[str, str] | None = None) -> str:
    rows = rows.with_errors(errors or {})
    put_errors(form, {name: text for name, text in (errors or {}).items() if not _is_of_row(name, rows)})
    values = {
        **_row_values(rows, _model_of(form)),
        "form": form,
        "rows_url": url_for(".change_new_rows"),
        "adding": True,
        "may_edit": True,
        "problems": [*_form_problems(form), *_row_problems(rows)],
        "sentences": form.form_errors,
    }
    if wants_partial():
        return render_template("devices/_rows.html", **values)
    return render_template("devices/new.html", models=offered_models(), **values)


def _edit_page(
    device: Device, rows: Rows, version: int, *, errors: Mapping[str, str] | None = None, sentence: str = ""
) -> str:
    rows = rows.with_errors(errors or {})
    other = [text for name, text in (errors or {}).items() if not _is_of_row(name, rows)]
    values = {
        **_row_values(rows, current_site().catalog.model(device.model, device.tenant.name)),
        "rows_url": url_for(".change_rows", mac=device.mac),
        "version": version,
        "is_changed": request.method == "POST",
        "problems": _row_problems(rows),
        "sentences": [sentence, *other] if sentence else other,
    }
    if wants_partial():
        return render_template("devices/_rows.html", device=device, may_edit=True, **values)
    return device_page("devices/edit.html", device, "lines", **values)


def _row_values(rows: Rows, model: PhoneModel | None) -> dict[str, Any]:
    modules, keys = model.modules if model else (0, 0)
    return {
        "rows": rows,
        "model": model,
        "modules": modules,
        "key_places": (model.keys if model else 0) + modules * keys,
        "lost_keys": [row.title.lower() for row in rows.live_keys if model and not _has_place(model, row)],
        "twins": _twins(rows),
        "key_types": {kind.value: label for kind, label in KEY_TYPE_LABELS.items()},
        "is_partial": wants_partial(),
        "must_retype": not wants_partial(),
    }


def _has_place(model: PhoneModel, row: Row) -> bool:
    modules, keys = model.modules
    return row.number <= (keys if row.module else model.keys) and row.module <= modules


def _twins(rows: Rows) -> dict[str, str]:
    """Keys that do the same as an earlier one: the row's id and how the earlier one is called."""
    seen: dict[tuple[str, ...], str] = {}
    found = {}
    for row in rows.live_keys:
        does = (row.text("type"), row.text("value"), row.text("line"))
        if row.text("value") and does in seen:
            found[row.id] = seen[does]
        seen.setdefault(does, row.title.lower())
    return found


def _is_of_row(name: str, rows: Rows) -> bool:
    return any(name.startswith(row.prefix) for row in (*rows.live_lines, *rows.live_keys))


def _row_problems(rows: Rows) -> list[tuple[str, str, str]]:
    """Per error: the id of its field, what it is about, and the sentence."""
    return [
        (row.secret_name if name == "password" else f"{row.id}-{name}", f"{row.title}, {name.replace('_', ' ')}", text)
        for row in (*rows.live_lines, *rows.live_keys)
        for name, text in row.errors.items()
    ]


def _form_problems(form: IdentityForm) -> list[tuple[str, str, str]]:
    return [(form[name].id, form[name].label.text, texts[0]) for name, texts in form.errors.items() if name]


def _model_of(form: IdentityForm) -> PhoneModel | None:
    """The model as far as it has been typed."""
    try:
        key = form.flat(offered_models())["model"]
    except InvalidValue:
        return None
    return next((model for model in offered_models() if model.key == key), None)


def _who_was_quicker(device: Device) -> str:
    """Who changed the device since the page was opened, and what to do (security DB-04)."""
    query = select(ChangeRecord).where(ChangeRecord.thing == "device", ChangeRecord.name == device.mac)
    last = db_session().scalar(query.order_by(ChangeRecord.at.desc(), ChangeRecord.id.desc()).limit(1))
    who = last.user_name if last else "Somebody else"
    return f"{who} changed this device since you opened it. Nothing of yours was saved: compare, load it again, repeat."
