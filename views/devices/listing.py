"""The list of devices: search, filters and paging, all in the address (ui guide 5)."""

from datetime import datetime
from typing import Any

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from views.access import requires, visible_tenants, within
from views.database import db_session
from views.devices.blueprint import bp
from views.firmwareseen import firmware_of
from views.paging import here, pager
from views.partials import wants_partial
from views.site import current_site
from webprov.devicelist import DeviceQuery, PhoneState, Sort, list_devices
from webprov.enums import FileState
from webprov.rights import Right
from webprov.store.models import Device, utc_now
from webprov.store.windowrecords import windows_close

PAGE_SIZES = (25, 50, 100, 200)
_STATES: dict[str, FileState | PhoneState] = {
    state.value.replace(" ", "-"): state for state in (*FileState, *PhoneState)
}
_CHIPS = (
    (FileState.CURRENT, FileState.STALE, FileState.FAILED, FileState.MODEL_MISSING, FileState.DISABLED),
    (PhoneState.NEVER_FETCHED, PhoneState.NOT_SEEN),
)
_ALWAYS = (FileState.CURRENT, FileState.STALE, FileState.FAILED, *PhoneState)
_SORTS = {sort.value: sort for sort in Sort}
_HEADS = {
    Sort.LABEL: "Device",
    Sort.MAC: "MAC",
    Sort.MODEL: "Model",
    Sort.LINE: "Line 1",
    Sort.TENANT: "Tenant",
    Sort.FILES: "Files",
    Sort.FETCH: "Last fetch",
}


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """The list, or for htmx the part of it below the filters."""
    query = _query()
    found = list_devices(db_session(), current_site(), query)
    values = {
        "wanted": query,
        "found": found,
        "chips": _chips(query, found.counts.states),
        "all_url": here(state=None, page=None),
        "heads": _heads(query),
        "pager": pager(found.matching, query.per_page),
        "labels": model_labels(),
        "is_filtered": any(request.args.get(name) for name in ("q", "model", "state")),
        "size_urls": {size: here(per=size if size != 50 else None, page=None) for size in PAGE_SIZES},
        "days_since": _days_since,
        "urls": _row_urls(),
        "more_columns": bool(request.args.get("more")),
        "columns_url": here(more=None if request.args.get("more") else 1),
        "firmware_of": lambda device: firmware_of(device.user_agent, device.model, device.tenant),
        "is_partial": wants_partial(),
        "own_credentials": current_site().settings.device_credentials,
        "windows_close": windows_close(db_session(), current_site().settings.provisioning_window),
    }
    if not wants_partial():
        return render_template("devices/index.html", models=models_in_use(), tenants_here=visible_tenants(), **values)
    response = make_response(render_template("devices/_list.html", **values))
    response.headers["HX-Push-Url"] = here()
    return response


def _query() -> DeviceQuery:
    """What the address asks for; what makes no sense there is left out."""
    given = request.args
    sort = given.get("sort", "")
    return DeviceQuery(
        where=within(Device.tenant_id),
        text=given.get("q", "")[:100],
        model=given.get("model", ""),
        state=_STATES.get(given.get("state", "")),
        sort=_SORTS.get(sort.lstrip("-"), Sort.LABEL),
        descending=sort.startswith("-"),
        page=max(1, given.get("page", 1, type=int)),
        per_page=_page_size(),
    )


def _page_size() -> int:
    wanted = request.args.get("per", 50, type=int)
    return wanted if wanted in PAGE_SIZES else 50


def _chips(query: DeviceQuery, counts: Any) -> list[list[tuple[str, str, int, bool, str]]]:
    """Per group: the state's word, its label, how many, whether it is chosen, and the address that chooses it."""
    return [
        [
            (state.value, state.value.capitalize(), counts.get(state, 0), query.state is state, _state_url(state))
            for state in group
            if state in _ALWAYS or counts.get(state, 0) or query.state is state
        ]
        for group in _CHIPS
    ]


def _state_url(state: FileState | PhoneState) -> str:
    return here(state=state.value.replace(" ", "-"), page=None)


def _heads(query: DeviceQuery) -> list[tuple[str, str, str, str]]:
    """Per column: its name, label, the address that sorts by it, and how the list is sorted by it now."""
    heads = []
    for sort, label in _HEADS.items():
        chosen = query.sort is sort
        direction = ("descending" if query.descending else "ascending") if chosen else ""
        other = f"-{sort}" if chosen and not query.descending else sort.value
        heads.append((sort.value, label, here(sort=other, page=None), direction))
    return heads


def model_labels() -> dict[str, str]:
    """What people call the models, by key."""
    return {model.key: model.label for model in current_site().catalog.models()}


def models_in_use() -> list[tuple[str, str]]:
    """Key and label of the models that visible devices have, by label."""
    labels = model_labels()
    keys = db_session().scalars(select(Device.model).where(within(Device.tenant_id)).distinct())
    return sorted(((key, labels.get(key, key)) for key in keys), key=lambda pair: pair[1].casefold())


def _row_urls() -> dict[str, str]:
    """The addresses that each row links to, with MAC where the device's goes: building them per row takes too long."""
    names = ("show", "preview", "fetches", "ask_delete")
    return {name: url_for(f".{name}", mac="MAC") for name in names} | {
        "provision": url_for(".provision", mac="MAC", back="list")
    }


def _days_since(moment: datetime) -> int:
    return (utc_now() - moment).days
