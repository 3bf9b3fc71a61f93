"""The list of a tenant's contacts: search, group and paging in the address, one row open for editing."""

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from views.access import requires, visible_tenants
from views.contacts.blueprint import LABELS, bp, kept, state_values, tenant_or_none, wanted
from views.database import db_session
from views.paging import here, pager
from views.partials import wants_partial
from webprov.changes.contacts import find_contact
from webprov.contactlist import directory_state, group_counts, list_contacts
from webprov.rights import Right
from webprov.store.contactrecords import CONTACT_FIELDS, Contact
from webprov.store.models import Tenant


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """The contacts of the chosen tenant, or for htmx the part below the filters; without a choice, the tenants."""
    tenant = tenant_or_none()
    if tenant is None:
        return _choice()
    if not wants_partial():
        return list_page(tenant)
    response = make_response(render_template("contacts/_list.html", **_list_values(tenant)))
    response.headers["HX-Push-Url"] = here()
    return response


def list_page(
    tenant: Tenant, *, edit: int = 0, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None
) -> str:
    """The whole page. `edit` is the open row (0: that of the address, -1: a new one), with what was typed there."""
    edit = edit or request.args.get("edit", 0, type=int)
    opened = find_contact(db_session(), tenant, edit) if edit > 0 else None
    fields = {name: getattr(opened, name) for name in CONTACT_FIELDS} if opened else {}
    return render_template(
        "contacts/index.html",
        groups=group_counts(db_session(), tenant.id),
        edits=edit,
        opened=opened,
        typed=typed if typed is not None else fields,
        errors=errors or {},
        adds=edit == -1 or "add" in request.args,
        tenants_here=visible_tenants(),
        **{**state_values(tenant), **_list_values(tenant)},
    )


def _list_values(tenant: Tenant) -> dict[str, object]:
    query = wanted(tenant)
    found = list_contacts(db_session(), query)
    return {
        "owner": tenant,
        "wanted": query,
        "found": found,
        "kept": kept(),
        "labels": LABELS,
        "pager": pager(found.matching, query.per_page),
        "is_partial": wants_partial(),
    }


def _choice() -> str:
    """Whose contacts? With how many each has and how far its directories are."""
    counts = select(Contact.tenant_id, func.count()).group_by(Contact.tenant_id)
    numbers = {row[0]: row[1] for row in db_session().execute(counts)}
    rows = [(one, numbers.get(one.id, 0), directory_state(db_session(), one.id)) for one in visible_tenants()]
    return render_template("contacts/tenants.html", rows=rows)
