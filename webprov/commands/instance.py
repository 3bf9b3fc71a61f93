"""`webprov init`: an instance folder that is ready to serve."""

import click

from webprov.config import load_config
from webprov.store.instance import open_instance


@click.command()
def init() -> None:
    """Make the instance, or bring it to this version of webprov; serve does so too."""
    instance = open_instance(load_config())
    instance.close()
    click.echo(f"The instance {instance.config.instance} is ready.")
