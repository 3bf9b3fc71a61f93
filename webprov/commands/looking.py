"""`webprov render` and `webprov explain`: what a phone would get, and why (spec 9)."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from webprov.commands.opening import Opened, opened, wanted_device
from webprov.commands.output import json_option, remark, show_json, show_rows
from webprov.errors import NotFound
from webprov.previews import DiffKind, Preview, preview_device, preview_variables, record_reveal
from webprov.rendering.layers import Explained
from webprov.rights import CONSOLE
from webprov.store.devicedata import DeviceData

reveal_option = click.option("--reveal", is_flag=True, help="With secrets; this is recorded.")
_SIGNS = {DiffKind.SAME: " ", DiffKind.ADDED: "+", DiffKind.REMOVED: "-"}


@click.command()
@click.argument("mac")
@click.option("--file", "name", metavar="NAME", help="Only this file.")
@reveal_option
@click.option("--diff", is_flag=True, help="How it differs from what is on disk.")
@json_option
def render(mac: str, name: str | None, reveal: bool, diff: bool, as_json: bool) -> None:
    """Print the files that a device would get now, secrets masked."""
    with opened() as desk:
        device = _device(desk, mac, reveal=reveal)
        previews = preview_device(desk.session, desk.site(), device, reveal=reveal)
    if error := next((preview.error for preview in previews if preview.error), ""):
        raise click.ClickException(error)
    wanted = _named(previews, name) if name else previews
    for warning in dict.fromkeys(text for preview in wanted for text in preview.warnings):
        remark(f"Warning: {warning}")
    if as_json:
        show_json([_as_json(preview, diff=diff) for preview in wanted if diff or preview.now is not None])
    elif diff:
        _show_differences(wanted)
    else:
        _show_files(wanted)


@click.command()
@click.argument("mac")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--line", type=click.IntRange(min=1), metavar="N", help="As the template of line N sees them.")
@click.option("--key", type=click.IntRange(min=1), metavar="N", help="As the template of key N sees them.")
@reveal_option
@json_option
def explain(mac: str, names: tuple[str, ...], line: int | None, key: int | None, reveal: bool, as_json: bool) -> None:
    """Every variable of a device, or those named: its value, and the layer that it came from."""
    if line and key:
        raise click.UsageError("Give --line or --key, not both.")
    with opened() as desk:
        device = _device(desk, mac, reveal=reveal)
        variables = preview_variables(desk.site(), device, reveal=reveal)
    if names:
        found = [variables.explain(name, line=line, key=key) for name in names]
    else:
        found = variables.explain_all(line=line, key=key)
    show_rows([_explained(item) for item in found], as_json=as_json)


def _device(desk: Opened, mac: str, *, reveal: bool) -> DeviceData:
    device = wanted_device(desk.session, mac)
    if reveal:
        record_reveal(desk.session, device, CONSOLE)
    return device


def _named(previews: Sequence[Preview], name: str) -> list[Preview]:
    found = [preview for preview in previews if preview.path.casefold() == name.casefold()]
    if not found:
        known = ", ".join(preview.path for preview in previews)
        raise NotFound(f"This device has no file {name}. It has: {known}.")
    return found


def _as_json(preview: Preview, *, diff: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": preview.path, "content": preview.now, "shared": preview.shared}
    if diff:
        rows = preview.difference
        shown["differs"] = preview.differs
        shown["difference"] = [{"kind": r.kind.value, "old": r.old, "new": r.new, "text": r.text} for r in rows]
    return shown


def _show_files(previews: Sequence[Preview]) -> None:
    """One file as it is, so that it can be piped; several under headings."""
    for preview in previews:
        if len(previews) > 1:
            click.echo(f"==> {preview.path} <==")
        click.echo(preview.now or "", nl=len(previews) > 1)


def _show_differences(previews: Sequence[Preview]) -> None:
    changed = [preview for preview in previews if preview.differs]
    for preview in changed:
        click.echo(f"--- {preview.path} on disk\n+++ {preview.path} now")
        for row in preview.difference:
            click.echo("…" if row.kind is DiffKind.GAP else _SIGNS[row.kind] + row.text)
        if not preview.difference:
            click.echo("(only secrets differ)")
    if not changed:
        remark("Nothing differs from what is on disk.")
    sys.stdout.flush()


def _explained(item: Explained) -> dict[str, Any]:
    return {"name": item.name, "value": item.value, "layer": item.layer.value, "source": item.source}
