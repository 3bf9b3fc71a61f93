"""Leaving without cutting anybody off: a listener that moved or was switched off ends what is under way, then its
process. The supervisor tells by a signal; servers look at RETIRING between turns, so nothing is torn in the middle.
"""

import signal
import threading
from types import FrameType

RETIRE = signal.SIGUSR1
RETIRING = threading.Event()
"""Set once this process shall take no new connections."""


def listen_for_retirement() -> None:
    """Let the signal RETIRE set RETIRING; main thread only."""
    signal.signal(RETIRE, _retire)


def _retire(_number: int, _frame: FrameType | None) -> None:
    RETIRING.set()
