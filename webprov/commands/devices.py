"""`webprov devices`: the fleet, in and out as CSV (contract "CSV")."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from webprov.changes.devices import delete_devices, find_device
from webprov.changes.tenants import find_tenant
from webprov.commands.opening import opened
from webprov.commands.output import counted, json_option, remark, show_json, show_rows, show_table
from webprov.deviceexport import export_devices
from webprov.deviceimport import ImportResult, import_devices
from webprov.enums import FileState
from webprov.fleet import file_state, state_of
from webprov.mac import parse_mac
from webprov.rights import CONSOLE
from webprov.store.models import Device, Line, Tenant
from webprov.weakpasswords import weak_passwords

_LISTED = ("mac", "tenant", "model", "label", "state", "last_provisioned_at", "last_fetch_at")
_NOT_STALE = (FileState.CURRENT, FileState.DISABLED)


@click.group()
def devices() -> None:
    """Import, export, list, show or delete devices."""


@devices.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only check the file and say what would happen.")
@json_option
def import_(file: str, dry_run: bool, as_json: bool) -> None:
    """Add and change devices from the CSV file FILE (- is standard input), all or nothing. Provisions none."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    with opened() as desk:
        result = import_devices(desk.session, desk.site(), data, CONSOLE, dry_run=dry_run)
    if as_json:
        show_json({name: getattr(result, name) for name in ("added", "changed", "unchanged", "waiting")})
        return
    click.echo(_imported(result, dry_run=dry_run))


def _imported(result: ImportResult, *, dry_run: bool) -> str:
    verb = "would be " if dry_run else ""
    done = f"{counted(result.added, 'device')} {verb}added, {result.changed:,} changed, {result.unchanged:,} unchanged."
    waiting = f"{counted(result.waiting, 'device')} {'would wait' if dry_run else 'now wait'} to be provisioned"
    return f"{done}\n{waiting}{': webprov provision --stale' if result.waiting else '.'}"


@devices.command()
@click.option("--with-secrets", is_flag=True, help="With all passwords; keep the file safe.")
def export(with_secrets: bool) -> None:
    """Print all devices as CSV."""
    with opened() as desk:
        for line in export_devices(desk.session, CONSOLE, with_secrets=with_secrets, guard=False):
            click.echo(line.encode(), nl=False)


@devices.command("list")
@click.option("--tenant", metavar="T", default="", help="Only those of one tenant.")
@json_option
def list_(tenant: str, as_json: bool) -> None:
    """All devices, by tenant and MAC."""
    with opened() as desk:
        where = (Device.tenant_id == find_tenant(desk.session, tenant, CONSOLE).id,) if tenant else ()
        state = file_state(desk.session, desk.site()).label("state")
        columns = (Device.mac, Tenant.name.label("tenant"), Device.model, Device.label, state)
        query = select(*columns, Device.provisioned_at.label("last_provisioned_at"), Device.last_fetch_at)
        query = query.select_from(Device).join(Tenant).where(*where).order_by(Tenant.name, Device.mac)
        rows = [{**row._mapping, "stale": row.state not in _NOT_STALE} for row in desk.session.execute(query)]
    show_rows(rows, as_json=as_json, columns=_LISTED, none="There are no devices.")


@devices.command()
@json_option
def weak(as_json: bool) -> None:
    """Lines whose SIP password is easily guessed, and why; no password is shown."""
    with opened() as desk:
        rows = [asdict(found) for found in weak_passwords(desk.session)]
    show_rows(rows, as_json=as_json, none="No line has a weak password.")


@devices.command()
@click.argument("mac")
@json_option
def show(mac: str, as_json: bool) -> None:
    """One device with its lines and files; secrets are left out."""
    with opened() as desk:
        device = find_device(desk.session, parse_mac(mac), CONSOLE)
        shown = _shown(device, state_of(desk.session, desk.site(), device))
    if as_json:
        show_json(shown)
        return
    show_table(("field", "value"), [(k.replace("_", " "), v) for k, v in shown.items() if k not in ("lines", "files")])
    for part in ("lines", "files"):
        if shown[part]:
            click.echo()
            show_rows(shown[part], as_json=False)


@devices.command()
@click.argument("macs", nargs=-1, required=True, metavar="MAC...")
def delete(macs: tuple[str, ...]) -> None:
    """Delete devices with their files, all or none; phones get nothing any more."""
    with opened() as desk:
        wanted = list(dict.fromkeys(map(parse_mac, macs)))
        delete_devices(desk.session, desk.site(), wanted, CONSOLE)
    remark(f"{counted(len(wanted), 'device')} deleted.")


def _shown(device: Device, state: FileState) -> dict[str, Any]:
    return {
        "mac": device.mac,
        "tenant": device.tenant.name,
        "model": device.model,
        "label": device.label,
        "timezone": device.timezone,
        "language": device.language,
        "enabled": device.enabled,
        "state": state.value,
        "stale": state not in _NOT_STALE,
        "error": device.provision_error,
        "warnings": device.provision_warnings.splitlines(),
        "last_provisioned_at": device.provisioned_at,
        "last_fetch_at": device.last_fetch_at,
        "lines": [_line(line) for line in device.lines],
        "files": [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in device.files],
    }


def _line(line: Line) -> dict[str, Any]:
    names = ("number", "userid", "display_name", "extension", "label")
    return {name: getattr(line, name) for name in names}
