"""The worker: what is done in the background, each duty in a thread and under a lease of its own (BG-01, BG-04).

A duty does a piece of work per turn and says how long to rest. Rests are counted by the monotonic clock, so that a
clock set wrong neither stops nor storms them (BG-05); turns of one duty never overlap (BG-06).
"""

import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.store.instance import Instance
from webprov.store.jobrecords import LeaseRecord
from webprov.store.leases import STALLED_SECONDS, Lease, LeaseLost
from webprov.store.models import utc_now

log = logging.getLogger(__name__)

LONGEST_TURN_SECONDS = 600
"""A duty that works longer without a pause is taken to hang. Turns are meant to take seconds."""
_LOOK_AFTER_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 1.0
_DATABASE_AWAY_SECONDS = 2.0
_AFTER_ERROR_SECONDS = 10.0
_LOCK_SECONDS = 0.5
_GLANCE_SECONDS = 0.05
_STOP_SECONDS = 4.0
_SEEN_LATELY = timedelta(seconds=60)
_LOCKS = ("worker.lock", "serve-worker.lock", "serve.lock")
"""Held by a worker at work, or by a supervisor that is about to start one."""


@dataclass(frozen=True)
class Duty:
    """One kind of work. `turn` gets a session and the lease, which it must `fence` before it stores what took long;
    it returns the seconds until its next turn."""

    name: str
    turn: Callable[[Session, Lease], float]


class Worker:
    """Sees to `duties` until `stop` is set."""

    def __init__(self, instance: Instance, duties: Sequence[Duty]) -> None:
        self.stop = threading.Event()
        self._instance = instance
        self._duties = duties
        self._is_alone = threading.Event()
        self._turns: dict[str, tuple[Lease, float]] = {}

    def run(self) -> None:
        """Start every duty and wait for `stop`, or for the SystemExit of a signal; then let them end their turn."""
        threads = [threading.Thread(target=self._attend, args=[duty], name=duty.name) for duty in self._duties]
        for thread in threads:
            thread.daemon = True  # one that hangs keeps nobody: what it does is fenced
            thread.start()
        try:
            with workers_lock(self._instance.config, self.stop) as alone:
                if alone:
                    self._is_alone.set()
                while not self.stop.wait(_LOOK_AFTER_SECONDS):
                    self._look_after_turns()
        finally:
            self.stop.set()
            end = time.monotonic() + _STOP_SECONDS
            for thread in threads:
                thread.join(max(0, end - time.monotonic()))

    def _look_after_turns(self) -> None:
        """Beat for the turns under way; one that takes too long hangs: end this process, so that it is replaced."""
        for name, (lease, since) in list(self._turns.items()):
            if time.monotonic() - since > LONGEST_TURN_SECONDS:
                log.critical("%s has hung for %d s; the worker is started again", name, LONGEST_TURN_SECONDS)
                os._exit(1)
            try:
                lease.keep()
            except DBAPIError as e:
                log.debug("no beat for %s: %s", name, e)

    def _attend(self, duty: Duty) -> None:
        sessions = self._instance.sessions
        machine = machine_name(self._instance.config)
        lease = Lease(sessions, duty.name, machine=machine, is_alone=self._is_alone.is_set)
        self._let_the_other_begin()
        while not self.stop.is_set():
            self.stop.wait(self._turn(duty, lease))
        try:
            lease.release()
        except DBAPIError as e:
            log.warning("%s could not be handed over: %s", duty.name, e)

    def _let_the_other_begin(self) -> None:
        """Without the workers' lock somebody else has it: stand by until that one would be taken for dead."""
        end = time.monotonic() + STALLED_SECONDS
        while not self._is_alone.is_set() and time.monotonic() < end and not self.stop.wait(_GLANCE_SECONDS):
            pass

    def _turn(self, duty: Duty, lease: Lease) -> float:
        """One turn, if it is ours; the seconds until the next."""
        try:
            if not lease.hold():
                return _LOOK_AGAIN_SECONDS
            self._turns[duty.name] = lease, time.monotonic()
            with self._instance.sessions() as session:
                return duty.turn(session, lease)
        except LeaseLost as e:
            log.warning("%s", e)
            return _LOOK_AGAIN_SECONDS
        except DBAPIError as e:
            log.warning("%s waits for the database: %s", duty.name, e.orig)
            return _DATABASE_AWAY_SECONDS
        except Exception:  # a duty that fails must not stop the others (BG-04)
            log.exception("%s failed and is tried again", duty.name)
            return _AFTER_ERROR_SECONDS
        finally:
            self._turns.pop(duty.name, None)


def machine_name(config: Config) -> str:
    """Names this machine's share of the instance among the owners of leases."""
    return f"{socket.gethostname()}:{config.instance}"


def worker_runs(session: Session, config: Config) -> bool:
    """Whether anybody will do what is left to do: a service on this machine, or a worker seen lately on another."""
    if any(_is_locked(config.instance / name) for name in _LOCKS):
        return True
    lately = LeaseRecord.seen_at > utc_now() - _SEEN_LATELY
    elsewhere = LeaseRecord.owner != "", LeaseRecord.machine != machine_name(config), lately
    return session.scalar(select(LeaseRecord.name).where(*elsewhere).limit(1)) is not None


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def workers_lock(config: Config, stop: threading.Event) -> Iterator[bool]:
    """Wait for the lock that the workers of this instance on this machine share; True once it is ours, False on stop.

    The system frees it when its holder dies: whoever has it knows that no other worker lives here.
    """
    with (config.instance / "worker.lock").open("a") as file:
        while not stop.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                stop.wait(_LOCK_SECONDS)
            else:
                yield True
                return
        yield False
