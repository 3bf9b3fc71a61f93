"""What verbs print: JSON for programs, aligned columns for people. Results on stdout, remarks on stderr."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str] = (), none: str = "") -> None:
    """Print `rows`: all members as JSON, or those of `columns` in a table; `none` is said on stderr of an empty one."""
    if as_json:
        show_json(list(rows))
    elif rows:
        names = list(columns or rows[0])
        show_table([name.replace("_", " ") for name in names], [[row[name] for name in names] for row in rows])
    elif none:
        remark(none)


def show_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print aligned columns under `header`."""
    table = [[name.upper() for name in header], *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def show_json(value: Any) -> None:
    """Print `value` as JSON; times in ISO form, UTC."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def remark(sentence: str) -> None:
    """Say something to people without disturbing what programs read."""
    click.echo(sentence, err=True)


def counted(number: int, thing: str) -> str:
    """`1 device`, `2,000 devices`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _plain(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat(timespec="seconds")


def _shown(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, list):
        return ", ".join(map(str, cell))
    return str(cell).replace("\n", " ")
