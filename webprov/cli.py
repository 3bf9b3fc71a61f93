"""The `webprov` command: each verb calls one function of the domain (contract).

Verbs live in `webprov/commands/`. They are named here with the line that `webprov --help` shows, and imported when
one is used, so that help and completion answer at once (performance P9).
"""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from webprov import __version__
from webprov.errors import WebprovError

VERBS = {  # verb: (where its click command is, its line in the help), in the contract's order
    "serve": ("webprov.commands.serve:serve", "Start everything and keep it running, or one part."),
    "init": ("webprov.commands.instance:init", "Make the instance, or bring it to this version."),
    "user": ("webprov.commands.users:user", "Create, list or disable people who sign in."),
    "settings": ("webprov.commands.settings:settings", "Show or change the Provisioning Settings."),
    "variables": ("webprov.commands.variables:variables", "List, set or delete custom variables."),
    "tenants": ("webprov.commands.tenants:tenants", "Create, list or delete tenants."),
    "devices": ("webprov.commands.devices:devices", "Import, export, list, show or delete devices."),
    "contacts": ("webprov.commands.contacts:contacts", "Import, export or list contacts; make their directories."),
    "models": ("webprov.commands.models:models", "List phone models, or check their files."),
    "templates": ("webprov.commands.models:templates", "Check templates."),
    "provision": ("webprov.commands.provision:provision", "Write the files of devices."),
    "render": ("webprov.commands.looking:render", "Print the files that a device would get now."),
    "explain": ("webprov.commands.looking:explain", "Print a device's variables and where they come from."),
    "sync": ("webprov.commands.sync:sync", "Bring contacts or shared assets to the storage."),
    "simulate": ("webprov.commands.simulating:simulate", "Play a phone's boot and say what it would get."),
    "status": ("webprov.commands.state:status", "Count devices and what is left to do."),
    "wait-idle": ("webprov.commands.state:wait_idle", "Wait until nothing is left to do."),
    "backup": ("webprov.commands.backups:backup", "Write the whole instance to one file."),
    "restore": ("webprov.commands.backups:restore", "Bring an instance back from such a file."),
    "key": ("webprov.commands.keys:key", "Change the key that opens the secrets in the database."),
    "check": ("webprov.commands.checking:check", "Find everything that would bite."),
    "demo": ("webprov.commands.demo:demo", "Fill an empty instance with phones to look at."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported by name when they run; a WebprovError becomes its sentence and exit 1."""

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order they were given."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now; None where there is none."""
        if cmd_name not in self._verbs:
            return None
        module, _, attribute = self._verbs[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs with their lines, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in self._verbs.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; expected trouble is one sentence on stderr and exit status 1."""
        try:
            return super().invoke(ctx)
        except WebprovError as e:
            raise click.ClickException(str(e)) from e


@click.group(cls=LazyGroup, verbs=VERBS)
@click.version_option(__version__)
def main() -> None:
    """Provision SIP phones: settings, devices, files, delivery."""
