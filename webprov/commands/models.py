"""`webprov models` and `webprov templates`: what is installed, and what is refused and why (spec 4)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from webprov.changes.tenants import find_tenant
from webprov.commands.opening import opened
from webprov.commands.output import counted, json_option, remark, show_json, show_rows
from webprov.modelcheck import check_models
from webprov.phones.modelkeys import model_segment
from webprov.phones.phonemodel import PhoneModel, Refusal
from webprov.rights import CONSOLE
from webprov.store.devicedata import read_tenants


@click.group()
def models() -> None:
    """List phone models, or check their files."""


@models.command("list")
@click.option("--tenant", metavar="T", default="", help="As one tenant sees them.")
@json_option
def list_(tenant: str, as_json: bool) -> None:
    """All models that can be used."""
    with opened() as desk:
        name = find_tenant(desk.session, tenant, CONSOLE).name if tenant else ""
        models = desk.site().catalog.models(name)
    rows = [_row(model) for model in models]
    show_rows(rows, as_json=as_json, columns=("key", "brand", "label", "scope", "lines", "keys"))
    if not as_json:
        brands = len({model.brand for model in models})
        sure = sum(model.facts.startswith("verified") for model in models)
        remark(f"{counted(len(models), 'model')} of {counted(brands, 'brand')}, {sure} verified.")


@models.command("check")
@json_option
def check_command(as_json: bool) -> None:
    """What in models.d and its overrides is refused or does not render; exit status 1 when anything is.

    Every model is rendered for phones with nothing, the usual and everything. What is only worth a look, like a
    setting that the brand is not known to have, is told on stderr.
    """
    with opened() as desk:
        found = check_models(desk.site(), [tenant.name for tenant in read_tenants(desk.session).values()])
    for item in found.warnings:
        remark(f"{item.file}{f', line {item.line}' if item.line else ''}: {item.reason}")
    _finish(found.refusals, as_json=as_json, fine="All models can be used.")


@click.group()
def templates() -> None:
    """Check templates."""


@templates.command("check")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@json_option
def check_templates(paths: tuple[Path, ...], as_json: bool) -> None:
    """What the gate refuses, in all templates or those at PATH; exit status 1 when anything is."""
    with opened() as desk:
        library = desk.site().library
        refusals = [item for path in paths for item in library.check_path(path)] if paths else library.check()
    _finish(refusals, as_json=as_json, fine="All templates can be used.")


def _finish(refusals: Sequence[Refusal], *, as_json: bool, fine: str) -> None:
    if as_json:
        show_json([{"file": item.file, "line": item.line, "reason": item.reason} for item in refusals])
    for item in () if as_json else refusals:
        model = f" [{item.model}]" if item.model else ""
        click.echo(f"{item.file}{f', line {item.line}' if item.line else ''}{model}: {item.reason}")
    if not as_json:
        remark(f"{counted(len(refusals), 'refusal')}." if refusals else fine)
    if refusals:
        sys.exit(1)


def _row(model: PhoneModel) -> dict[str, object]:
    files = [rule.output for rule in model.files] + [rule.output for rule in model.shared]
    return {
        "key": model.key,
        "brand": model.brand,
        "label": model.label,
        "scope": model.scope.value,
        "lines": model.lines,
        "keys": model.keys,
        "files": files,
        "segment": model_segment(model.key),
        "firmware_dir": model.firmware_dir,
    }
