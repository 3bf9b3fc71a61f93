"""`webprov tenants`: the organisations on this system."""

import click
from sqlalchemy import func, select

from webprov.changes.tenants import TENANT_FIELDS, create_tenant, delete_tenant, save_tenant
from webprov.commands.opening import opened
from webprov.commands.output import json_option, show_rows
from webprov.commands.values import read_values
from webprov.rights import CONSOLE
from webprov.store.models import Device, Tenant


@click.group()
def tenants() -> None:
    """Create, list or delete tenants."""


@tenants.command()
@click.argument("name")
@click.option("--label", help="How people call it.")
@click.option("--timezone", help="IANA zone of its phones, like Europe/Berlin.")
@click.option("--language", help="Language of its phones, like de or pt-BR.")
@click.option("--parkext", help="Extension that calls are parked on.")
@click.option("--networks", help="Where its phones are, like 10.20.0.0/16; others get none of its files.")
def create(name: str, **fields: str | None) -> None:
    """Create the tenant NAME: lower-case letters, digits, - and _; it never changes."""
    with opened() as desk:
        create_tenant(desk.session, name, {key: text for key, text in fields.items() if text is not None}, CONSOLE)
    click.echo(f"Tenant {name} created.")


@tenants.command("set")
@click.argument("name")
@click.argument("values", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_(name: str, values: tuple[str, ...]) -> None:
    """Change fields of the tenant NAME, all or nothing: label, timezone, registrar, networks and so on."""
    flat = read_values(values, lambda _name: False)
    unknown = sorted(flat.keys() - set(TENANT_FIELDS))
    if unknown:
        raise click.UsageError(f"A tenant has no field {unknown[0]}. It has {', '.join(TENANT_FIELDS)}.")
    with opened() as desk:
        save_tenant(desk.session, name, flat, CONSOLE)
    click.echo(f"Tenant {name} changed.")


@tenants.command("list")
@json_option
def list_(as_json: bool) -> None:
    """All tenants and how many devices each has."""
    columns = (Tenant.name, Tenant.label, Tenant.timezone, Tenant.language, Tenant.parkext, Tenant.networks)
    query = select(*columns, func.count(Device.id).label("devices")).outerjoin(Device).group_by(Tenant.id)
    with opened() as desk:
        rows = [dict(row._mapping) for row in desk.session.execute(query.order_by(Tenant.name))]
    show_rows(rows, as_json=as_json, none="There are no tenants. Create one: webprov tenants create acme")


@tenants.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete a tenant that has no devices."""
    with opened() as desk:
        delete_tenant(desk.session, desk.site(), name, CONSOLE)
    click.echo(f"Tenant {name} deleted.")
