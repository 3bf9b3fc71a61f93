"""Unknown phones: who asked and is not entered; adopt, ignore, let a blocked address in again (spec 8)."""

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.devices.listing import model_labels
from views.navigation import badge
from views.paging import here, pager
from views.partials import wants_partial
from views.site import current_site
from webprov.alarms import MACS_AN_HOUR, guessed_macs
from webprov.fetchwords import words_for
from webprov.mac import format_mac, parse_mac
from webprov.phones.discovery import Discovery
from webprov.rights import Right
from webprov.serving.guessing import Kind
from webprov.unknownphones import (
    Shown,
    blocked_sources,
    count_unknown,
    kinds,
    let_in,
    list_unknown,
    set_ignored,
    waiting_lately,
)

bp = Blueprint("unknown", __name__, url_prefix="/unknown")

_CHIPS = {Shown.WAITING: "To decide", Shown.BLOCKED: "Blocked", Shown.IGNORED: "Ignored"}
_WHY = {
    Kind.CREDENTIALS: "sent too many wrong passwords",
    Kind.ACCOUNT: "is a device’s own user, tried with too many wrong passwords",
    Kind.NAMES: "asked for too many unknown phones",
    Kind.TFTP_NAMES: "asked for too many unknown phones by TFTP",
}


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def index() -> ResponseReturnValue:
    """The phones that asked, latest first, or for htmx the list alone."""
    values = _values()
    if not wants_partial():
        return render_template("unknown/index.html", **values)
    response = make_response(render_template("unknown/_list.html", **values))
    response.headers["HX-Push-Url"] = here()
    return response


@bp.post("/<mac>/ignored")
@requires(Right.MANAGE_UNKNOWN)
def ignore(mac: str) -> ResponseReturnValue:
    """Hide a phone from the list, or show it again (`ignored` = on, off)."""
    mac, ignored = parse_mac(mac), request.form.get("ignored") == "on"
    set_ignored(db_session(), mac, current_actor(), ignored=ignored)
    flash(f"{format_mac(mac)} is {'ignored' if ignored else 'listed again'}.")
    return redirect(url_for(".index"))


@bp.post("/let-in")
@requires(Right.MANAGE_UNKNOWN)
def let_in_again() -> ResponseReturnValue:
    """Let a blocked address in again."""
    source = request.form.get("source", "")[:100]
    let_in(db_session(), source, current_actor())
    flash(f"{source} is let in again. What it tried is forgotten; it is blocked again if it goes on guessing.")
    return redirect(url_for(".index"))


def discovery() -> Discovery:
    """Guesses by the catalogue of this request."""
    return Discovery(current_site().catalog.models())


def kinds_waiting() -> list[str]:
    """What waits, for the dashboard: `2 Yealink T46U`."""
    return kinds(db_session(), discovery(), model_labels())


def _values() -> dict[str, Any]:
    session, text = db_session(), request.args.get("q", "").strip()[:100]
    shown = Shown(request.args["show"]) if request.args.get("show") in list(Shown) else Shown.WAITING
    counts = {one: count_unknown(session, one, text) for one in Shown}
    page = pager(counts[shown])
    blocked, guessed = blocked_sources(session), guessed_macs(session)
    return {
        "phones": list_unknown(session, discovery(), shown, text, offset=page.offset),
        "pager": page,
        "shown": shown,
        "text": text,
        "chips": [(one, label, counts[one], _chip_url(one)) for one, label in _CHIPS.items()],
        "labels": model_labels(),
        "words_for": words_for,
        "blocked": [(lockout, _WHY[lockout.kind]) for lockout in blocked.values()],
        "is_account": lambda lockout: lockout.kind is Kind.ACCOUNT,
        "many": guessed if guessed > MACS_AN_HOUR else 0,
        "may_manage": current_actor().may(Right.MANAGE_UNKNOWN),
        "is_partial": wants_partial(),
    }


def _chip_url(shown: Shown) -> str:
    return here(show=shown if shown is not Shown.WAITING else None, page=None)


def _count() -> int:
    """How many wait, for the column; of people who may not see them none."""
    return waiting_lately(db_session()) if current_actor().may(Right.SEE_SYSTEM) else 0


badge("unknown.index", _count)
