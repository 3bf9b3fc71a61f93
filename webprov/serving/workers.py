"""The threads that answer: they take requests from a queue that costs next to nothing, which waitress's own does not
(two locks and a wake-up each, a twentieth of a phone's request)."""

import logging
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

log = logging.getLogger(__name__)


class Workers:
    """Answers for one server, in so many threads; what waitress calls a dispatcher. A task is a connection."""

    def __init__(self, threads: int) -> None:
        self._tasks: SimpleQueue[Any] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"Answering {number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add_task(self, task: Any) -> None:
        """Have `task` answer its next request when its turn comes."""
        self._tasks.put(task)

    def shutdown(self, timeout: float = 5) -> None:
        """Finish the requests that are being answered, within so many seconds; those that wait are given up."""
        while True:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                break
            task.cancel()
        for _ in self._threads:
            self._tasks.put(None)
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task.service()
            except Exception:  # waitress answers for the application's; this thread has to go on whatever happens
                log.exception("A request could not be answered")
