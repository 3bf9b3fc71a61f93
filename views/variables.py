"""Template Variables: the second tab of the Provisioning Settings."""

from typing import Any

from flask import render_template

from views.access import within
from views.offers import stale_offer
from views.variablegrid import Grid, grid_blueprint
from webprov.changes.variables import VariableScope
from webprov.rights import Right
from webprov.store.models import Device


def _render(page: str, **values: Any) -> str:
    return render_template(page, offer=stale_offer((), within(Device.tenant_id)), **values)


bp = grid_blueprint(
    Grid(
        name="variables",
        url_prefix="/settings/variables",
        sees=Right.SEE_SYSTEM,
        edits=Right.EDIT_SETTINGS,
        page="variables/index.html",
        scope=VariableScope,
        render=_render,
    )
)
