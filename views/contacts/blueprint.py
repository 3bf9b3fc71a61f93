"""What the pages about contacts share: the blueprint, whose contacts they are, what the address asks for."""

from typing import Any

from flask import Blueprint, abort, request

from views.access import chosen_tenant, visible_tenants
from views.database import db_session
from views.site import current_site
from webprov.contactlist import MAX_TEXT, ContactQuery, directory_state
from webprov.store.contactrecords import CONTACT_FIELDS
from webprov.store.models import Tenant
from webprov.worker import worker_runs

bp = Blueprint("contacts", __name__, url_prefix="/contacts")

LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "company": "Company",
    "group": "Group",
    "extension": "Extension",
    "work": "Work",
    "mobile": "Mobile",
    "home": "Home",
    "other": "Other",
    "email": "E-mail",
}
_NO_GROUP = "-"
"""Stands in the address for contacts without a group; no group can be called so."""


def tenant_or_none() -> Tenant | None:
    """The tenant of the address, or the only one there is."""
    tenants = visible_tenants()
    return chosen_tenant() or (tenants[0] if len(tenants) == 1 else None)


def the_tenant() -> Tenant:
    """The same; 404 where none was chosen."""
    return tenant_or_none() or abort(404)


def wanted(tenant: Tenant) -> ContactQuery:
    """Which contacts the address asks for."""
    group = request.args.get("group", "")
    return ContactQuery(
        tenant_id=tenant.id,
        text=request.args.get("q", "")[:MAX_TEXT],
        group={"": None, _NO_GROUP: ""}.get(group, group),
        page=max(1, request.args.get("page", 1, type=int)),
    )


def kept() -> dict[str, str]:
    """What of the address goes on to the next one: search, group, page."""
    return {name: value for name in ("q", "group", "page") if (value := request.args.get(name, ""))}


def typed() -> dict[str, str]:
    """The fields of the form that was posted."""
    return {name: request.form[name] for name in CONTACT_FIELDS if name in request.form}


def state_values(tenant: Tenant) -> dict[str, Any]:
    """What `contacts/_state.html` shows."""
    state = directory_state(db_session(), tenant.id)
    config = current_site().config
    return {
        "owner": tenant,
        "state": state,
        "has_worker": not state.waiting or worker_runs(db_session(), config),
        "within_seconds": min(config.contacts_interval_seconds, 300),
    }
