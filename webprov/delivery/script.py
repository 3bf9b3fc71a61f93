"""Programs of the installation that run for a device: the script that carries its files, commands of its model
(spec 6; security TR-01 to TR-04)."""

import os
import re
import select
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webprov.delivery.pushes import PushContext, PushedFile, PushResult, failed
from webprov.errors import TransportError
from webprov.texts import safe_text

FIELD = "script_path"
TIME_SECONDS = 60.0
GRACE_SECONDS = 5.0
OUTPUT_BYTES = 64 * 1024
_ARGUMENT_BYTES = 128_000
_AT_ONCE = threading.BoundedSemaphore(2)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MASK = "••••"
_LONGEST_SECRET_BYTES = 4_096
_SHORTEST_SECRET = 4  # shorter ones stand in ordinary words and numbers


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """How a script ended. `exit` is its exit code, minus the signal that ended it, None where it could not start;
    `error` is a sentence, empty for success; `output` is its last 64 KiB without control characters and secrets."""

    exit: int | None
    output: str = ""
    error: str = ""


class ScriptTransport:
    """Hands the files of each provisioned device to one script."""

    def __init__(
        self,
        path: str,
        folders: Sequence[Path],
        *,
        time_seconds: float = TIME_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """`folders`: where the installation allows scripts to lie."""
        self._path = path
        self._folders = tuple(folders)
        self._limits = (time_seconds, grace_seconds)

    def probe(self) -> list[str]:
        """Whether the script may be run; raises TransportError. It is not run for that."""
        return check_script(self._path, self._folders)[1]

    def push(self, files: Sequence[PushedFile], context: PushContext) -> list[PushResult]:
        """Run the script with these files; its failure is that of each."""
        run = self.run([file.disk for file in files], context)
        return failed([str(file.disk) for file in files], run.error)

    def remove(self, keys: Sequence[str]) -> list[PushResult]:
        """Nothing: scripts hear of files, not of their end."""
        return [PushResult(key) for key in keys]

    def key(self, segment: str, path: str) -> str:
        """The name below the provisioning directory."""
        return f"{segment}/{path}" if segment else path

    def close(self) -> None:
        """Nothing is held."""

    def run(self, files: Sequence[Path], context: PushContext) -> ScriptRun:
        """Check the script, then run it with the absolute paths as its arguments."""
        paths = [str(file.absolute()) for file in files]
        return run_program([self._path, *paths], self._folders, context, *self._limits)


def run_program(
    words: Sequence[str],
    folders: Sequence[Path],
    context: PushContext,
    time_seconds: float = TIME_SECONDS,
    grace_seconds: float = GRACE_SECONDS,
) -> ScriptRun:
    """Check the program that the first of `words` names, then run it with the others as its arguments, without a shell.

    It learns of the device by five variables and nothing else. At most two run at once in this process.
    """
    try:
        program, _ = check_script(words[0], folders)
    except TransportError as e:
        return ScriptRun(None, error=str(e))
    arguments = [str(program), *words[1:]]
    if sum(len(os.fsencode(argument)) + 1 for argument in arguments) >= _ARGUMENT_BYTES:
        return ScriptRun(None, error=f"{program.name} was not run: its arguments are longer than 128 kB together.")
    with _AT_ONCE:
        return _run(arguments, _environment(context), context.secrets, time_seconds, grace_seconds)


def check_script(path: str, folders: Sequence[Path]) -> tuple[Path, list[str]]:
    """The real path of a script that may be run, and warnings; raises TransportError with what has to change (TR-01).

    Nobody but root and this service's user may be able to change it or to put another in its place.
    """
    if not path.startswith("/"):
        raise _refused("Enter the whole path, like /usr/local/bin/push.sh.")
    try:
        real = Path(path).resolve(strict=True)
        status = real.stat()
    except (OSError, ValueError, RuntimeError):
        raise _refused(
            f"There is no file {path}. Check the spelling, and that this service may read its folder."
        ) from None
    allowed = [folder.resolve() for folder in folders]
    if not any(real.is_relative_to(folder) for folder in allowed):
        places = ", ".join(str(folder) for folder in folders)
        raise _refused(
            f"{real} lies outside the folders for scripts ({places}). Move it there; WEBPROV_SCRIPT_DIRS names them."
        )
    if not stat.S_ISREG(status.st_mode):
        raise _refused(f"{real} is no regular file. Enter the path of a script.")
    warnings = [text for text in (_check_safe(part) for part in (real, *real.parents)) if text]
    if not os.access(real, os.X_OK, effective_ids=True):
        raise _refused(f"{real.name} cannot be run by this service. Make it executable: chmod 755.")
    return real, warnings


def _check_safe(part: Path) -> str:
    """A warning, or nothing; raises TransportError where others could change the script by way of `part`."""
    status = part.lstat()
    mode = stat.S_IMODE(status.st_mode)
    kind = "script" if stat.S_ISREG(status.st_mode) else "folder"
    if status.st_uid not in (0, os.geteuid()):
        raise _refused(f"The {kind} {part} belongs to another user. Give it to root or to this service's user.")
    if mode & stat.S_IWOTH and not (kind == "folder" and mode & stat.S_ISVTX):
        name = part.name if kind == "script" else f"The folder {part}"
        raise _refused(
            f"{name} can be changed by other users (mode {mode:04o}). Allow only its owner to write: chmod 755."
        )
    if mode & stat.S_IWGRP and not (kind == "folder" and mode & stat.S_ISVTX):
        return f"The {kind} {part} can be changed by its group (mode {mode:04o}). Better: chmod 755."
    return ""


def _refused(sentence: str) -> TransportError:
    return TransportError(FIELD, sentence)


def _environment(context: PushContext) -> dict[str, str]:
    """All that the script gets; built from nothing, so no secret of the service is in it (TR-03)."""
    values = {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "PROV_MAC": context.mac,
        "PROV_TENANT": context.tenant,
        "PROV_MODE": context.mode,
        "PROV_SERVER": context.server,
        "PROV_MODEL_SEGMENT": context.segment,
    }
    return {name: re.sub(r"[\x00-\x1f\x7f]", "", value) for name, value in values.items()}


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    secrets: frozenset[str],
    time_seconds: float,
    grace_seconds: float,
) -> ScriptRun:
    name = Path(arguments[0]).name
    try:
        process = subprocess.Popen(  # noqa: S603 - checked just before; a list, so no shell reads it
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environment),
            umask=0o077,
            start_new_session=True,
        )
    except OSError as e:
        return ScriptRun(None, error=f"{name} could not be started: {(e.strerror or 'no reason given').lower()}.")
    with process, _Ending(process) as ending:
        in_time = ending.within(time_seconds)
        if not in_time:
            ending.signal(signal.SIGTERM)
            ending.within(grace_seconds)
        ending.signal(signal.SIGKILL)  # also what it left behind in the background
        ending.within(1)
    code = process.wait() or (0 if in_time else -signal.SIGTERM)
    return ScriptRun(code, _clean(ending.output, secrets), _verdict(name, code, time_seconds if not in_time else 0))


