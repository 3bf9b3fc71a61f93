"""`webprov user`: people who sign in (spec 9)."""

import sys

import click

from webprov.changes.tenants import find_tenant
from webprov.commands.opening import opened
from webprov.commands.output import json_option, show_rows
from webprov.commands.values import read_secret
from webprov.enums import Role
from webprov.people import create_user, get_user, list_users, set_disabled
from webprov.rights import CONSOLE
from webprov.secondfactor import turn_off


@click.group()
def user() -> None:
    """Create, list or disable people who sign in."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--tenant", metavar="T", help="The tenant that they are tied to.")
@click.option("--password-file", metavar="F", help="File that holds the password; - is standard input.")
def create(name: str, role: str, tenant: str | None, password_file: str | None) -> None:
    """Let NAME sign in. Without --password-file the password is asked for, or read from a pipe."""
    password = _password(password_file)
    with opened() as desk:
        tenant_id = find_tenant(desk.session, tenant, CONSOLE).id if tenant else None
        create_user(desk.session, CONSOLE, name=name, password=password, role=Role(role), tenant_id=tenant_id)
    click.echo(f"{name} can sign in now.")


@user.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Everybody who has an account."""
    with opened() as desk:
        rows = [
            {
                "name": person.name,
                "role": person.role,
                "tenant": person.tenant.name if person.tenant else "",
                "disabled": person.disabled,
                "second_factor": bool(person.totp_secret),
                "last_sign_in_at": person.last_sign_in_at,
            }
            for person in list_users(desk.session)
        ]
    show_rows(rows, as_json=as_json, none="Nobody can sign in yet. Create somebody: webprov user create NAME --role …")


@user.command()
@click.argument("name")
def disable(name: str) -> None:
    """Shut NAME out; their sessions end at once."""
    with opened() as desk:
        set_disabled(desk.session, CONSOLE, get_user(desk.session, name), True)
    click.echo(f"{name} cannot sign in any more.")


@user.command("reset-second-factor")
@click.argument("name")
def reset_second_factor(name: str) -> None:
    """Let NAME, who lost the phone and the recovery codes, sign in with the password alone; their sessions end."""
    with opened() as desk:
        turn_off(desk.session, CONSOLE, get_user(desk.session, name))
    click.echo(f"{name} signs in with the password alone.")


def _password(file: str | None) -> str:
    if file or not sys.stdin.isatty():
        return read_secret(file or "-", "password")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
