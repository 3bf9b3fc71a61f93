"""The grid of custom variables, once for the whole system, for a tenant, for a device (spec 1, Template Variables).

The open row stands in the address (`?add=1`, `?edit=NAME`, `?delete=NAME`, `?paste=1`), so it works without scripts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement

from views.access import current_actor, requires
from views.database import db_session
from views.effects import effect_values
from views.paging import here
from views.partials import wants_partial
from views.site import current_site
from webprov.changes.variables import (
    VariableScope,
    add_variable,
    change_variable,
    delete_variables,
    list_variables,
    new_value,
    new_values,
    parse_assignments,
    set_variables,
)
from webprov.enums import FileState
from webprov.errors import InvalidInput, NotFound
from webprov.fleet import state_counts
from webprov.rendering.names import BUILT_IN_NAMES
from webprov.rights import Right
from webprov.store.devicedata import CustomValue
from webprov.store.models import CustomVariable, Device
from webprov.usage import variable_usage
from webprov.whatif import what_if_variables

_SORTS: dict[str, Callable[[CustomVariable], Any]] = {
    "name": lambda row: row.name,
    "value": lambda row: (row.secret, "" if row.secret else row.value.casefold(), row.name),
    "secret": lambda row: (not row.secret, row.name),
}


@dataclass(frozen=True)
class Grid:
    """Whose variables a blueprint shows: `scope` takes what the address names; `page` extends the grid's template.

    `render` shows that page, `saved` does and says what follows a change.
    """

    name: str
    url_prefix: str
    sees: Right
    edits: Right
    page: str
    scope: Callable[..., VariableScope]
    render: Callable[..., str] = render_template
    saved: Callable[[VariableScope, str], None] = lambda scope, sentence: _say_what_remains(scope, sentence)


@dataclass(frozen=True)
class Typed:
    """What the open row holds after a refused save, with a sentence per field (name, value; for a paste per row)."""

    name: str = ""
    value: str = ""
    secret: bool = False
    text: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


def grid_blueprint(grid: Grid) -> Blueprint:
    """The pages of one grid: index, save, paste, delete."""
    bp = Blueprint(grid.name, __name__, url_prefix=grid.url_prefix)
    bp.add_url_rule("/", "index", requires(grid.sees)(_bound(_index, grid)))
    posts = {"save": "/", "paste": "/paste", "delete": "/delete", "effect": "/effect"}
    views = {"save": _save, "paste": _paste, "delete": _delete, "effect": _effect}
    for endpoint, rule in posts.items():
        bp.add_url_rule(rule, endpoint, requires(grid.edits)(_bound(views[endpoint], grid)), methods=["POST"])
    return bp


def _bound(view: Callable[..., ResponseReturnValue], grid: Grid) -> Callable[..., ResponseReturnValue]:
    """`view` for that grid, under its own name, which Flask-WTF asks for."""
    return update_wrapper(partial(view, grid), view)


def _index(grid: Grid, **address: str) -> ResponseReturnValue:
    """The variables, with the row that the address opens."""
    return _page(grid, grid.scope(**address))


def _save(grid: Grid, **address: str) -> ResponseReturnValue:
    """Add a variable (`name`), or change the one that the row stands for (`was`)."""
    scope, posted = grid.scope(**address), request.form
    was, name, value = posted.get("was", ""), posted.get("name", ""), posted.get("value", "")
    secret = "secret" in posted
    try:
        if was:
            change_variable(db_session(), scope, was, value, current_actor(), secret=secret)
        else:
            add_variable(db_session(), scope, name, value, current_actor(), secret=secret)
    except InvalidInput as e:
        return _page(grid, scope, Typed(was or name, value, secret, errors=e.errors), edit=was, add=not was), 422
    return _done(grid, scope, f"{was or name.strip()} is saved.", address)


def _effect(grid: Grid, **address: str) -> ResponseReturnValue:
    """What saving the open row or the pasted ones (with `gone`: deleting it) would change; nothing is stored."""
    scope, posted = grid.scope(**address), request.form
    try:
        changes = _changes(scope)
    except InvalidInput as e:
        return _refused(grid, scope, e.errors)
    of_tenant, of_device = scope.tenant, scope.device
    what = what_if_variables(
        current_site().system,
        changes,
        tenant_id=of_tenant.id if of_tenant else None,
        device_id=of_device.id if of_device else None,
    )
    values = effect_values(what)
    if wants_partial():
        return render_template("variables/_effect.html", address=address, **values)
    return _asked_page(grid, scope, {}, gone="gone" in posted, **values)


def _changes(scope: VariableScope) -> dict[str, CustomValue | None]:
    """What the open row or the pasted text comes to, as saving it would; raises InvalidInput as that does."""
    session, posted = db_session(), request.form
    if "text" in posted:
        return new_values(session, scope, _pasted(posted["text"]))
    name, value = posted.get("was") or posted.get("name", ""), posted.get("value", "")
    if "gone" in posted:
        return {name: None}
    return new_value(session, scope, name, value, secret="secret" in posted, was=bool(posted.get("was")))


def _refused(grid: Grid, scope: VariableScope, errors: Mapping[str, str]) -> ResponseReturnValue:
    """The sentences that saving would answer with."""
    if wants_partial():
        return render_template("variables/_refused.html", errors=errors)
    return _asked_page(grid, scope, errors), 422


def _asked_page(
    grid: Grid, scope: VariableScope, errors: Mapping[str, str], *, gone: bool = False, **values: Any
) -> str:
    """The whole page with what was asked about still open."""
    posted = request.form
    if "text" in posted:
        return _page(grid, scope, Typed(text=posted["text"], errors=errors), paste=True, **values)
    was, name = posted.get("was", ""), posted.get("name", "")
    typed = Typed(was or name, posted.get("value", ""), "secret" in posted, errors=errors)
    return _page(grid, scope, typed, edit="" if gone else was, add=not was, delete=was if gone else "", **values)


def _paste(grid: Grid, **address: str) -> ResponseReturnValue:
    """Set what was pasted as rows of NAME=value, all or nothing."""
    scope, text = grid.scope(**address), request.form.get("text", "")
    try:
        values = _pasted(text)
        set_variables(db_session(), scope, values, current_actor())
    except InvalidInput as e:
        return _page(grid, scope, Typed(text=text, errors=e.errors), paste=True), 422
    return _done(grid, scope, f"{len(values)} {'variable is' if len(values) == 1 else 'variables are'} saved.", address)


def _pasted(text: str) -> dict[str, str]:
    values = parse_assignments(text)
    if not values:
        raise InvalidInput({"": "Paste at least one row like SYSLOG_SERVER=syslog.example."})
    return values


def _delete(grid: Grid, **address: str) -> ResponseReturnValue:
    """Delete one variable, after the row has asked."""
    scope, name = grid.scope(**address), request.form.get("name", "")
    delete_variables(db_session(), scope, [name], current_actor())
    return _done(grid, scope, f"{name} is deleted.", address)


def _done(grid: Grid, scope: VariableScope, sentence: str, address: Mapping[str, str]) -> ResponseReturnValue:
    grid.saved(scope, sentence)
    return redirect(url_for(".index", **address, sort=request.args.get("sort")))  # type: ignore[arg-type]


def _say_what_remains(scope: VariableScope, sentence: str) -> None:
    """The devices whose files no longer match are provisioned later, on somebody's word."""
    stale = state_counts(db_session(), current_site(), *_devices_of(scope))[FileState.STALE]
    remains = f" {stale} {'device has' if stale == 1 else 'devices have'} stale files." if stale else ""
    flash(sentence + remains)


