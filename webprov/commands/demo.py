"""`webprov demo`: an instance to look at (`make demo`)."""

import click

from webprov.commands.opening import opened
from webprov.demo import NAME, fill_demo
from webprov.errors import WebprovError
from webprov.people import find_user
from webprov.store.instance import has_users


@click.command()
def demo() -> None:
    """Fill an empty instance with two tenants and sixty phones; WEBPROV_INSTANCE says which."""
    with opened() as desk:
        folder = desk.instance.config.instance
        if has_users(desk.session) and not find_user(desk.session, NAME):
            raise WebprovError(f"{folder} is in use. Choose an empty folder with WEBPROV_INSTANCE.")
        password = fill_demo(desk.session, desk.loader)
    if password:
        click.echo(f"The demo in {folder} is ready. Sign in as {NAME} with the password {password}")
    else:
        click.echo(f"The demo in {folder} is there already; sign in as {NAME}. Delete the folder for a new one.")
