"""Point your phones here: per brand the address, DHCP option and menu path; credentials on request (spec 8)."""

from flask import Blueprint, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from forms.people import ConfirmedForm
from views.access import chosen_tenant, current_actor, requires
from views.confirming import confirming_user
from views.database import db_session
from views.site import current_site
from webprov.audit import record_change
from webprov.phones.phonemodel import PhoneModel
from webprov.pointing import credentials, pointings
from webprov.rights import Right
from webprov.store.database import writing

bp = Blueprint("phones", __name__, url_prefix="/phones")

REVEALED_SECONDS = 60


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """What to type into phones or the DHCP server; passwords hidden."""
    return _page(ConfirmedForm(None), asks="ask" in request.args)


@bp.post("/")
@requires(Right.REVEAL_SECRETS)
def reveal() -> ResponseReturnValue:
    """The same with the passwords, against one's own password; recorded, and gone after a minute (UI-12)."""
    form = ConfirmedForm()
    if not confirming_user(form):
        return _page(form, asks=True), 422
    with writing(db_session()):
        record_change(db_session(), current_actor(), "reveal", "settings", "Credentials of phones")
    response = make_response(_page(form, revealed=True))
    response.headers["Refresh"] = f"{REVEALED_SECONDS}; url={url_for('.index')}"
    return response


def _page(form: ConfirmedForm, *, asks: bool = False, revealed: bool = False) -> str:
    settings, models = current_site().settings, _models()
    return render_template(
        "phones/index.html",
        settings=settings,
        groups=pointings(settings, models),
        logins=credentials(settings, models),
        form=form,
        asks=asks and current_actor().may(Right.REVEAL_SECRETS),
        revealed=revealed,
    )


def _models() -> tuple[PhoneModel, ...]:
    tenant = chosen_tenant()
    return current_site().catalog.models(tenant.name if tenant else "")
