"""Phone services on real sockets."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.webprov.serving.fleet import Fleet, Phones
from tests.webprov.serving.tftpclient import Client, Tftp
from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.ftp import FtpServer, openssl_context
from webprov.serving.http import PhoneApp
from webprov.serving.httpserver import PHONE_LIMITS, BoundedServer, make_server
from webprov.serving.tftp import TftpServer
from webprov.serving.tftpdesk import Desk
from webprov.serving.tftptransfer import Patience
from webprov.serving.tlscontexts import Contexts, phone_policy


@pytest.fixture
def fleet(instance) -> Fleet:
    return Fleet(instance)


@pytest.fixture
def start_phones(instance, fleet) -> Iterator[Callable[[], Phones]]:
    """Starts listeners, each with its own rules, index and log, as separate processes would."""
    running = []

    def start(make: Callable[..., BoundedServer] = make_server, protocol: Protocol = Protocol.HTTP) -> Phones:
        listener = socket.create_server(("127.0.0.1", 0))
        fetching = Fetching(instance)
        server = make(PhoneApp(fetching, protocol), listener, PHONE_LIMITS, unlimited=lambda address: False)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread, fetching))
        return Phones(listener.getsockname()[1], fetching, fleet, servers=[server])

    yield start
    for server, thread, fetching in running:
        stop(server, thread)
        fetching.close()


@pytest.fixture
def start_tftp(instance, fleet) -> Iterator[Callable[..., Tftp]]:
    """Starts TFTP listeners; the loopback is listed in the settings."""
    running = []
    fleet.change(tftp_enabled=True, tftp_networks="127.0.0.0/8")

    def start(patience: Patience | None = None) -> Tftp:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        fetching = Fetching(instance)
        server = TftpServer(listener, Desk(fetching), patience)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread, fetching, listener))
        return Tftp(listener.getsockname()[1], server, fetching)

    yield start
    for server, thread, fetching, listener in running:
        server.stop()
        with Client(listener.getsockname()[1]) as waking:
            waking.send(b"")
        thread.join(5)
        fetching.close()
        listener.close()


@pytest.fixture
def tftp(start_tftp) -> Tftp:
    return start_tftp()


def stop(server, thread) -> None:
    server._map.clear()
    server.trigger.pull_trigger()
    thread.join(5)
    server.task_dispatcher.shutdown()
    for channel in list(server.active_channels.values()):
        channel.handle_close()  # with what it has buffered in temporary files
    server.trigger.close()
    if server.socket:  # a server that retired has closed it
        server.socket.close()


@pytest.fixture
def phones(start_phones) -> Phones:
    return start_phones()


@pytest.fixture
def start_ftp(instance, fleet) -> Iterator[Callable[..., FtpServer]]:
    """Starts FTP or FTPS listeners on free ports; `port` is on the server."""
    running = []

    def start(protocol: Protocol = Protocol.FTP, *, tls: bool = True) -> FtpServer:
        listener = socket.create_server(("127.0.0.1", 0))
        fetching = Fetching(instance)
        policy = phone_policy(instance.config, lambda: fleet.settings)
        current = Contexts(policy, openssl_context).current if tls else lambda: None
        server = FtpServer(listener, fetching, protocol, current)
        server.retiring = threading.Event()
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.ioloop.call_later(0, sys.exit)
        thread.join(10)
        server.fetching.close()