def _devices_of(scope: VariableScope) -> list[ColumnElement[bool]]:
    """The condition on devices that a variable of this scope can reach."""
    if scope.device:
        return [Device.id == scope.device.id]
    return [Device.tenant_id == scope.tenant.id] if scope.tenant else []


def _page(
    grid: Grid, scope: VariableScope, typed: Typed | None = None,
    *, edit: str = "", delete: str = "", add: bool = False, paste: bool = False, **values: Any,
) -> str:  # fmt: skip
    given = request.args if typed is None else {}
    rows = list_variables(db_session(), scope)
    edit, delete = edit or given.get("edit", ""), delete or given.get("delete", "")
    row = next((row for row in rows if row.name in (edit, delete)), None)
    if row is None and (edit or delete):
        raise NotFound(f"There is no variable {(edit or delete)[:100]} here.")
    editable = current_actor().may(grid.edits, scope.tenant_id)
    return grid.render(
        grid.page,
        scope=scope,
        rows=_sorted(rows),
        usage=variable_usage(db_session(), current_site(), [row.name for row in rows], *_devices_of(scope)),
        heads=_heads(),
        editable=editable,
        open_row=(edit if editable else ""),
        asks_delete=(delete if editable else ""),
        adds=editable and (add or "add" in given),
        pastes=editable and (paste or "paste" in given),
        typed=typed or _typed(row),
        built_in=BUILT_IN_NAMES,
        address=request.view_args or {},
        **values,
    )


def _typed(row: CustomVariable | None) -> Typed:
    return Typed(row.name, "" if row.secret else row.value, row.secret) if row else Typed()


def _sorted(rows: list[CustomVariable]) -> list[CustomVariable]:
    wanted = request.args.get("sort", "")
    by = _SORTS.get(wanted.lstrip("-"), _SORTS["name"])
    return sorted(rows, key=by, reverse=wanted.startswith("-"))


def _heads() -> list[tuple[str, str, str]]:
    """Per column its label, the address that sorts by it, and how the grid is sorted by it now."""
    wanted = request.args.get("sort", "name")
    chosen = wanted.lstrip("-") if wanted.lstrip("-") in _SORTS else "name"
    heads = []
    for name in _SORTS:
        down = wanted.startswith("-")
        other = f"-{name}" if name == chosen and not down else name
        heads.append((name.capitalize(), here(sort=other), ("descending" if down else "ascending") * (name == chosen)))
    return heads
