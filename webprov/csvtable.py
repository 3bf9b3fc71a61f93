"""CSV files as spreadsheets make them: read with row and column in every refusal, written so that none runs a cell.

The same for devices and contacts (contract "CSV", security UI-14, RL-03). Rows are counted as a spreadsheet shows
them: the header is row 1.
"""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from webprov.errors import WebprovError

MAX_ROWS = 100_000
MAX_COLUMNS = 4_096
MAX_SHOWN = 100
_PIECE = 1024 * 1024
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?", re.ASCII)
_RUNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that has to change in the file; `column` is empty where the whole row is meant."""

    row: int
    column: str
    sentence: str

    def __str__(self) -> str:
        return f"Row {self.row}{f', {self.column}' if self.column else ''}: {self.sentence}"


class CsvRefused(WebprovError):
    """A file that cannot be imported; nothing was. `problems` are the first 100 of `count`."""

    def __init__(self, problems: Sequence[Problem], count: int) -> None:
        more = [f"… and {count - len(problems)} more."] if count > len(problems) else []
        word = "error" if count == 1 else "errors"
        lines = [f"Nothing was imported, the file has {count} {word}:", *map(str, problems), *more]
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)
        self.count = count


@dataclass
class Problems:
    """Collects problems while a file is read, and keeps the first 100."""

    first: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, column: str, sentence: str) -> None:
        """Note one; `sentence` says what is wrong and what to do."""
        self.count += 1
        if len(self.first) < MAX_SHOWN:
            self.first.append(Problem(row, column, sentence))

    def refuse(self) -> None:
        """Raise CsvRefused if there is any."""
        if self.count:
            raise CsvRefused(sorted(self.first, key=lambda problem: problem.row), self.count)


def read_csv(
    data: bytes | str,
    known: Callable[[str], bool],
    required: Iterable[str],
    problems: Problems,
    hint: Sequence[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by column name, each with its number; rows without any text are passed over.

    Columns are those that `known` accepts, among them all of `required`; `hint` are names for "did you mean". A file
    whose header or bytes cannot be used raises CsvRefused, a row that cannot goes to `problems`. The guard of a
    browser's download is undone.
    """
    reader = csv.reader(_text(data, problems), strict=True)
    columns: list[str] = []
    filled = 0
    for number, cells in _numbered(reader, problems):
        if not columns:
            columns = _header(cells, known, required, hint)
        elif any(cells):
            filled += 1
            if filled > MAX_ROWS:
                problems.add(number, "", f"At most {MAX_ROWS:,} rows fit in one file. Split it.")
                return
            if len(cells) != len(columns):
                problems.add(number, _cell_name(columns, len(cells)), _ragged(len(cells), len(columns)))
            else:
                yield number, dict(zip(columns, map(unguarded, cells), strict=True))
    if not columns:
        problems.refuse()
        raise CsvRefused([Problem(1, "", "The file is empty. The first row names the columns.")], 1)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]], *, guard: bool) -> Iterator[str]:
    """The file line by line, for a download or a pipe. `guard` keeps spreadsheets from running a cell (UI-14)."""
    protect = guarded if guard else told_apart
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([protect(cell) if cell else cell for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    if rest := buffer.getvalue():
        yield rest


def guarded(cell: str) -> str:
    """`cell` as a spreadsheet shows but does not run it: an apostrophe before `=`, `+`, `-`, `@`, tab and CR.

    Numbers need none. A cell that looks guarded already gets one more, so that `unguarded` gives back what was there.
    """
    return f"'{cell}" if _is_run(cell.lstrip("'")) else cell


def told_apart(cell: str) -> str:
    """`cell` as it is, but for one that `unguarded` would shorten: it gets an apostrophe more."""
    return guarded(cell) if cell.startswith("'") else cell


def unguarded(cell: str) -> str:
    """What `guarded` and `told_apart` were given; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and _is_run(cell.lstrip("'")) else cell


def _is_run(cell: str) -> bool:
    return cell.startswith(_RUNS) and not _NUMBER.fullmatch(cell)


def _text(data: bytes | str, problems: Problems) -> TextIO:
    """The text of the file, decoded piece by piece: as a whole it would take several times the room of its bytes."""
    if isinstance(data, str):
        return io.StringIO(data.removeprefix("\ufeff"), newline="")
    try:
        _check_utf8(data)
    except UnicodeDecodeError as e:
        row, column = _end_of(data[: e.start])
        problems.add(row, column, "This is not UTF-8. Save the file as “CSV UTF-8” and import that.")
        problems.refuse()
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")


def _check_utf8(data: bytes) -> None:
    """Raise UnicodeDecodeError, with the place in the whole file, where it is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _PIECE):
            decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))
    except UnicodeDecodeError:
        data.decode()


def _end_of(data: bytes) -> tuple[int, str]:
    """The row, and the column where that can be told, at which `data`, the beginning of a file, ends."""
    header: list[str] = []
    rows = last = 0
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""))
    try:
        for cells in reader:
            header, rows, last = header or cells, rows + 1, len(cells)
    except csv.Error:
        return rows + 1, ""
    return max(rows, 1), header[last - 1] if rows > 1 and 0 < last <= len(header) else ""


def _numbered(reader: Iterator[list[str]], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as e:
        reason = "A field is longer than 64 kB." if "limit" in str(e) else "The quotes in this row do not match."
        problems.add(number + 1, "", f"{reason} Correct the row; the rows after it were not read.")


def _header(
    cells: Sequence[str], known: Callable[[str], bool], required: Iterable[str], hint: Sequence[str]
) -> list[str]:
    columns = [unguarded(cell).strip() for cell in cells]
    found = Problems()
    if len(columns) > MAX_COLUMNS:
        found.add(1, "", f"The file has {len(columns):,} columns; at most {MAX_COLUMNS:,} fit. Remove some.")
    elif len(columns) == 1 and (mark := next((mark for mark in ";\t" if mark in columns[0]), "")):
        name = "semicolons" if mark == ";" else "tabs"
        found.add(1, "", f"The columns are separated by {name}. Save the file with commas.")
    else:
        _check_names(columns, known, required, hint, found)
    found.refuse()
    return columns


def _check_names(
    columns: Sequence[str], known: Callable[[str], bool], required: Iterable[str], hint: Sequence[str], found: Problems
) -> None:
    seen: set[str] = set()
    for place, name in enumerate(columns, start=1):
        if not name:
            found.add(1, f"column {place}", "This column has no name. Name it or remove it.")
        elif name in seen:
            found.add(1, name[:80], "This column stands there twice. Remove one.")
        elif not known(name):
            close = difflib.get_close_matches(name.lower(), hint, 1) if len(name) < 80 else []
            found.add(1, name[:80], "This column is not known. " + (f"Is it {close[0]}?" if close else "Remove it."))
        seen.add(name)
    for name in required:
        if name not in seen:
            found.add(1, name, "This column is missing. Add it.")


def _ragged(cells: int, columns: int) -> str:
    return f"This row has {cells} cells and the header {columns}. Is a comma or a quote missing, or one too many?"


def _cell_name(columns: Sequence[str], cells: int) -> str:
    """The first column that the row lacks, or the last one where it has too many."""
    return columns[min(cells, len(columns) - 1)]
