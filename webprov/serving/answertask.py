"""How an answer leaves: head and body in one piece, because each write is a system call and a packet of its own."""

from functools import lru_cache

from waitress.task import WSGITask
from waitress.utilities import build_http_date

_TOGETHER_BYTES = 64 * 1024
"""Up to here copying a body behind its head costs less than sending it apart."""
_FROM_WAITRESS = frozenset({"Date", "Server", "date", "server"})


class WholeAnswerTask(WSGITask):  # type: ignore[misc]
    """One request of waitress's. Everyday answers (HTTP/1.1, kept connection, length known) have a short way."""

    wrote_header = False

    def write(self, data: bytes) -> None:
        """Send `data`, at the first time behind the head."""
        if self.wrote_header or not self._is_plain or len(data) > min(_TOGETHER_BYTES, self.content_length):
            super().write(data)
            return
        lines = [f"HTTP/1.1 {self.status}", *map(": ".join, self.response_headers)]
        lines.append(f"Server: {self.channel.server.adj.ident}\r\nDate: {_date(int(self.start_time))}\r\n\r\n")
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon("\r\n".join(lines).encode("latin-1") + data)

    @property
    def _is_plain(self) -> bool:
        """Whether the head needs nothing but what the application says, and waitress's two lines."""
        headers = dict(self.response_headers)
        return (
            self.complete
            and self.version == "1.1"
            and self.has_body
            and "Content-Length" in headers
            and not self.close_on_finish
            and "CONNECTION" not in self.request.headers
            and _FROM_WAITRESS.isdisjoint(headers)
        )


@lru_cache(maxsize=4)
def _date(at: int) -> str:
    """How HTTP writes the time `at`, seconds since the epoch; many answers fall into the same one."""
    date: str = build_http_date(at)
    return date
