"""The parts of `webprov serve`, each run in processes of its own: where they listen, and what they run (design).

What they run is named, not imported: the supervisor looks after them all and needs the code of none (P9, P10).
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webprov.config import Config
from webprov.enums import Protocol
from webprov.errors import WebprovError

if TYPE_CHECKING:
    from webprov.store.settings import ProvisioningSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part listens and how many processes share that socket. Port 0: it runs without a socket."""

    host: str
    port: int
    processes: int = 1
    kind: socket.SocketKind = socket.SOCK_STREAM

    def __str__(self) -> str:
        if not self.port:
            return "in the background"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `place` says where it listens by these settings (None: not at all).

    `run` is module:function; it gets the instance and, where the part listens, the socket, and goes on until
    SystemExit. `loads`: modules that it loads by name. `retires`: when it has to leave its place, it takes no new
    connections and ends by itself once the last one is served (serving.retirement).
    """

    place: "Callable[[ProvisioningSettings, Config], Place | None]"
    run: str
    loads: tuple[str, ...] = ()
    retires: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """What its processes have to import."""
        return (self.run.partition(":")[0], *self.loads)


def _background(_settings: "ProvisioningSettings", _config: Config) -> Place | None:
    return Place("", 0)


def _admin_place(_settings: "ProvisioningSettings", config: Config) -> Place:
    return Place(config.admin_bind.name, config.admin_bind.port or 8080)


def _phone_place(protocol: Protocol) -> "Callable[[ProvisioningSettings, Config], Place | None]":
    def place(settings: "ProvisioningSettings", config: Config) -> Place | None:
        if not settings.serves_phones or not settings.enabled(protocol):
            return None
        processes = config.http_processes if protocol is Protocol.HTTP else 1
        kind = socket.SOCK_DGRAM if protocol is Protocol.TFTP else socket.SOCK_STREAM
        return Place(config.phone_address, settings.port(protocol), processes, kind)

    return place


PARTS: Mapping[str, Part] = {
    "admin": Part(_admin_place, "webprov.adminpart:run_admin", loads=("wsgi",)),
    "http": Part(_phone_place(Protocol.HTTP), "webprov.plainparts:run_http", retires=True),
    "https": Part(_phone_place(Protocol.HTTPS), "webprov.tlsparts:run_https", retires=True),
    "tftp": Part(_phone_place(Protocol.TFTP), "webprov.plainparts:run_tftp", retires=True),
    "ftp": Part(_phone_place(Protocol.FTP), "webprov.ftpparts:run_ftp", retires=True),
    "ftps": Part(_phone_place(Protocol.FTPS), "webprov.ftpparts:run_ftps", retires=True),
    "worker": Part(_background, "webprov.duties:run_worker"),
}


def part_named(name: str) -> Part:
    """The part called `name`; raises WebprovError for one that this webprov does not have."""
    if name not in PARTS:
        raise WebprovError(f"This webprov has no part “{name}”. It has {', '.join(PARTS)}.")
    return PARTS[name]
