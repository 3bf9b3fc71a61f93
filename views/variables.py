"""Template Variables: the second tab of the Provisioning Settings."""

from views.variablegrid import Grid, grid_blueprint
from webprov.changes.variables import VariableScope
from webprov.rights import Right

bp = grid_blueprint(
    Grid(
        name="variables",
        url_prefix="/settings/variables",
        sees=Right.SEE_SYSTEM,
        edits=Right.EDIT_SETTINGS,
        page="variables/index.html",
        scope=VariableScope,
    )
)
