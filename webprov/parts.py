"""The parts of `webprov serve`, each run in processes of its own: where they listen, and what they run (design)."""

import importlib
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webprov.config import Config
from webprov.enums import Protocol
from webprov.errors import WebprovError
from webprov.serving.fetching import Fetching
from webprov.serving.garbage import collect_seldom
from webprov.serving.http import PhoneApp
from webprov.serving.httpserver import PHONE_LIMITS, admin_limits, make_server
from webprov.serving.sources import Sources
from webprov.serving.tftp import TftpServer
from webprov.serving.tftpdesk import Desk
from webprov.store.instance import Instance
from webprov.store.settings import ProvisioningSettings

ADMIN_APP = "wsgi:create_app"
WORKER = "webprov.duties:run_worker"
TLS_PARTS = "webprov.tlsparts"
RUN_FTP = "webprov.ftpparts:run_ftp"
_POLITE = 5


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

    `run` gets the instance and, where the part listens, the socket; it goes on until SystemExit. `retires`: when it has
    to leave its place, it takes no new connections and ends by itself once the last one is served (serving.retirement).
    """

    place: Callable[[ProvisioningSettings, Config], Place | None]
    run: Callable[..., None]
    retires: bool = False


def run_admin(instance: Instance, listener: socket.socket) -> None:
    """The admin UI. Its app is loaded by name, because `wsgi` stands above this package."""
    app = _named(ADMIN_APP)(instance.config)
    tempfile.tempdir = _spool(instance.config)
    if instance.config.admin_tls_cert:
        _named(f"{TLS_PARTS}:run_admin")(app, listener, instance.config, _is_proxy(instance))
    else:
        make_server(app, listener, admin_limits(instance.config.upload_limit_bytes), _is_proxy(instance)).run()


def _spool(config: Config) -> str:
    """Where uploads are received: beside the files that they become, for /tmp may be small, or memory."""
    folder = config.instance / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)


def run_http(instance: Instance, listener: socket.socket) -> None:
    """The phones' HTTP."""
    fetching = Fetching(instance)
    collect_seldom()
    try:
        make_server(PhoneApp(fetching), listener, PHONE_LIMITS, _is_proxy(instance)).run()
    finally:
        fetching.close()


def run_https(instance: Instance, listener: socket.socket) -> None:
    """The phones' HTTPS."""
    _named(f"{TLS_PARTS}:run_https")(instance, listener, _is_proxy(instance))


def run_tftp(instance: Instance, listener: socket.socket) -> None:
    """The phones' TFTP."""
    fetching = Fetching(instance)
    collect_seldom()
    try:
        TftpServer(listener, Desk(fetching)).run()
    finally:
        fetching.close()


def run_ftp(instance: Instance, listener: socket.socket) -> None:
    """The phones' FTP."""
    _named(RUN_FTP)(instance, listener, Protocol.FTP)


def run_ftps(instance: Instance, listener: socket.socket) -> None:
    """The phones' FTPS."""
    _named(RUN_FTP)(instance, listener, Protocol.FTPS)


def run_worker(instance: Instance) -> None:
    """What is done in the background; phones and people go first where processors are short.

    By name, so that the phones' part need not import how files are made (P9).
    """
    os.nice(_POLITE)
    _named(WORKER)(instance)


def _named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _is_proxy(instance: Instance) -> Callable[[str], bool]:
    sources = Sources("", instance.config.trusted_proxies)
    return sources.is_proxy


def _background(_settings: ProvisioningSettings, _config: Config) -> Place | None:
    return Place("", 0)


def _admin_place(_settings: ProvisioningSettings, config: Config) -> Place:
    return Place(config.admin_bind.name, config.admin_bind.port or 8080)


def _phone_place(protocol: Protocol) -> Callable[[ProvisioningSettings, Config], Place | None]:
    def place(settings: ProvisioningSettings, config: Config) -> Place | None:
        if not settings.serves_phones or not settings.enabled(protocol):
            return None
        processes = config.http_processes if protocol is Protocol.HTTP else 1
        kind = socket.SOCK_DGRAM if protocol is Protocol.TFTP else socket.SOCK_STREAM
        return Place(config.phone_address, settings.port(protocol), processes, kind)

    return place


PARTS: Mapping[str, Part] = {
    "admin": Part(_admin_place, run_admin),
    "http": Part(_phone_place(Protocol.HTTP), run_http, retires=True),
    "https": Part(_phone_place(Protocol.HTTPS), run_https, retires=True),
    "tftp": Part(_phone_place(Protocol.TFTP), run_tftp, retires=True),
    "ftp": Part(_phone_place(Protocol.FTP), run_ftp, retires=True),
    "ftps": Part(_phone_place(Protocol.FTPS), run_ftps, retires=True),
    "worker": Part(_background, run_worker),
}


def part_named(name: str) -> Part:
    """The part called `name`; raises WebprovError for one that this webprov does not have."""
    if name not in PARTS:
        raise WebprovError(f"This webprov has no part “{name}”. It has {', '.join(PARTS)}.")
    return PARTS[name]
