"""Devices as CSV files: import with a trial run, export with or without secrets (contract "CSV")."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from forms.people import ConfirmedForm
from views.access import current_actor, requires
from views.confirming import confirming_user
from views.database import db_session
from views.devices.blueprint import bp
from views.downloads import csv_download, uploaded
from views.imported import start_in_background
from views.site import current_site
from webprov.audit import record_change
from webprov.csvtable import CsvRefused, write_csv
from webprov.deviceexport import export_devices
from webprov.deviceimport import ImportResult, import_devices
from webprov.errors import Conflict
from webprov.imports import is_small
from webprov.rights import Right
from webprov.store.database import writing

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
EXAMPLE_COLUMNS = (
    "tenant", "mac", "model", "label", "line1_display_name", "line1_extension", "line1_userid", "line1_password",
    "key1_type", "key1_value", "key1_label",
)  # fmt: skip


@bp.url_value_preprocessor
def _allow_large_uploads(endpoint: str | None, _values: object) -> None:
    """Raise the limit before anything reads the body."""
    if endpoint == "devices.import_file":
        request.max_content_length = MAX_UPLOAD_BYTES


@bp.get("/import")
@requires(Right.EDIT_DEVICES)
def import_form() -> ResponseReturnValue:
    """Where a file is chosen, and what it has to look like."""
    return render_template("devices/import.html")


@bp.post("/import")
@requires(Right.EDIT_DEVICES)
def import_file() -> ResponseReturnValue:
    """Try the file, or import it, all or nothing; errors by row and column. A large one is left to the worker."""
    data = uploaded("file")
    if not data:
        return render_template("devices/import.html", error="Choose a CSV file."), 422
    is_trial = request.form.get("action") == "try"
    try:
        if not is_small(data):
            return start_in_background(data)
        result = import_devices(db_session(), current_site(), data, current_actor(), dry_run=is_trial)
    except CsvRefused as e:
        return render_template("devices/import.html", refused=e), 422
    except Conflict as e:
        return render_template("devices/import.html", error=str(e)), 409
    if is_trial:
        return render_template("devices/import.html", trial=result)
    flash(f"Imported: {_counts(result)}. {result.waiting} devices have stale files and wait to be provisioned.")
    return redirect(url_for(".index"))


@bp.get("/example.csv")
@requires(Right.EDIT_DEVICES)
def example() -> ResponseReturnValue:
    """A file to start from, with a model that is installed."""
    models = current_site().catalog.models()
    row = ("acme", "80:5E:C0:12:34:56", models[0].key if models else "", "Reception", "Ada Lind", "1000", "1000", "",
           "blf", "1001", "Bo Holm")  # fmt: skip
    return csv_download(write_csv(EXAMPLE_COLUMNS, [row], guard=True), "example.csv")


@bp.get("/export")
@requires(Right.EDIT_DEVICES)
def export_form() -> ResponseReturnValue:
    """With or without secrets?"""
    return render_template("devices/export.html", form=ConfirmedForm(None))


@bp.get("/export.csv")
@requires(Right.EDIT_DEVICES)
def export() -> ResponseReturnValue:
    """Every device of this person, without secrets."""
    return csv_download(export_devices(db_session(), current_actor()), "devices.csv")


@bp.post("/export.csv")
@requires(Right.REVEAL_SECRETS)
def export_secrets() -> ResponseReturnValue:
    """The same with secrets, against the person's own password; recorded."""
    form = ConfirmedForm()
    if not confirming_user(form):
        return render_template("devices/export.html", form=form), 422
    with writing(db_session()):
        record_change(db_session(), current_actor(), "export secrets", "devices", "all devices")
    return csv_download(export_devices(db_session(), current_actor(), with_secrets=True), "devices-with-secrets.csv")


def _counts(result: ImportResult) -> str:
    return f"{result.added} added, {result.changed} changed, {result.unchanged} as they were"
