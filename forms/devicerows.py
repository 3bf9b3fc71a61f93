"""Lines and keys of a device while they are edited: what the page posts, what its buttons do with it.

The server keeps nothing between two requests: every row travels in the form, under the contract's names
(`line1_userid`, `m1key2_type`), so that `parse_device` takes the post as it is. Beside them stand `line1_row` (the
row's identity, which outlives a move), `line1_was` (its number in the database), `line1_open` (being edited) and
`line1_at` (the number that was typed). Deleted rows post as `goneline1_…`, counted, until they are saved or brought
back. A password box is named after the identity (`secret_line-w2`), because htmx keeps the box itself when rows move.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from webprov.deviceinput import KEY_FIELDS, LINE_FIELDS, MAX_KEYS, MAX_LINES, MAX_MODULES
from webprov.store.models import Key, Line

LINE = "line"
KEY = "key"
_TEXTS = {LINE: tuple(name for name in LINE_FIELDS if name != "password"), KEY: KEY_FIELDS}
_LIMITS = {LINE: MAX_LINES, KEY: MAX_KEYS}
_PREFIX = re.compile(r"(gone)?(?:m([1-9]))?(line|key)([1-9]\d{0,2})_", re.ASCII)
_IDENTITY = re.compile(r"(?:line|key)-[wn]\d{1,6}", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One line or key as the page shows it. `id` outlives moves; `stored` tells that its line has a password."""

    kind: str
    id: str
    number: int
    module: int = 0
    was: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    stored: bool = False
    is_open: bool = False
    is_deleted: bool = False
    typed_number: str = ""  # what stands in the box for the number where the row cannot go there
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int]:
        """Module and number: the order of rows."""
        return self.module, self.number

    @property
    def prefix(self) -> str:
        """What the contract's names of this row begin with: `line2_`, `m1key3_`."""
        return f"{'m' + str(self.module) if self.module else ''}{self.kind}{self.number}_"

    @property
    def title(self) -> str:
        """How people call it: “Line 2”, “Key 3 of module 1”."""
        return f"{self.kind.capitalize()} {self.number}" + (f" of module {self.module}" if self.module else "")

    @property
    def secret_name(self) -> str:
        """The name and id of its password box."""
        return f"secret_{self.id}"

    def text(self, name: str) -> str:
        """The text of one field, empty where there is none."""
        return self.texts.get(name, "")

    def flat(self) -> dict[str, str]:
        """The row under the contract's names."""
        flat = {f"{self.prefix}{name}": self.text(name) for name in _TEXTS[self.kind]}
        if self.kind == LINE:
            flat |= {f"{self.prefix}password": self.password, f"{self.prefix}was": str(self.was)}
        return flat


@dataclass(frozen=True)
class Rows:
    """All rows of a form, deleted ones included, by place. `focus` is the id of the element to go to."""

    lines: tuple[Row, ...] = ()
    keys: tuple[Row, ...] = ()
    focus: str = ""
    said: str = ""

    @property
    def live_lines(self) -> list[Row]:
        """The lines that will be saved."""
        return [row for row in self.lines if not row.is_deleted]

    @property
    def live_keys(self) -> list[Row]:
        """The keys that will be saved."""
        return [row for row in self.keys if not row.is_deleted]

    def flat(self) -> dict[str, str]:
        """What will be saved, under the contract's names."""
        return {name: text for row in (*self.live_lines, *self.live_keys) for name, text in row.flat().items()}

    def number_errors(self) -> dict[str, str]:
        """Numbers that are none, or that another row has; by the name of the box (`line2_at`)."""
        errors: dict[str, str] = {}
        for row in (*self.live_lines, *self.live_keys):
            if row.typed_number:
                taken = f"There is a {row.kind} {row.typed_number} already. Choose another number or move that one."
                wrong = f"Enter a number from 1 to {_LIMITS[row.kind]}."
                errors[f"{row.prefix}at"] = taken if _is_number(row.typed_number, row.kind) else wrong
        return errors

    def with_errors(self, errors: Mapping[str, str]) -> "Rows":
        """The same with each sentence at the row that it belongs to, which is opened."""
        return replace(self, lines=_marked(self.lines, errors), keys=_marked(self.keys, errors))


