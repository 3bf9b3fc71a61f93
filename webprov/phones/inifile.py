"""Reading INI files so that one bad section costs that section alone, with file and line (spec 4, security R8)."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

from webprov.errors import WebprovError
from webprov.phones.phonemodel import Refusal

MAX_FILE_BYTES = 4 * 1024 * 1024
_MOST_SECTIONS = 5000

_HEADER = re.compile(r"\[([^\[\]]*)\]\s*(?:[;#].*)?")
_INLINE_COMMENT = re.compile(r"(?:^|\s);.*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


class LineError(WebprovError):
    """One line cannot be used; `line` counts from 1 within its file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Statement:
    """The right side of one `key = value`, with where it stands."""

    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One `[name]` with its values; where it cannot be used, `refusal` says why and `values` is empty."""

    name: str
    file: str
    line: int
    values: Mapping[str, Statement] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class IniFile:
    """What a file holds: its sections in order, and what stands outside of any."""

    sections: tuple[Section, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def read_ini(path: Path, shown: str, *, verbatim: frozenset[str] = frozenset(), draft: str | None = None) -> IniFile:
    """Read one file, called `shown` in messages; never raises.

    `;` and `#` start a comment line, ` ;` a comment behind a value. Only the keys in `verbatim` may go on over indented
    lines; their values are kept as they are (less the common indentation). A file that cannot be read, is larger than
    4 MiB or is not UTF-8 is lost whole. With a `draft` that text is read instead of what lies on disk.
    """
    try:
        lines = split_lines(_read_text(path) if draft is None else draft)
    except WebprovError as e:
        return IniFile(refusals=(Refusal(shown, 0, str(e)),))
    starts = [index for index, line in enumerate(lines) if line.startswith("[")]
    if len(starts) > _MOST_SECTIONS:
        reason = f"The file has more than {_MOST_SECTIONS} sections. Split it into smaller ones."
        return IniFile(refusals=(Refusal(shown, 0, reason),))
    bounds = pairwise([*starts, len(lines)])
    sections = tuple(_read_section(shown, start + 1, lines[start:end], verbatim) for start, end in bounds)
    return IniFile(sections, tuple(_before_sections(shown, lines[: starts[0] if starts else len(lines)])))


def split_lines(text: str) -> list[str]:
    """The lines of a file, whatever ends them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _read_text(path: Path) -> str:
    try:
        data = _read_bytes(path)
    except OSError as e:
        raise WebprovError(f"The file cannot be read ({e.strerror or e}). Correct its permissions or links.") from e
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise WebprovError(
            f"The file is not UTF-8 (byte 0x{data[e.start]:02X} in line {line}). Save it as UTF-8."
        ) from e
    if "\0" in text:
        raise WebprovError("The file holds binary data. Replace it by a text file, in UTF-8.")
    return text


def _read_bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not make us wait
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise WebprovError("This is not a regular file. Put a text file here.")
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise WebprovError("The file is larger than 4 MiB. Split it into smaller ones.")
    return data


def _before_sections(file: str, lines: Iterable[str]) -> Iterable[Refusal]:
    for number, line in enumerate(lines, start=1):
        if is_content(line):
            yield Refusal(file, number, f"{_quoted(line)} stands before the first [section]. Put it below one.")
            return


def section_name(line: str) -> str:
    """What a line that begins with `[` names, be it well written or not."""
    header = _HEADER.fullmatch(line.rstrip())
    return header[1].strip() if header else line[1:].split("]")[0].strip()


def _read_section(file: str, number: int, lines: list[str], verbatim: frozenset[str]) -> Section:
    header = _HEADER.fullmatch(lines[0].rstrip())
    name = section_name(lines[0])
    reader = _Reader(file, verbatim)
    try:
        if not header:
            raise LineError(number, f"{_quoted(lines[0])} is not a section. Write [name], and nothing behind it.")
        if not name or not name.isprintable():
            raise LineError(number, "A section needs a name of printable characters. Write it like [yealink-t54w].")
        for index, line in enumerate(lines[1:], start=number + 1):
            reader.feed(index, line)
    except LineError as e:
        return Section(name, file, number, refusal=Refusal(file, e.line, e.reason, name))
    return Section(name, file, number, reader.values())


class _Reader:
    """Takes the lines of one section; raises LineError at the first that cannot be used."""

    def __init__(self, file: str, verbatim: frozenset[str]) -> None:
        self._file = file
        self._verbatim = verbatim
        self._firsts: dict[str, Statement] = {}
        self._more: dict[str, list[str]] = {}
        self._seen: dict[str, int] = {}
        self._key = ""
        self._indent = 0

    def feed(self, number: int, line: str) -> None:
        """One line: a comment, a continuation or `key = value`."""
        if _CONTROL.search(line):
            raise LineError(number, "There is a control character in this line. Remove it.")
        indent = len(line) - len(line.lstrip())
        content = is_content(line)
        if self._key in self._verbatim and (indent > self._indent or not line.strip()):
            self._more.setdefault(self._key, []).append(line)
        elif content and self._key and indent > self._indent:
            raise LineError(number, f"“{self._key}” cannot go on over several lines. Remove the blanks at the start.")
        elif content:
            self._indent = indent
            self._take(number, line)

    def _take(self, number: int, line: str) -> None:
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise LineError(number, f"{_quoted(line)} cannot be read. Write key = value.")
        if key.casefold() in self._seen:
            raise LineError(
                number, f"“{key}” stands in line {self._seen[key.casefold()]} already. Keep one of the two."
            )
        self._seen[key.casefold()] = number
        self._key = key
        if key not in self._verbatim:
            text = _INLINE_COMMENT.sub("", text).rstrip()
        self._firsts[key] = Statement(text, self._file, number)

    def values(self) -> dict[str, Statement]:
        """All statements so far, continued ones joined."""
        values = dict(self._firsts)
        for key, more in self._more.items():
            first = values[key]
            whole = "\n".join([*([first.text] if first.text else []), dedent("\n".join(more)).strip("\n")])
            values[key] = Statement(whole.rstrip(), first.file, first.line)
        return values


def is_content(line: str) -> bool:
    """Whether a line says something: it is neither blank nor a comment."""
    stripped = line.strip()
    return bool(stripped) and stripped[0] not in ";#"


def _quoted(line: str) -> str:
    text = line.strip()
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
