"""The fetch log of the fleet: what phones asked for, and how it ended; all filters in the address (spec 8)."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import ColumnElement, and_, select

from views.access import chosen_tenant, requires, visible_tenants, within
from views.database import db_session
from views.devices.listing import model_labels, models_in_use
from views.firmwareseen import firmware_of
from views.paging import PAGE_SIZE, here, pager
from views.partials import wants_partial
from webprov.enums import Protocol
from webprov.errors import InvalidValue
from webprov.fetchlist import MOST_COUNTED, FetchQuery, FetchRow, list_fetches
from webprov.fetchwords import WORDS, Answer, reasons_of, words_for
from webprov.mac import format_mac, parse_mac
from webprov.rights import Right
from webprov.serving.askers import Reason
from webprov.store.models import Device, utc_now

bp = Blueprint("fetches", __name__, url_prefix="/fetches")

_TIMES = {
    "hour": ("Last hour", 1),
    "day": ("Last 24 hours", 24),
    "week": ("Last 7 days", 168),
    "month": ("Last 30 days", 720),
}
_ANSWERS = {
    Answer.SERVED: "Served",
    Answer.NOTHING: "Nothing there, or asked to sign in",
    Answer.REFUSED: "Refused",
}
_FILTERS = ("q", "time", "before", "model", "answer", "protocol", "device", "address")


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """The latest requests that fit the filters, or for htmx the part of the page below them."""
    values = _list_values()
    if wants_partial():
        response = make_response(render_template("fetches/_list.html", **values))
        if not request.headers.get("X-Poll"):
            response.headers["HX-Push-Url"] = here()
        return response
    return render_template(
        "fetches/index.html",
        models=models_in_use(),
        tenants_here=visible_tenants(),
        times={name: label for name, (label, _) in _TIMES.items()},
        answers=_ANSWERS,
        reasons={_code(reason): words_for(reason).text for reason in WORDS if reason},
        protocols=list(Protocol),
        **values,
    )


def _list_values() -> dict[str, Any]:
    query = _query()
    page = _page(query)
    return {
        "found": page[0],
        "pager": page[1],
        "is_full": page[0].matching == MOST_COUNTED,
        "labels": model_labels(),
        "words_for": words_for,
        "firmware_of": _firmware,
        "is_filtered": any(request.args.get(name) for name in _FILTERS),
        "unfiltered": here(page=None, **dict.fromkeys(_FILTERS)),
        "narrowed": _narrowed(),
        "further_url": _further(page[0].searched_back_to),
        "is_live": bool(request.args.get("live")),
        "live_url": here(live=None if request.args.get("live") else 1, page=None),
        "poll_url": here(),
        "is_partial": wants_partial(),
    }


def _page(query: FetchQuery) -> Any:
    wanted = max(1, request.args.get("page", 1, type=int))
    session = db_session()
    found = list_fetches(session, query, offset=(wanted - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    page = pager(found.matching)
    if not found.rows and found.matching:  # beyond the last page: show that one
        found = list_fetches(session, query, offset=page.offset, limit=PAGE_SIZE)
    return found, page


def _firmware(fetch: FetchRow) -> str:
    return firmware_of(fetch.user_agent, fetch.model, fetch.tenant)


def _query() -> FetchQuery:
    """What the address asks for; what makes no sense there is left out."""
    given = request.args
    text = given.get("q", "").strip()[:100]
    mac = _mac(given.get("device", "")) or _mac(text)
    address = _address(given.get("address", "")) or _address(text)
    hours = _TIMES.get(given.get("time", ""), ("", 0))[1]
    return FetchQuery(
        devices=_devices(),
        mac=mac,
        address=address,
        since=utc_now() - timedelta(hours=hours) if hours else None,
        before=_moment(given.get("before", "")),
        protocol=given.get("protocol", "") if given.get("protocol") in list(Protocol) else "",
        reasons=_reasons(given.get("answer", "")),
        text="" if text and (_mac(text) or _address(text)) else text,
    )


def _devices() -> ColumnElement[bool] | None:
    """The devices that the page is about; None = everything, which is for people who see the whole system."""
    model = request.args.get("model", "")
    sees_all = current_user.may(Right.SEE_SYSTEM) and current_user.tenant_id is None and chosen_tenant() is None
    if sees_all and not model:
        return None
    return and_(within(Device.tenant_id), *([Device.model == model] if model else []))


def _reasons(name: str) -> list[str]:
    if name in list(Answer):
        return reasons_of(Answer(name))
    return [str(reason) for reason in Reason if reason and _code(reason) == name]


def _code(reason: str) -> str:
    """How a reason stands in the address."""
    return reason.replace(" ", "-")


def _narrowed() -> list[tuple[str, str, str]]:
    """Filters that links set: what it is, its value, the address without it."""
    shown = []
    mac, address = _mac(request.args.get("device", "")), _address(request.args.get("address", ""))
    before = _moment(request.args.get("before", ""))
    if mac:
        label = db_session().scalar(select(Device.label).where(Device.mac == mac, within(Device.tenant_id)))
        shown.append(("Device", label or format_mac(mac), here(device=None, page=None)))
    if address:
        shown.append(("Address", address, here(address=None, page=None)))
    if before:
        shown.append(("Before", f"{before:%d %b %Y %H:%M} UTC", here(before=None, page=None)))
    return shown


def _further(floor: datetime | None) -> str:
    return here(before=floor.isoformat(timespec="seconds"), page=None) if floor else ""


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _mac(text: str) -> str:
    try:
        return parse_mac(text)
    except InvalidValue:
        return ""


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
