"""Adding, editing in place, deleting: for htmx a row, without scripts the page with that row open."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.contacts.blueprint import LABELS, bp, kept, state_values, the_tenant, typed
from views.contacts.listing import list_page
from views.database import db_session
from views.partials import wants_partial
from webprov.changes.contacts import add_contact, change_contact, delete_contacts, find_contact
from webprov.contactlist import ContactQuery, matching_ids
from webprov.errors import Conflict, InvalidInput
from webprov.rendering.directories import shown_name
from webprov.rights import Right
from webprov.store.contactrecords import CONTACT_FIELDS, Contact, Person
from webprov.store.models import Tenant

_SHOWN_NAMES = 20


@bp.get("/<int:number>")
@requires(Right.SEE_DEVICES)
def show(number: int) -> ResponseReturnValue:
    """One row as the list shows it; without htmx the list."""
    tenant = the_tenant()
    if not wants_partial():
        return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]
    return _row(tenant, find_contact(db_session(), tenant, number))


@bp.get("/<int:number>/edit")
@requires(Right.EDIT_CONTACTS)
def edit(number: int) -> ResponseReturnValue:
    """The same row, open."""
    tenant = the_tenant()
    contact = find_contact(db_session(), tenant, number)
    if not wants_partial():
        return list_page(tenant, edit=number)
    return _open_row(tenant, contact, {name: getattr(contact, name) for name in CONTACT_FIELDS}, {})


@bp.post("/<int:number>")
@requires(Right.EDIT_CONTACTS)
def change(number: int) -> ResponseReturnValue:
    """Store what was typed, or show the row again with what has to change."""
    tenant, given = the_tenant(), typed()
    try:
        version = request.form.get("version", type=int)
        contact = change_contact(db_session(), current_actor(), tenant.name, number, given, version=version)
    except (InvalidInput, Conflict) as e:
        return _refused(tenant, find_contact(db_session(), tenant, number), given, e)
    if wants_partial():
        return _row(tenant, contact, said=f"{_name(contact)} is saved.")
    flash(f"{_name(contact)} is saved.")
    return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]


@bp.post("/")
@requires(Right.EDIT_CONTACTS)
def create() -> ResponseReturnValue:
    """Add a contact."""
    tenant, given = the_tenant(), typed()
    try:
        contact = add_contact(db_session(), current_actor(), tenant.name, given)
    except (InvalidInput, Conflict) as e:
        errors = e.errors if isinstance(e, InvalidInput) else {"": str(e)}
        return list_page(tenant, edit=-1, typed=given, errors=errors), 422
    flash(f"{_name(contact)} is added.")
    more = {"add": 1} if "another" in request.form else {}
    return redirect(url_for(".index", **kept(), **more))  # type: ignore[arg-type]


@bp.post("/delete")
@requires(Right.EDIT_CONTACTS)
def delete() -> ResponseReturnValue:
    """Delete the selected contacts, or all of the tenant, once that was confirmed."""
    tenant = the_tenant()
    numbers = [int(text) for text in request.form.getlist("selected") if text.isdigit() and len(text) < 15]
    whole = request.form.get("all") == "yes"
    if whole:
        numbers = matching_ids(db_session(), ContactQuery(tenant.id))
    if not numbers:
        flash("No contact was selected.")
        return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]
    if request.form.get("confirmed") != "yes":
        names = [_name(find_contact(db_session(), tenant, number)) for number in numbers[:_SHOWN_NAMES]]
        chosen = [] if whole else numbers
        return render_template("contacts/delete.html", numbers=chosen, count=len(numbers), names=names, owner=tenant)
    gone = delete_contacts(db_session(), current_actor(), tenant.name, numbers)
    flash(f"{'1 contact is' if gone == 1 else f'{gone:,} contacts are'} deleted.")
    return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]


def _name(contact: Contact) -> str:
    return shown_name(Person(**{field: getattr(contact, field) for field in CONTACT_FIELDS}))


def _row(tenant: Tenant, contact: Contact, said: str = "") -> str:
    values = {"contact": contact, "kept": kept(), "said": said, "labels": LABELS}
    return render_template("contacts/_row.html", **values, **(state_values(tenant) if said else {"owner": tenant}))


def _open_row(tenant: Tenant, contact: Contact, given: dict[str, str], errors: dict[str, str]) -> str:
    values = {"opened": contact, "typed": given, "errors": errors, "kept": kept(), "labels": LABELS, "owner": tenant}
    return render_template("contacts/_edit_row.html", **values)


def _refused(
    tenant: Tenant, contact: Contact, given: dict[str, str], error: InvalidInput | Conflict
) -> ResponseReturnValue:
    errors = error.errors if isinstance(error, InvalidInput) else {"": str(error)}
    if wants_partial():
        return _open_row(tenant, contact, given, errors), 422
    return list_page(tenant, edit=contact.id, typed=given, errors=errors), 422
