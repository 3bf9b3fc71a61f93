"""`webprov serve`: everything under one supervisor, or one part."""

import importlib

import click

from webprov.config import load_config
from webprov.forking import import_ahead
from webprov.parts import PARTS, part_named

_ALL = ("admin", "http", "https", "ftp", "ftps", "tftp", "worker")

_TOGETHER = {"ftp": ("ftp", "ftps")}


@click.command()
@click.option("--only", type=click.Choice(_ALL), help="Serve this part alone.")
def serve(only: str | None) -> None:
    """Start all parts and keep them running until Ctrl-C or SIGTERM."""
    parts = {name: part_named(name) for name in _TOGETHER.get(only, (only,))} if only else PARTS
    config = load_config()
    import_ahead(parts.values())
    # by name, so that this process imports what it needs while the other one does
    importlib.import_module("webprov.commands.supervising").supervise(config, only, parts)
