"""Phone services on real sockets."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.webprov.serving.fleet import Fleet, Phones
from webprov.enums import Protocol
from webprov.serving.fetching import Fetching
from webprov.serving.http import PhoneApp
from webprov.serving.httpserver import PHONE_LIMITS, BoundedServer, make_server


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


def stop(server, thread) -> None:
    server.pull_trigger()
    server._map.clear()
    thread.join(5)
    server.task_dispatcher.shutdown()
    for channel in list(server.active_channels.values()):
        channel.socket.close()
    server.trigger.close()
    if server.socket:  # a server that retired has closed it
        server.socket.close()


@pytest.fixture
def phones(start_phones) -> Phones:
    return start_phones()
