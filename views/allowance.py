"""How often a person may do something that costs others: a count per minute, kept by this process."""

import threading
import time
from collections import defaultdict, deque


class Allowance:
    """At most `uses` within `seconds` for each person."""

    def __init__(self, uses: int, seconds: float = 60) -> None:
        self._uses = uses
        self._seconds = seconds
        self._lock = threading.Lock()
        self._times: defaultdict[object, deque[float]] = defaultdict(deque)

    def take(self, person: object) -> bool:
        """Count one use; False (and not counted) where there were too many."""
        now = time.monotonic()
        with self._lock:
            times = self._times[person]
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._uses:
                return False
            times.append(now)
            return True
