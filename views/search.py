"""The search field of the top bar: hits below it while typing, a page of them on Enter."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from htmx_flask import make_response

from views.access import requires, within
from views.database import db_session
from views.navigation import link_to
from views.partials import wants_partial
from webprov.rights import Right
from webprov.search import search_fleet
from webprov.store.models import Device

bp = Blueprint("search", __name__)


@bp.get("/search")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """Up to 8 hits in groups; a MAC in full opens its device at once."""
    text = request.args.get("q", "")
    hits = search_fleet(db_session(), text, within(Device.tenant_id))
    is_partial = wants_partial()
    target = link_to("devices.show", mac=hits.exact) if hits.exact else ""
    if target:
        return make_response("", redirect=target) if is_partial else redirect(target)
    page = "search/_hits.html" if is_partial else "search/index.html"
    return render_template(page, query=text, groups=hits.groups)
