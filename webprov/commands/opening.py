"""The instance that a verb works on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webprov.config import load_config
from webprov.errors import NotFound
from webprov.mac import format_mac, parse_mac
from webprov.site import Site, SiteLoader
from webprov.store.devicedata import DeviceData, read_device
from webprov.store.instance import Instance, open_instance


@dataclass(frozen=True)
class Opened:
    """An instance with a session on it."""

    instance: Instance
    session: Session
    loader: SiteLoader

    def site(self) -> Site:
        """What is saved and installed now."""
        return self.loader.load(self.session)


@contextmanager
def opened() -> Iterator[Opened]:
    """Open the instance of the environment, made or migrated if need be; the service may run or not.

    What the domain logs is not repeated on the terminal: the verbs say it themselves.
    """
    logging.getLogger("webprov").addHandler(logging.NullHandler())
    instance = open_instance(load_config())
    try:
        with instance.sessions() as session:
            yield Opened(instance, session, SiteLoader(instance.config))
    finally:
        instance.close()


def wanted_device(session: Session, mac: str) -> DeviceData:
    """The device of a MAC in any spelling; raises InvalidValue or NotFound."""
    device = read_device(session, parse_mac(mac))
    if device is None:
        raise NotFound(f"There is no device {format_mac(parse_mac(mac))}. See webprov devices list.")
    return device