class _Ending:
    """Reads what a process writes until it has ended. It stays unreaped till then, so its group's number is its own."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self._pipe = process.stdout.fileno()
        self._group = process.pid
        self._ended = os.pidfd_open(process.pid)
        self._open = True
        self.output = bytearray()

    def __enter__(self) -> "_Ending":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ended)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, number)

    def within(self, seconds: float) -> bool:
        """Whether the process ended within that time; only the last of its output is kept."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            watched = [self._ended, self._pipe] if self._open else [self._ended]
            ready, _, _ = select.select(watched, [], [], left)
            if self._pipe in ready:
                self._read()
            elif self._ended in ready:
                return True
        return False

    def _read(self) -> None:
        piece = os.read(self._pipe, OUTPUT_BYTES)
        self._open = bool(piece)
        self.output += piece
        del self.output[: -OUTPUT_BYTES - _LONGEST_SECRET_BYTES]  # so that no secret is cut where the rest begins


def _clean(output: bytearray, secrets: frozenset[str]) -> str:
    """Text that is safe to show and to log: secrets masked before anything else could hide them."""
    text = output.decode("utf-8", "replace")
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    lines = [safe_text(line.replace("\t", " "), OUTPUT_BYTES) for line in text.splitlines()]
    return "\n".join(lines)[-OUTPUT_BYTES:]


def _verdict(name: str, code: int, overdue_seconds: float) -> str:
    if overdue_seconds:
        return f"{name} was stopped: it took longer than {overdue_seconds:.0f} seconds."
    if code < 0:
        return f"{name} was ended by {_signal_name(-code)}."
    return f"{name} ended with exit code {code}." if code else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