def rows_of(lines: Iterable[Line], keys: Iterable[Key]) -> Rows:
    """The rows of a stored device, all closed."""
    return Rows(
        tuple(
            Row(LINE, f"line-w{line.number}", line.number, was=line.number, stored=bool(line.password),
                texts={name: getattr(line, name) for name in _TEXTS[LINE]})
            for line in lines
        ),
        tuple(
            Row(KEY, f"key-w{key.module * 1000 + key.number}", key.number, key.module,
                texts={name: str(getattr(key, name)) for name in _TEXTS[KEY]})
            for key in keys
        ),
    )  # fmt: skip


def new_rows() -> Rows:
    """What a new device starts with: its first line, open."""
    return Rows((Row(LINE, "line-n1", 1, is_open=True),))


def read_rows(post: Mapping[str, str], stored_passwords: Iterable[int] = ()) -> Rows:
    """The rows of a posted form; `stored_passwords` are the numbers of the lines that have one in the database."""
    found: dict[str, dict[str, str]] = {}
    for name in post:
        match = _PREFIX.match(name)
        if match:
            found.setdefault(match[0], {})[name[match.end() :]] = post[name]
    stored = frozenset(stored_passwords)
    rows = [_read_row(prefix, given, post, stored) for prefix, given in found.items()]
    return _ordered(_placed(rows, [found[prefix] for prefix in found]))


def act(rows: Rows, action: str) -> Rows:
    """Do what the button `action` says: `add line`, `add key`, or `edit`, `done`, `delete`, `undo`, `up`, `down` with a
    row's id. An action that fits no row changes nothing."""
    verb, _, target = action.partition(" ")
    if verb == "add" and target in (LINE, KEY):
        return _add(rows, target)
    row = next((row for row in (*rows.lines, *rows.keys) if row.id == target), None)
    if row is None or verb not in _VERBS:
        return rows
    return _VERBS[verb](rows, row)


def _read_row(prefix: str, given: Mapping[str, str], post: Mapping[str, str], stored: frozenset[int]) -> Row:
    match = _PREFIX.fullmatch(prefix)
    assert match, prefix
    kind, number, module = match[3], int(match[4]), int(match[2] or 0)
    was = given.get("was", "")
    row = Row(
        kind,
        given["row"] if _IDENTITY.fullmatch(given.get("row", "")) else f"{kind}-w{module * 1000 + number}",
        number,
        module if kind == KEY else 0,
        was=int(was) if _is_number(was, kind) else 0,
        texts={name: given.get(name, "") for name in _TEXTS[kind]},
        is_open=given.get("open") == "on",
        is_deleted=bool(match[1]),
    )
    password = post.get(row.secret_name, "") or given.get("password", "")
    return replace(row, password=password, stored=row.was in stored)


def _placed(rows: list[Row], given: list[dict[str, str]]) -> list[Row]:
    """Every row where its boxes for number and module send it; where two would meet, all stay and those boxes wait."""
    moved = [_moved(row, fields) for row, fields in zip(rows, given, strict=True)]
    places = [(row.kind, row.place) for row in moved if not row.is_deleted]
    if len(set(places)) == len(places):
        return moved
    taken = {place for place in places if places.count(place) > 1}
    return [
        replace(row, typed_number=str(target.number) if (row.kind, target.place) in taken and target.place != row.place
                else target.typed_number)
        for row, target in zip(rows, moved, strict=True)
    ]  # fmt: skip


