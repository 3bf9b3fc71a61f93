"""`webprov backup` and `webprov restore`: the whole instance in one file, and back (contract)."""

import sys
from pathlib import Path

import click

from webprov.backups.archive import write_backup
from webprov.backups.restoring import check_backup, restore_backup
from webprov.backups.unpacking import is_sealed
from webprov.commands.opening import opened
from webprov.commands.output import counted, remark
from webprov.commands.standstill import nobody_serves
from webprov.commands.values import read_secret
from webprov.config import load_config

_file_argument = click.argument("file", type=click.Path(path_type=Path))
_passphrase_file = click.option("--passphrase-file", metavar="F", help="File with the passphrase; - is standard input.")


@click.command()
@_file_argument
@click.option("--without-firmware", is_flag=True, help="Leave out the FIRMWARE- folders, which are large.")
@click.option("--passphrase", "asks", is_flag=True, help="Ask for a passphrase and seal the backup with it.")
@_passphrase_file
def backup(file: Path, without_firmware: bool, asks: bool, passphrase_file: str | None) -> None:
    """Write the whole instance with its key to FILE, which only you can read; webprov may run meanwhile."""
    passphrase = read_secret(passphrase_file, "passphrase") if passphrase_file else _ask(confirm=True) if asks else ""
    if passphrase_file and not passphrase:
        raise click.ClickException("The passphrase is empty. Write it into the file.")
    with opened() as desk:
        made = write_backup(desk.instance, file, passphrase=passphrase, firmware=not without_firmware)
    holds = f"{counted(made.devices, 'device')} and {counted(made.files, 'file')}"
    click.echo(f"{file} holds {holds} ({made.bytes / 1e6:,.1f} MB).")
    if not passphrase:
        remark("It holds the key of all secrets: keep it where nobody else reads it, or seal it with --passphrase.")


@click.command()
@_file_argument
@click.option(
    "--check", "only_checks", is_flag=True, help="Unpack and open the backup beside the instance; change nothing."
)
@_passphrase_file
def restore(file: Path, only_checks: bool, passphrase_file: str | None) -> None:
    """Put the instance in FILE in the place of this one, which is set aside. Stop webprov first."""
    config, passphrase = load_config(), ""
    if passphrase_file:
        passphrase = read_secret(passphrase_file, "passphrase")
    elif is_sealed(file) and sys.stdin.isatty():
        passphrase = _ask(confirm=False)
    if only_checks:
        done = check_backup(config, file, passphrase=passphrase)
    else:
        with nobody_serves(config):
            done = restore_backup(config, file, passphrase=passphrase)
    holds = f"{counted(done.summary.devices, 'device')} and {counted(done.summary.files, 'file')}"
    made = f"made {done.made_at:%Y-%m-%d %H:%M} UTC by webprov {done.version}"
    click.echo(f"{file} is whole: {holds}, {made}." if only_checks else f"Restored {holds}, {made}.")
    if done.set_aside:
        remark(f"What was here before lies in {done.set_aside}. Delete it once all is well.")
    if done.remark:
        remark(done.remark)


def _ask(*, confirm: bool) -> str:
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
