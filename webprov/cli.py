"""The `webprov` command: each verb calls one function of the domain (contract)."""

import click

from webprov import __version__


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Provision SIP phones: settings, devices, files, delivery."""
