"""The format line of a template: `## format: keyvalue comment=# quote=none encoding=utf-8` (spec 4)."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from webprov.enums import FileFormat
from webprov.errors import TemplateError


class Quote(StrEnum):
    """What the template writes round a value: `"${USERID}"`, `'${USERID}'` or nothing."""

    NONE = "none"
    DOUBLE = "double"
    SINGLE = "single"

    @property
    def character(self) -> str:
        """The quotation mark, or nothing."""
        return {"none": "", "double": '"', "single": "'"}[self.value]


class QuoteEscape(StrEnum):
    """How the phone wants that quotation mark inside a value: not at all, as `\\"`, as `""`, or left out."""

    NONE = "none"
    BACKSLASH = "backslash"
    DOUBLE = "double"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a rendered file is written, and so how values are escaped in it.

    `comment` holds the characters that start a comment line; with `inline` they start one after a value too. With
    `merge` a line of OVERRIDE replaces those of the same name. `separator` stands between the cells of a CSV file.
    """

    syntax: FileFormat = FileFormat.TEXT
    comment: str = ""
    inline: bool = False
    quote: Quote = Quote.NONE
    escape: QuoteEscape = QuoteEscape.NONE
    encoding: str = "utf-8"
    newline: str = "lf"
    merge: bool = False
    separator: str = ","


ENCODINGS = ("utf-8", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252")

OPTIONS = {
    "comment": "characters that start a comment line, like # or #;",
    "inline": "yes where these characters start a comment after a value too",
    "quote": "the quotation marks that the template writes round values: none, double or single",
    "escape": "how such a mark stands inside a value: none (refused), backslash, double, or drop",
    "encoding": "character set of the file: " + ", ".join(ENCODINGS),
    "newline": "ends of lines: lf or crlf",
    "separator": "what stands between the cells of a csv file: comma, semicolon or tab",
    "override": "merge where a line of OVERRIDE replaces the one of the same name; else add",
}

_HEADER = re.compile(r"[ \t]*##[ \t]*format:(.*)")
_TREE_OPTIONS = frozenset({"encoding", "newline"})
_TABLE_OPTIONS = _TREE_OPTIONS | {"separator"}
_LINE_OPTIONS = frozenset(OPTIONS) - {"separator"}
_KNOWN_OPTIONS = {FileFormat.XML: _TREE_OPTIONS, FileFormat.JSON: _TREE_OPTIONS, FileFormat.CSV: _TABLE_OPTIONS}
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}


def read_format(file: str, text: str) -> OutputFormat | None:
    """The format that the first line of a template states; None without such a line.

    Raises TemplateError for a format, option or value that does not exist.
    """
    header = _HEADER.match(text.split("\n", 1)[0])
    if header is None:
        return None
    words = header[1].split()
    try:
        syntax = FileFormat(words[0] if words else "")
        return _with_options(OutputFormat(syntax), words[1:])
    except ValueError as e:
        known = ", ".join(FileFormat)
        reason = str(e) if words and words[0] in list(FileFormat) else f"the format must be one of {known}."
        raise TemplateError(file, 1, reason) from None


def format_by_suffix(output: str) -> OutputFormat:
    """What a file without a format line is taken for: `.xml`, `.json`, `.csv`, else plain text."""
    suffix = PurePosixPath(output.lower()).suffix
    return OutputFormat(_BY_SUFFIX.get(suffix, FileFormat.TEXT))


_BY_SUFFIX = {".xml": FileFormat.XML, ".json": FileFormat.JSON, ".csv": FileFormat.CSV}


def _with_options(base: OutputFormat, words: list[str]) -> OutputFormat:
    allowed = _KNOWN_OPTIONS.get(base.syntax, _LINE_OPTIONS)
    found = base
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in allowed:
            raise ValueError(
                f"“{word[:40]}” is no option of format {base.syntax}; known: {', '.join(sorted(allowed))}."
            )
        found = _with_option(found, name, value)
    return found


def _with_option(found: OutputFormat, name: str, value: str) -> OutputFormat:
    match name:
        case "comment":
            return replace(found, comment=_comment(value))
        case "inline":
            return replace(found, inline=_one_of(name, value, ("yes", "no")) == "yes")
        case "quote":
            return replace(found, quote=Quote(_one_of(name, value, tuple(Quote))))
        case "escape":
            return replace(found, escape=QuoteEscape(_one_of(name, value, tuple(QuoteEscape))))
        case "separator":
            return replace(found, separator=_SEPARATORS[_one_of(name, value, tuple(_SEPARATORS))])
        case "override":
            return replace(found, merge=_one_of(name, value, ("add", "merge")) == "merge")
        case "newline":
            return replace(found, newline=_one_of(name, value, ("lf", "crlf")))
        case _:
            return replace(found, encoding=_one_of(name, value.lower(), ENCODINGS))


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}.")
    return value


def _comment(value: str) -> str:
    if value == "none":
        return ""
    if not re.fullmatch(r"[#;!/'*]{1,4}", value):
        raise ValueError("comment must be none, or characters out of # ; ! / ' *.")
    return value
