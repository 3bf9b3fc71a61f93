"""`webprov key`: the key that opens the secrets at rest (security SE-01)."""

import click

from webprov.commands.opening import opened
from webprov.commands.output import counted, remark
from webprov.commands.standstill import nobody_serves
from webprov.config import load_config
from webprov.keyrotation import rotate_key


@click.group()
def key() -> None:
    """Change the key that opens the secrets in the database."""


@key.command()
def rotate() -> None:
    """Encrypt every secret with a new key. Stop webprov first; everybody has to sign in again."""
    with nobody_serves(load_config()), opened() as desk:
        done = rotate_key(desk.instance)
    click.echo(f"{counted(done.secrets, 'secret')} encrypted with a new key.")
    remark(
        f"The former key lies in {done.former}. Copies of the database made before need it, backups by webprov do not."
    )
    remark("Delete it when you have no such copies. Where the former key was seen by others, change the passwords too.")