def _moved(row: Row, given: Mapping[str, str]) -> Row:
    typed, module = given.get("at", "").strip(), given.get("on", "")
    if row.kind == KEY and module.isascii() and module.isdigit() and int(module) <= MAX_MODULES:
        row = replace(row, module=int(module))
    if not typed or _is_number(typed, row.kind):
        return replace(row, number=int(typed or row.number))
    return replace(row, typed_number=typed)


def _is_number(text: str, kind: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _LIMITS[kind]


def _ordered(rows: Iterable[Row], focus: str = "", said: str = "") -> Rows:
    ordered = sorted(rows, key=lambda row: row.place)
    return Rows(
        tuple(row for row in ordered if row.kind == LINE), tuple(row for row in ordered if row.kind == KEY), focus, said
    )


def _replaced(rows: Rows, *changed: Row, focus: str = "", said: str = "") -> Rows:
    by_id = {row.id: row for row in changed}
    everything = [by_id.pop(row.id, row) for row in (*rows.lines, *rows.keys)]
    return _ordered([*everything, *by_id.values()], focus, said)


def _add(rows: Rows, kind: str) -> Rows:
    everything = rows.lines if kind == LINE else rows.keys
    serials = [int(row.id.rpartition("-")[2][1:]) for row in everything if row.id.rpartition("-")[2][0] == "n"]
    number = _free_number(rows, kind, 0)
    texts = {"type": "blf", "line": "1"} if kind == KEY else {}
    row = Row(kind, f"{kind}-n{max(serials, default=0) + 1}", number, texts=texts, is_open=True)
    first = "display_name" if kind == LINE else "type"
    return _replaced(rows, row, focus=f"{row.id}-{first}", said=f"{row.title} added")


def _free_number(rows: Rows, kind: str, module: int) -> int:
    taken = {row.number for row in (rows.live_lines if kind == LINE else rows.live_keys) if row.module == module}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _edit(rows: Rows, row: Row) -> Rows:
    first = "display_name" if row.kind == LINE else "type"
    return _replaced(rows, replace(row, is_open=True), focus=f"{row.id}-{first}")


def _done(rows: Rows, row: Row) -> Rows:
    return _replaced(rows, replace(row, is_open=bool(row.typed_number)), focus=f"{row.id}-edit")


def _delete(rows: Rows, row: Row) -> Rows:
    return _replaced(rows, replace(row, is_deleted=True), focus=f"{row.id}-undo", said=f"{row.title} deleted")


def _undo(rows: Rows, row: Row) -> Rows:
    live = rows.live_lines if row.kind == LINE else rows.live_keys
    back = replace(row, is_deleted=False)
    if any(other.place == row.place for other in live):
        back = replace(back, number=_free_number(rows, row.kind, row.module))
    return _replaced(rows, back, focus=f"{row.id}-edit", said=f"{back.title} is back")


def _up(rows: Rows, row: Row) -> Rows:
    return _swapped(rows, row, -1)


def _down(rows: Rows, row: Row) -> Rows:
    return _swapped(rows, row, 1)


def _swapped(rows: Rows, row: Row, step: int) -> Rows:
    """Change places with the neighbour; the ends stay where they are."""
    live = rows.live_lines if row.kind == LINE else rows.live_keys
    if row.is_deleted:
        return rows
    index = [other.id for other in live].index(row.id) + step
    if not 0 <= index < len(live):
        return rows
    other = live[index]
    moved = replace(row, module=other.module, number=other.number)
    return _replaced(
        rows, moved, replace(other, module=row.module, number=row.number), said=f"{row.title} is {moved.title} now"
    )


_VERBS = {"edit": _edit, "done": _done, "delete": _delete, "undo": _undo, "up": _up, "down": _down}


def _marked(rows: tuple[Row, ...], errors: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(_with_own(row, errors) for row in rows)


def _with_own(row: Row, errors: Mapping[str, str]) -> Row:
    own = {name.removeprefix(row.prefix): text for name, text in errors.items() if name.startswith(row.prefix)}
    return replace(row, errors=own, is_open=True) if own and not row.is_deleted else row
