"""Contacts as CSV files: import with a trial run, export (contract "CSV")."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.contacts.blueprint import bp, the_tenant
from views.database import db_session
from views.downloads import csv_download, uploaded
from views.imported import start_in_background
from webprov.contactimport import ContactsImported, export_contacts, import_contacts
from webprov.csvtable import CsvRefused, write_csv
from webprov.imports import is_small
from webprov.rights import Right
from webprov.store.contactrecords import CONTACT_FIELDS

MAX_UPLOAD_BYTES = 40 * 1024 * 1024
_EXAMPLE = ("Ada", "Lind", "Acme", "Sales", "101", "+49 30 1234", "+49 171 5678", "", "", "ada@acme.example")


@bp.url_value_preprocessor
def _allow_large_uploads(endpoint: str | None, _values: object) -> None:
    """Raise the limit before anything reads the body."""
    if endpoint == "contacts.import_file":
        request.max_content_length = MAX_UPLOAD_BYTES


@bp.get("/import")
@requires(Right.EDIT_CONTACTS)
def import_form() -> ResponseReturnValue:
    """Where a file is chosen, and what it has to look like."""
    return render_template("contacts/import.html", owner=the_tenant())


@bp.post("/import")
@requires(Right.EDIT_CONTACTS)
def import_file() -> ResponseReturnValue:
    """Try the file, or import it, all or nothing; errors by row and column. A large one is left to the worker."""
    tenant, data = the_tenant(), uploaded("file")
    replaces = request.form.get("how") == "replace"
    if not data:
        return render_template("contacts/import.html", owner=tenant, error="Choose a CSV file.", replaces=replaces), 422
    is_trial = request.form.get("action") == "try"
    try:
        if not is_small(data):
            return start_in_background(data, tenant, replaces=replaces)
        done = import_contacts(db_session(), data, current_actor(), tenant.name, replace=replaces, dry_run=is_trial)
    except CsvRefused as e:
        return render_template("contacts/import.html", owner=tenant, refused=e, replaces=replaces), 422
    if is_trial:
        return render_template("contacts/import.html", owner=tenant, trial=done, replaces=replaces)
    flash(f"Imported: {_counts(done)}.")
    return redirect(url_for(".index"))


@bp.get("/example.csv")
@requires(Right.EDIT_CONTACTS)
def example() -> ResponseReturnValue:
    """A file to start from."""
    return csv_download(write_csv(CONTACT_FIELDS, [_EXAMPLE], guard=True), "contacts-example.csv")


@bp.get("/export.csv")
@requires(Right.EDIT_CONTACTS)
def export() -> ResponseReturnValue:
    """All contacts of the tenant."""
    tenant = the_tenant()
    lines = export_contacts(db_session(), current_actor(), tenant.name, guard=True)
    return csv_download(lines, f"contacts-{tenant.name}.csv")


def _counts(done: ContactsImported) -> str:
    parts = {"added": done.added, "changed": done.changed, "deleted": done.deleted, "as they were": done.unchanged}
    return ", ".join(f"{number:,} {word}" for word, number in parts.items() if number or word == "added")
