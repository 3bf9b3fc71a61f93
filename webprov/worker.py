"""The worker: what is done in the background, each duty in a thread and under a lease of its own (BG-01, BG-04).

A duty does a piece of work per turn and says how long to rest. Rests are counted by the monotonic clock, so that a
clock set wrong neither stops nor storms them (BG-05); turns of one duty never overlap (BG-06). A nudge ends a rest.
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
from webprov.dutystates import DutyNotes
from webprov.errors import WebprovError
from webprov.nudges import NudgeQueue, queue_at
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
_RESTING_BEAT_SECONDS = 10.0
_LOCK_SECONDS = 0.5
_GLANCE_SECONDS = 0.05
_STOP_SECONDS = 4.0
_SEEN_LATELY = timedelta(seconds=60)
_LOCKS = ("worker.lock", "serve-worker.lock", "serve.lock")
"""Held by a worker at work, or by a supervisor that is about to start one."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What follows a turn: `seconds` until it looks again, `due_seconds` until it works again as people see it; None
    for a turn that only looked and found nothing to do, which is not noted."""

    seconds: float
    due_seconds: float | None


class TurnFailed(WebprovError):
    """A turn came to nothing for a reason that people can read."""

    def __init__(self, sentence: str, rest: float | Rest) -> None:
        super().__init__(sentence)
        self.rest = rest if isinstance(rest, Rest) else Rest(rest, rest)


@dataclass(frozen=True)
class Duty:
    """One kind of work. `turn` gets a session and the lease, which it must `fence` before it stores what took long;
    it returns the seconds until its next turn, or more exactly a Rest, or raises TurnFailed.

    A turn longer than `longest_seconds` hangs. `interrupt` is called when the worker has to end: what takes long is
    broken off then.
    """

    name: str
    turn: Callable[[Session, Lease], float | Rest]
    longest_seconds: float = LONGEST_TURN_SECONDS
    interrupt: Callable[[], None] = lambda: None


class Worker:
    """Sees to `duties` until `stop` is set; `nudges` wakes those that rest."""

    def __init__(self, instance: Instance, duties: Sequence[Duty], nudges: NudgeQueue | None = None) -> None:
        self.stop = threading.Event()
        self.is_alone = threading.Event()
        """Set while no other worker can live on this machine."""
        self._instance = instance
        self._attendants = {duty.name: _Attendant(self, instance, duty) for duty in duties}
        self._nudges = nudges or queue_at(instance.config.queue_url)

    def run(self) -> None:
        """Start every duty and wait for `stop`, or for the SystemExit of a signal; then let them end their turn."""
        threads = [threading.Thread(target=one.attend, name=name) for name, one in self._attendants.items()]
        threads.append(threading.Thread(target=self._nudges.listen, args=[self._wake, self.stop], name="nudges"))
        for thread in threads:
            thread.daemon = True  # one that hangs keeps nobody: what it does is fenced
            thread.start()
        try:
            with workers_lock(self._instance.config, self.stop) as alone:
                if alone:
                    self.is_alone.set()
                while not self.stop.wait(_LOOK_AFTER_SECONDS):
                    for attendant in self._attendants.values():
                        attendant.look_after()
        finally:
            self.stop.set()
            end = time.monotonic() + _STOP_SECONDS
            for attendant in self._attendants.values():
                attendant.leave()
            for thread in threads:
                thread.join(max(0, end - time.monotonic()))

    def _wake(self, name: str) -> bool:
        """Whether the duty is done by this process, and so was woken; also where no worker has such a duty."""
        attendant = self._attendants.get(name)
        return attendant is None or attendant.wake()


class _Attendant:
    """Does one duty of `worker`, turn by turn."""

    def __init__(self, worker: Worker, instance: Instance, duty: Duty) -> None:
        self._worker = worker
        self._duty = duty
        self._sessions = instance.sessions
        self._woken = threading.Event()
        self._turn_since: float | None = None
        self._notes = DutyNotes(instance.sessions, duty.name)
        machine = machine_name(instance.config)
        self._lease = Lease(instance.sessions, duty.name, machine=machine, is_alone=worker.is_alone.is_set)

    def attend(self) -> None:
        """Turn and rest until the worker stops."""
        self._let_the_other_begin()
        while not self._worker.stop.is_set():
            self._woken.clear()
            self._rest(self._turn())
        try:
            self._lease.release()
        except DBAPIError as e:
            log.warning("%s could not be handed over: %s", self._duty.name, e)

    def wake(self) -> bool:
        """End its rest, if it is ours to do."""
        if self._lease.is_held:
            self._woken.set()
        return self._lease.is_held

    def leave(self) -> None:
        """End its rest and break off what takes long."""
        self._woken.set()
        self._duty.interrupt()

    def look_after(self) -> None:
        """Beat for a turn under way; one that takes too long hangs: end this process, so that it is replaced."""
        since = self._turn_since
        if since is None:
            return
        if time.monotonic() - since > self._duty.longest_seconds:
            log.critical("%s has hung for %d s; the worker is started again", self._duty.name, time.monotonic() - since)
            os._exit(1)
        try:
            self._lease.keep()
        except DBAPIError as e:
            log.debug("no beat for %s: %s", self._duty.name, e)

    def _let_the_other_begin(self) -> None:
        """Without the workers' lock somebody else has it: stand by until that one would be taken for dead."""
        end, worker = time.monotonic() + STALLED_SECONDS, self._worker
        while not worker.is_alone.is_set() and time.monotonic() < end and not worker.stop.wait(_GLANCE_SECONDS):
            pass

    def _rest(self, seconds: float) -> None:
        """Until the time is over, a nudge comes or the worker stops; the lease stays ours meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._worker.stop.is_set():
            if self._woken.wait(min(left, _RESTING_BEAT_SECONDS)):
                return
            if left > _RESTING_BEAT_SECONDS and not self._keep_resting():
                return

    def _keep_resting(self) -> bool:
        try:
            return not self._lease.is_held or self._lease.hold()
        except DBAPIError as e:
            log.debug("no beat for %s: %s", self._duty.name, e)
        return True

    def _turn(self) -> float:
        """One turn, if it is ours; the seconds until the next."""
        try:
            if not self._lease.hold():
                return _LOOK_AGAIN_SECONDS
            self._turn_since = time.monotonic()
            with self._sessions() as session:
                found = self._duty.turn(session, self._lease)
            rest = found if isinstance(found, Rest) else Rest(found, found)
            if rest.due_seconds is not None:
                self._notes.went_well(time.monotonic() - self._turn_since, rest.due_seconds)
        except LeaseLost as e:
            log.warning("%s", e)
            return _LOOK_AGAIN_SECONDS
        except DBAPIError as e:
            log.warning("%s waits for the database: %s", self._duty.name, e.orig)
            return _DATABASE_AWAY_SECONDS
        except TurnFailed as e:
            return self._failed(str(e), e.rest)
        except Exception as e:  # a duty that fails must not stop the others (BG-04)
            log.exception("%s failed and is tried again", self._duty.name)
            return self._failed(
                f"{type(e).__name__}; the log of the worker says more.",
                Rest(_AFTER_ERROR_SECONDS, _AFTER_ERROR_SECONDS),
            )
        else:
            return rest.seconds
        finally:
            self._turn_since = None

    def _failed(self, sentence: str, rest: Rest) -> float:
        seconds = time.monotonic() - (self._turn_since or time.monotonic())
        self._notes.went_wrong(sentence, seconds, rest.due_seconds or rest.seconds)
        return rest.seconds


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
