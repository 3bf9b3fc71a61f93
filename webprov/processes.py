"""The processes of parts, from both sides: the supervisor starts and ends them, they run until it says so."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from pkgutil import resolve_name
from types import FrameType

from setproctitle import setproctitle

from webprov.config import Config
from webprov.errors import WebprovError
from webprov.forking import FORKING
from webprov.logs import set_up_logging
from webprov.parts import part_named
from webprov.serving.retirement import RETIRE, listen_for_retirement
from webprov.store.instance import open_instance

log = logging.getLogger(__name__)

_STOP_SECONDS = 5
_RETIRE_SECONDS = 3_600  # a firmware over a slow line takes its time
_STATUS_UNKNOWN = 255
"""The status of a process where the one that it was forked from has ended before it."""


class Child:
    """One process of a part."""

    def __init__(self, name: str, config: Config, listener: socket.socket | None) -> None:
        """Start it; raises OSError where that is not possible now."""
        # a daemon in the words of multiprocessing: does not outlive us, whatever ends us
        self._process = FORKING.Process(target=run_part, args=(name, config, listener), daemon=True)
        try:
            self._process.start()
        except EOFError as e:
            raise OSError("The process that others are forked from has ended.") from e
        self._started = time.monotonic()
        self._kill_at = float("inf")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def age_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._started

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        status = self._process.exitcode
        return status is not None and not (status == _STATUS_UNKNOWN and _is_alive(self.pid))

    @property
    def status(self) -> int | None:
        """Its exit status; negative: the signal that ended it."""
        return self._process.exitcode

    def retire(self) -> None:
        """Ask it to take nobody new, and to go when it has served those it has."""
        self._send(RETIRE)
        self._kill_at = time.monotonic() + _RETIRE_SECONDS

    def terminate(self) -> None:
        """Ask it to go at once."""
        self._send(signal.SIGTERM)
        self._kill_at = time.monotonic() + _STOP_SECONDS

    def kill_when_late(self) -> None:
        """End it by force when it had its time."""
        if time.monotonic() >= self._kill_at:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self.ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _is_alive(pid: int) -> bool:
    """Whether a process runs that the one it was forked from cannot speak for any more."""
    with suppress(ChildProcessError):  # ours now, where we are the first process of a container
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in "ZX"  # it has ended, and nobody has asked how


def wait_for_end(children: Iterable[Child]) -> None:
    """Wait for processes that were asked to end; who takes more than five seconds is ended by force."""
    waiting = list(children)
    while waiting:
        for child in waiting:
            child.kill_when_late()
        waiting = [child for child in waiting if not child.ended]
        time.sleep(0.02)


def run_part(name: str, config: Config, listener: socket.socket | None = None) -> None:
    """Be one process of the part `name` until the supervisor says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor too, which then ends us in order
    signal.signal(signal.SIGTERM, _leave)
    listen_for_retirement()
    supervisor = multiprocessing.parent_process()
    if supervisor:
        threading.Thread(target=_end_with, args=(supervisor,), name="Parent", daemon=True).start()
    setproctitle(f"webprov {name}")
    set_up_logging(config)
    run = resolve_name(part_named(name).run)
    with listener or nullcontext():
        try:
            run(open_instance(config), *([listener] if listener else []))
        except WebprovError as e:
            sys.exit(str(e))
        except Exception:
            log.critical("%s ends, which it should not", name, exc_info=True)
            sys.exit(1)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _end_with(supervisor: BaseProcess) -> None:
    """Wait for the supervisor's end; then stop, by force where that takes too long."""
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)
