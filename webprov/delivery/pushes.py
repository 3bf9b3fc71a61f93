"""What goes to the external DMS, and what became of it (spec 6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol as Shape

from webprov.enums import ProvisioningMode
from webprov.errors import TransportError

LONGEST_KEY_BYTES = 1024


class Haste(StrEnum):
    """Who waits for a push, and so what is tried for how long."""

    AT_ONCE = "at once"
    """A person: everything is tried, within 10 s together."""
    BULK = "bulk"
    """Many devices: nothing is tried for a while after failures in a row; slow answers count as such (TR-05)."""
    PATIENT = "patient"
    """Nobody: as in bulk, but a slow storage is given its time."""


@dataclass(frozen=True, slots=True)
class PushedFile:
    """One rendered file on its way: the model's folder, the name that the phone asks for, and where it lies here."""

    segment: str
    path: str
    disk: Path


@dataclass(frozen=True, slots=True)
class PushContext:
    """Whose files these are, as a program learns it; `secrets` must not show in anything that comes back."""

    mac: str
    tenant: str
    segment: str
    server: str
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    mode: ProvisioningMode = ProvisioningMode.EXTERNAL


@dataclass(frozen=True, slots=True)
class PushResult:
    """What became of one object. `sha256` is of the bytes that went; with an `error` (a sentence) nothing is known to
    have changed there."""

    key: str
    sha256: str = ""
    error: str = ""


class FileTransport(Shape):
    """Carries rendered files to the external DMS, best effort: a failure is a value, never an exception."""

    def probe(self) -> list[str]:
        """Whether pushes can work: warnings; raises TransportError with the setting that has to change."""

    def push(self, files: Sequence[PushedFile], context: PushContext) -> list[PushResult]:
        """Carry the files of one device; one result for each, in their order. At most 10 s (a script: 65 s)."""

    def remove(self, keys: Sequence[str]) -> list[PushResult]:
        """Remove objects that may be gone already; one result for each, in their order."""

    def key(self, segment: str, path: str) -> str:
        """The name under which a file goes; raises TransportError where there is no safe one."""

    def close(self) -> None:
        """Let go of connections."""


def object_key(prefix: str, segment: str, path: str) -> str:
    """Prefix + segment + `/` + path (spec 2). Raises TransportError for what could leave the prefix (TR-09)."""
    key = prefix + "/".join(part for part in (segment, path) if part)
    if not all(_is_plain(part) for part in key.split("/")) or len(key.encode()) > LONGEST_KEY_BYTES:
        raise TransportError("", f"“{key[:80]}” cannot be the name of an object. Change the template's output name.")
    return key


def _is_plain(part: str) -> bool:
    return part not in ("", ".", "..") and part.isprintable() and "\\" not in part


def failed(keys: Iterable[str], sentence: str) -> list[PushResult]:
    """The same failure for each of these."""
    return [PushResult(key, error=sentence) for key in keys]
