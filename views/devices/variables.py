"""The variables that a device has of its own, below its Variables tab."""

from typing import Any

from views.devices.blueprint import device_page, provision_and_tell, the_device
from views.variablegrid import Grid, grid_blueprint
from webprov.changes.variables import VariableScope
from webprov.rights import Right


def _scope(mac: str) -> VariableScope:
    return VariableScope(device=the_device(mac))


def _render(page: str, scope: VariableScope, **values: Any) -> str:
    assert scope.device is not None
    return device_page(page, scope.device, "variables", scope=scope, **values)


def _provision(scope: VariableScope, sentence: str) -> None:
    """As after every change of a device, its files are made at once."""
    assert scope.device is not None
    provision_and_tell(scope.device.mac, sentence)


variables_bp = grid_blueprint(
    Grid(
        name="devicevariables",
        url_prefix="/devices/<mac>/variables/own",
        sees=Right.SEE_DEVICES,
        edits=Right.EDIT_DEVICES,
        page="devices/own_variables.html",
        scope=_scope,
        render=_render,
        saved=_provision,
    )
)
