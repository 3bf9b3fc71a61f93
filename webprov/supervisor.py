"""Starts the parts as processes, restarts what dies, follows the settings (design, "Processes").

The supervisor binds each port once and hands the socket to the part's processes, so that changing one part touches no
other. They are forked from a process that has imported all they need (`forking`), and stop when the supervisor is gone.
"""

import errno
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Any

from sqlalchemy.exc import SQLAlchemyError

from webprov.config import Config
from webprov.errors import AlreadyRunning
from webprov.parts import PARTS, Part, Place
from webprov.processes import Child, wait_for_end
from webprov.store.instance import Instance
from webprov.store.listeners import Listener, ListenerState, note_listener
from webprov.store.settings import load_settings
from webprov.store.watch import CounterWatch

log = logging.getLogger(__name__)

_TURN_SECONDS = 0.2
_BIND_AGAIN_SECONDS = 2
_LONGEST_BACKOFF_SECONDS = 10
_HEALTHY_SECONDS = 10


class Supervisor:
    """Runs `parts` until `stop` is called or a signal comes."""

    def __init__(self, instance: Instance, parts: Mapping[str, Part] = PARTS) -> None:
        self._instance = instance
        self._watch = CounterWatch(instance.engine)
        self._teams = {name: Team(name, part, instance) for name, part in parts.items()}
        self._settings_count = -1
        self._bind_at = 0.0
        self._stopping = threading.Event()

    def start(self) -> None:
        """Bind what the settings want and start the processes."""
        self._turn()

    def run(self) -> None:
        """Look after the processes until told to stop; then end them all, in at most ten seconds."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            while not self._stopping.wait(_TURN_SECONDS):
                self._turn()
        finally:
            wait_for_end([child for team in self._teams.values() for child in team.give_up()])
            self._watch.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _turn(self) -> None:
        count = self._watch.counts().get("settings", 0)
        if count != self._settings_count or time.monotonic() >= self._bind_at:
            self._settings_count = count
            self._bind_at = time.monotonic() + _BIND_AGAIN_SECONDS
            self._follow_settings()
        for team in self._teams.values():
            team.keep_running()

    def _follow_settings(self) -> None:
        try:
            with self._instance.sessions() as session:
                settings = load_settings(session)
        except SQLAlchemyError as e:
            log.warning("The settings cannot be read, going on with those known: %s", e)
            return
        for team in self._teams.values():
            team.move(team.part.place(settings, self._instance.config))


class Team:
    """The processes of one part, and the socket they share."""

    def __init__(self, name: str, part: Part, instance: Instance) -> None:
        self.name, self.part = name, part
        self._instance = instance
        self._place: Place | None = None
        self._listener: socket.socket | None = None
        self._children: list[Child] = []
        self._leaving: list[Child] = []
        self._noted: Listener | None = None
        self._deaths = 0
        self._start_at = 0.0

    def move(self, place: Place | None) -> None:
        """Listen at `place` from now on, or not at all (None). Where that fails, an old place is kept."""
        if place is None:
            self._leave(politely=True)
            self._note(Listener(ListenerState.OFF))
            return
        if place != self._place:
            try:
                listener = bind(place) if place.port else None
            except OSError as e:
                self._note(Listener(ListenerState.FAILED, _why_not(place, e)))
                return
            self._leave(politely=True)
            self._place, self._listener, self._start_at = place, listener, 0.0
        self._note(Listener(ListenerState.ON, str(place)))

    def keep_running(self) -> None:
        """Start what is missing; who died quickly is started again later and later."""
        for child in self._leaving[:]:
            child.kill_when_late()
            if child.ended:
                self._leaving.remove(child)
        for child in [child for child in self._children if child.ended]:
            self._children.remove(child)
            self._bury(child)
        if self._place is None or time.monotonic() < self._start_at:
            return
        while len(self._children) < self._place.processes:
            try:
                self._children.append(Child(self.name, self._instance.config, self._listener))
            except OSError as e:
                self._wait_for_next_start(0)
                log.error("%s cannot be started now, trying again: %s", self.name, e)
                return

    def give_up(self) -> list["Child"]:
        """Stop listening; the processes that are about to end, those too that had more time."""
        self._leave()
        for child in self._leaving:
            child.terminate()
        return self._leaving

    def _leave(self, *, politely: bool = False) -> None:
        """Let the processes go; politely: those of a part that retires end what is under way first."""
        for child in self._children:
            if politely and self.part.retires:
                child.retire()
            else:
                child.terminate()
        self._leaving += self._children
        self._children = []
        if self._listener is not None:
            self._listener.close()
        self._listener = self._place = None

    def _bury(self, child: "Child") -> None:
        self._wait_for_next_start(child.age_seconds)
        log.error("%s (process %d) ended with status %s; starting it again", self.name, child.pid, child.status)

    def _wait_for_next_start(self, lived_seconds: float) -> None:
        self._deaths = 1 if lived_seconds > _HEALTHY_SECONDS else self._deaths + 1
        self._start_at = time.monotonic() + min(0.1 * 2**self._deaths, _LONGEST_BACKOFF_SECONDS)

    def _note(self, listener: Listener) -> None:
        """Say once, in the log and in the database, what became of the listener."""
        if listener == self._noted:
            return
        level = logging.ERROR if listener.state is ListenerState.FAILED else logging.INFO
        log.log(level, "%s: %s %s", self.name, listener.state, listener.text)
        try:
            with self._instance.sessions() as session:
                note_listener(session, self.name, listener)
        except SQLAlchemyError as e:
            log.warning("The state of %s cannot be stored: %s", self.name, e)
        else:
            self._noted = listener


def bind(place: Place) -> socket.socket:
    """A bound socket at `place`, listening where it is a stream; raises OSError. `::` takes IPv4 too."""
    family, _, _, _, address = socket.getaddrinfo(place.host, place.port, type=place.kind)[0]
    if place.kind is socket.SOCK_DGRAM:
        return _bind_datagrams(family, address, dualstack=place.host == "::")
    return socket.create_server(address[:2], family=family, backlog=2_048, dualstack_ipv6=place.host == "::")


def _bind_datagrams(family: int, address: Any, *, dualstack: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dualstack)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def lock_instance(config: Config, only: str | None) -> IO[str]:
    """Keep others from serving the same instance while the file returned is open; raises AlreadyRunning."""
    path = Path(config.instance / (f"serve-{only}.lock" if only else "serve.lock"))
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise AlreadyRunning(
            f"webprov is already running for {config.instance}. Stop that one first, or set another WEBPROV_INSTANCE."
        ) from None
    return file


def _why_not(place: Place, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {place.port} is taken by another program. Stop that program or choose another port."
    if error.errno == errno.EACCES:
        return f"Port {place.port} is reserved for root. Choose one from 1024, or forward {place.port} to it."
    return f"Cannot listen on {place}: {error.strerror}. Choose an address of this machine."
