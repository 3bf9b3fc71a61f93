"""What became of each listener, as the supervisor saw it last, so that people can see it where they set the ports."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from webprov.enums import Protocol
from webprov.store.database import writing
from webprov.store.models import InstanceFact


class ListenerState(StrEnum):
    """Does it answer?"""

    ON = "on"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener: its state and a sentence about it: where it listens, or why not and what to do."""

    state: ListenerState
    text: str = ""


def note_listener(session: Session, name: str, listener: Listener) -> None:
    """Keep what became of the listener `name` (a Protocol or `admin`); its own transaction."""
    with writing(session):
        session.merge(InstanceFact(name=f"listener:{name}", value=json.dumps(asdict(listener))))


def listener_of(session: Session, protocol: Protocol) -> Listener:
    """What became of a protocol's listener; off when webprov was never started."""
    fact = session.get(InstanceFact, f"listener:{protocol}")
    if fact is None:
        return Listener(ListenerState.OFF)
    values = json.loads(fact.value)
    return Listener(ListenerState(values["state"]), values["text"])
