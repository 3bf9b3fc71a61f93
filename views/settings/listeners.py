"""What became of the listeners and their certificates, beside the switches that ask for them."""

from flask import render_template
from flask.typing import ResponseReturnValue

from views.access import requires
from views.database import db_session
from views.settings.blueprint import bp, listener_rows
from views.site import current_site
from webprov.certificatereports import certificate_reports
from webprov.rights import Right
from webprov.store.models import utc_now
from webprov.store.settings import load_settings


@bp.get("/listeners")
@requires(Right.SEE_SYSTEM)
def listeners() -> ResponseReturnValue:
    """The part of the page that follows the supervisor; the browser asks for it every few seconds."""
    session = db_session()
    settings = load_settings(session)
    return render_template(
        "settings/_listeners.html",
        listeners=listener_rows(session, settings),
        certificates=certificate_reports(current_site().config, settings, utc_now()),
    )
