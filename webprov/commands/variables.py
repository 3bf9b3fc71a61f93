"""`webprov variables`: custom variables of the system, a tenant or a device (spec 1, Template Variables)."""

from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.orm import Session

from webprov.changes.devices import find_device
from webprov.changes.tenants import find_tenant
from webprov.changes.variables import VariableScope, delete_variables, list_variables, set_variables
from webprov.checks import looks_secret
from webprov.commands.opening import opened
from webprov.commands.output import json_option, show_rows
from webprov.commands.values import read_values
from webprov.mac import parse_mac
from webprov.rights import CONSOLE


def scope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--tenant T` or `--device MAC`; without them the whole system."""
    command = click.option("--device", metavar="MAC", default="", help="Of one device.")(command)
    return click.option("--tenant", metavar="T", default="", help="Of one tenant.")(command)


@click.group()
def variables() -> None:
    """List, set or delete custom variables."""


@variables.command("list")
@scope_options
@json_option
def list_(tenant: str, device: str, as_json: bool) -> None:
    """The variables of one scope; secret ones only say that they are set."""
    with opened() as desk:
        rows = [
            {"name": row.name, "value": "set" if row.secret and row.value else row.value, "secret": row.secret}
            for row in list_variables(desk.session, _scope(desk.session, tenant, device))
        ]
    show_rows(rows, as_json=as_json, columns=("name", "value"), none="There are no variables here.")


@variables.command("set")
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@scope_options
def set_(values: tuple[str, ...], tenant: str, device: str) -> None:
    """Set variables, all or none. NAME=@FILE reads a file, NAME=@- standard input; NAME alone asks.

    Those whose names look like secrets (…PASSWORD, …TOKEN, …KEY) are never taken from NAME=VALUE.
    """
    with opened() as desk:
        scope = _scope(desk.session, tenant, device)
        secret = {row.name for row in list_variables(desk.session, scope) if row.secret}
        given = read_values(values, lambda name: name in secret or looks_secret(name))
        set_variables(desk.session, scope, given, CONSOLE)
    click.echo("Saved.")


@variables.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@scope_options
def delete(names: tuple[str, ...], tenant: str, device: str) -> None:
    """Delete variables, all or none."""
    with opened() as desk:
        delete_variables(desk.session, _scope(desk.session, tenant, device), names, CONSOLE)
    click.echo("Deleted.")


def _scope(session: Session, tenant: str, device: str) -> VariableScope:
    if tenant and device:
        raise click.UsageError("Give --tenant or --device, not both.")
    return VariableScope(
        tenant=find_tenant(session, tenant, CONSOLE) if tenant else None,
        device=find_device(session, parse_mac(device), CONSOLE) if device else None,
    )
