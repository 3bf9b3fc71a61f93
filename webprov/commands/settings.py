"""`webprov settings`: the Provisioning Settings, with the form's own checks (spec 1)."""

from dataclasses import asdict
from typing import Any

import click

from webprov.changes.settings import save_settings
from webprov.commands.opening import opened
from webprov.commands.output import counted, json_option, remark, show_json, show_table
from webprov.commands.values import read_values
from webprov.enums import FileState
from webprov.errors import InvalidInput
from webprov.fleet import state_counts
from webprov.rights import CONSOLE
from webprov.store.settings import FIELDS, SECRET_FIELDS, ProvisioningSettings, load_settings


@click.group()
def settings() -> None:
    """Show or change the Provisioning Settings."""


@settings.command()
@json_option
def show(as_json: bool) -> None:
    """Every field and its value; secrets only say whether they are set."""
    with opened() as desk:
        values = shown_settings(load_settings(desk.session))
    if as_json:
        show_json(values)
    else:
        show_table(("field", "value"), list(values.items()))


@settings.command("set")
@click.argument("values", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_(values: tuple[str, ...]) -> None:
    """Change fields, all or nothing. FIELD=@FILE reads a file, FIELD=@- standard input; FIELD alone asks.

    Passwords and keys are never taken from FIELD=VALUE; FIELD= clears one.
    """
    given = read_values(values, SECRET_FIELDS.__contains__)
    emptied = [name for name, text in given.items() if name in SECRET_FIELDS and not text]
    with opened() as desk:
        try:
            saved = save_settings(
                desk.session, given, CONSOLE, clear=emptied, script_dirs=desk.instance.config.script_dirs
            )
        except InvalidInput as e:
            raise click.ClickException("\n".join(f"{field}: {text}" for field, text in e.errors.items())) from e
        if not saved.changed:
            click.echo("Nothing has changed.")
            return
        click.echo("Saved.")
        for warning in saved.warnings:
            remark(warning)
        if waiting := state_counts(desk.session, desk.site())[FileState.STALE]:
            remark(f"{counted(waiting, 'device')} now wait for: webprov provision --stale")


def shown_settings(saved: ProvisioningSettings) -> dict[str, Any]:
    """Fields by their contract names as `settings set` takes them: on and off, secrets as "set" or ""."""
    values = asdict(saved)
    return {name: _shown(name, values[name]) for name in FIELDS}


def _shown(name: str, value: Any) -> Any:
    if name in SECRET_FIELDS:
        return "set" if value else ""
    return ("on" if value else "off") if isinstance(value, bool) else value
