"""`NAME=VALUE` arguments. A secret never stands in one: it comes from a file, standard input or a prompt."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click


def read_values(arguments: Sequence[str], is_secret: Callable[[str], bool]) -> dict[str, str]:
    """Values by name from `NAME=VALUE`, `NAME=@FILE`, `NAME=@-` (standard input) or a bare `NAME` (prompt).

    Raises click.UsageError for a secret typed as VALUE, for a name given twice, and for a second `@-`.
    """
    values: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not name or name in values:
            raise click.UsageError(f"“{name}” is given twice." if name else "Write NAME=VALUE.")
        if equals and text and not text.startswith("@") and is_secret(name):
            raise click.UsageError(
                f"{name} is a secret. Put it in a file and write {name}=@FILE, or {name}=@- to pipe it."
            )
        values[name] = _value(name, text) if equals else click.prompt(name, hide_input=is_secret(name), err=True)
    if sum(argument.endswith("=@-") for argument in arguments) > 1:
        raise click.UsageError("Standard input can be read for one value only.")
    return values


def read_secret(source: str, what: str) -> str:
    """The secret in the file `source`, or from standard input for `-`, without the line break at its end."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not UTF-8 text"
        raise click.ClickException(f"{what}: {source} cannot be read: {reason}.") from e
    return text.removesuffix("\n").removesuffix("\r")


def _value(name: str, text: str) -> str:
    return read_secret(text[1:], name) if text.startswith("@") else text
