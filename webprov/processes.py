"""The processes of parts, from both sides: the supervisor starts and ends them, they run until it says so."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType

from webprov.parts import Part
from webprov.serving.retirement import RETIRE, listen_for_retirement
from webprov.store.instance import Instance

_STOP_SECONDS = 5
_RETIRE_SECONDS = 3_600  # a firmware over a slow line takes its time
NO_LISTENER = -1
_SPARING = {"MALLOC_ARENA_MAX": "1"}
"""glibc keeps memory apart for each thread, in vain where one runs at a time: a tenth of what we hold (P10)."""


class Child:
    """One process of a part."""

    def __init__(self, name: str, listener: socket.socket | None) -> None:
        number = listener.fileno() if listener else NO_LISTENER
        command = [sys.executable, "-m", "webprov", "serve", "--only", name, "--listener-fd", str(number)]
        passed = [number] if listener else []
        environment = {**_SPARING, **os.environ}
        self._process = subprocess.Popen(command, pass_fds=passed, stdin=subprocess.PIPE, env=environment)  # noqa: S603
        self._started = time.monotonic()
        self._kill_at = float("inf")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def age_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._started

    @property
    def ended(self) -> bool:
        """Whether it has ended; its pipe is closed then."""
        if self._process.poll() is None:
            return False
        if self._process.stdin:
            self._process.stdin.close()
        return True

    @property
    def status(self) -> int | None:
        """Its exit status; negative: the signal that ended it."""
        return self._process.returncode

    def retire(self) -> None:
        """Ask it to take nobody new, and to go when it has served those it has."""
        self._process.send_signal(RETIRE)
        self._kill_at = time.monotonic() + _RETIRE_SECONDS

    def terminate(self) -> None:
        """Ask it to go at once."""
        self._process.terminate()
        self._kill_at = time.monotonic() + _STOP_SECONDS

    def kill_when_late(self) -> None:
        """End it by force when it had its time."""
        if time.monotonic() >= self._kill_at:
            self._process.kill()


def wait_for_end(children: Iterable[Child]) -> None:
    """Wait for processes that were asked to end; who takes more than five seconds is ended by force."""
    waiting = list(children)
    while waiting:
        for child in waiting:
            child.kill_when_late()
        waiting = [child for child in waiting if not child.ended]
        time.sleep(0.02)


def run_child(part: Part, instance: Instance, listener_fd: int) -> None:
    """Be one process of a part until the supervisor says so or is gone; it may have left us a socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor too, which then ends us in order
    signal.signal(signal.SIGTERM, _leave)
    listen_for_retirement()
    threading.Thread(target=_end_with_parent, name="Parent", daemon=True).start()
    with suppress(SystemExit):
        if listener_fd == NO_LISTENER:
            part.run(instance)
            return
        with socket.socket(fileno=listener_fd) as listener:
            part.run(instance, listener)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _end_with_parent() -> None:
    """Wait for the supervisor's end of our standard input to close; then stop, by force where it takes too long."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)
