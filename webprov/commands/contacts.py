"""`webprov contacts`: import, export and list them, make the directories anew (contract)."""

import sys
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy import select

from webprov.changes.tenants import find_tenant
from webprov.commands.opening import opened
from webprov.commands.output import counted, json_option, show_json, show_rows
from webprov.contactimport import export_contacts, import_contacts
from webprov.contactlist import ContactQuery, list_contacts
from webprov.csvtable import MAX_ROWS
from webprov.directories import regenerate
from webprov.rights import CONSOLE
from webprov.store.contactrecords import CONTACT_FIELDS
from webprov.store.models import Tenant

_SHOWN = ("first_name", "last_name", "company", "group", "extension", "work", "mobile")
_tenant = click.option("--tenant", metavar="T", required=True, help="Whose contacts.")


@click.group()
def contacts() -> None:
    """Import, export or list contacts; make contact directories anew."""


@contacts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@_tenant
@click.option("--replace", is_flag=True, help="Delete the contacts that the file lacks.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@json_option
def import_(file: str, tenant: str, replace: bool, dry_run: bool, as_json: bool) -> None:
    """Add the contacts of FILE, and change those with the same e-mail address or the same names and company.

    FILE may be -, standard input. All or nothing.
    """
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    with opened() as desk:
        done = import_contacts(desk.session, data, CONSOLE, tenant, replace=replace, dry_run=dry_run)
    if as_json:
        show_json(asdict(done))
        return
    would = "would be " if dry_run else ""
    rest = f"{done.changed:,} changed, {done.deleted:,} deleted, {done.unchanged:,} unchanged"
    click.echo(f"{counted(done.added, 'contact')} {would}added, {rest}.")


@contacts.command()
@_tenant
def export(tenant: str) -> None:
    """Print all contacts of a tenant as CSV."""
    with opened() as desk:
        for part in export_contacts(desk.session, CONSOLE, tenant):
            click.echo(part.encode(), nl=False)


@contacts.command("list")
@_tenant
@click.option("--search", metavar="TEXT", default="", help="Only those that hold these words or digits.")
@json_option
def list_(tenant: str, search: str, as_json: bool) -> None:
    """The contacts of a tenant, by name."""
    with opened() as desk:
        owner = find_tenant(desk.session, tenant, CONSOLE)
        page = list_contacts(desk.session, ContactQuery(owner.id, search, per_page=MAX_ROWS))
        rows = [{name: getattr(row, name) for name in CONTACT_FIELDS} for row in page.rows]
    show_rows(rows, as_json=as_json, columns=_SHOWN, none=f"{tenant} has no such contact.")


@contacts.command("regenerate")
@click.option("--tenant", metavar="T", default="", help="Only this one.")
@json_option
def regenerate_(tenant: str, as_json: bool) -> None:
    """Make the contact directories of all tenants anew, due or not; exit status 1 when a file cannot be made."""
    with opened() as desk:
        site = desk.site()
        owners = [find_tenant(desk.session, tenant, CONSOLE)] if tenant else desk.session.scalars(select(Tenant))
        ids = [owner.id for owner in owners]
        results = [result for number in ids if (result := regenerate(desk.session, site, number))]
    if as_json:
        show_json([asdict(result) for result in results])
    for result in results if not as_json else ():
        files = f"{counted(len(result.written), 'file')} written, {len(result.removed)} removed"
        click.echo(f"{result.tenant}: {counted(result.people, 'contact')}, {files}.")
    errors = [f"{result.tenant}: {result.error}" for result in results if result.error]
    if errors:
        raise click.ClickException("\n".join(errors))
