"""What `webprov serve` does once its processes can be started: it looks after them, and says what to do next."""

import logging
from collections.abc import Mapping

import click

from webprov import __version__
from webprov.config import Config
from webprov.enums import Protocol
from webprov.hosts import Host, compose_url
from webprov.logs import set_up_logging
from webprov.parts import Part
from webprov.store.instance import Instance, make_folders, new_setup_token, open_instance
from webprov.store.settings import ProvisioningSettings, load_settings
from webprov.supervisor import Supervisor, lock_instance


def supervise(config: Config, only: str | None, parts: Mapping[str, Part]) -> None:
    """Run `parts`, which are all or those of `only`, until Ctrl-C or SIGTERM; raises as `open_instance` does."""
    set_up_logging(config)
    make_folders(config)
    with lock_instance(config, only):  # before it is opened: a restore may be exchanging it
        instance = open_instance(config)
        supervisor = Supervisor(instance, parts)
        supervisor.start()
        if "admin" in parts:
            click.echo(_welcome(instance))
        supervisor.run()
    instance.close()
    logging.shutdown()


def _welcome(instance: Instance) -> str:
    """What the person at the terminal needs next. The token stands alone, never in a URL (security SE-06)."""
    with instance.sessions() as session:
        settings, token = load_settings(session), new_setup_token(session)
    lines = [f"webprov {__version__} is running. Ctrl-C ends it.", ""]
    admin = f"{'https' if instance.config.admin_tls_cert else 'http'}://{instance.config.admin_bind}"
    lines += _row("Admin UI", f"{admin}/")
    if token:
        lines += _row("Set up", f"{admin}/setup") + _row("Set-up token", token)
    lines += [*_row("Phones", _phones_url(settings)), ""]
    if token:
        lines.append("Next: open the set-up page, paste the token there and make the first administrator.")
        lines.append("The token works once; each start prints a new one until somebody can sign in.")
    else:
        lines.append("Next: sign in, add devices, and point your phones at the address above.")
    return "\n".join([*lines, ""])


def _row(label: str, value: str) -> list[str]:
    return [f"  {label:<14}{value}"]


def _phones_url(settings: ProvisioningSettings) -> str:
    if not settings.serves_phones:
        return "are served by the external DMS; the listeners here are off"
    if not settings.http_enabled:
        return "HTTP is off (see the settings)"
    return compose_url(Protocol.HTTP, Host(settings.server_address, settings.http_port), "/provisioning")
