"""What templates may call: pure functions whose work and result are bounded, and filters for after the pipe sign."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from webprov.errors import InvalidValue
from webprov.hosts import parse_host


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """A function with its meaning; `takes` are the kinds of value it accepts, `gives` is the kind of its result.

    One that `passes` gives back one of its arguments as it is.
    """

    call: Callable[..., Any]
    usage: str
    meaning: str
    takes: frozenset[str]
    gives: str
    least: int = 1
    most: int = 1
    passes: bool = False


def to_int(value: str | int) -> int:
    """The whole number that `value` spells; raises ValueError for anything else or more than 12 digits."""
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text, re.ASCII):
        raise ValueError("int(…) was given a text that is not a whole number")
    return int(text)


def utc_offset(seconds: int) -> str:
    """An offset from UTC in hours, as in +1, -3:30, +5:45, 0."""
    minutes = abs(seconds) // 60
    sign = "" if minutes == 0 else "-" if seconds < 0 else "+"
    return f"{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")


def posix_plain(rule: str) -> str:
    """A POSIX time zone rule with letters for names like `<+03>`, for phones that know no others."""
    names = iter(("STD", "DST"))
    return re.sub(r"<[^>]*>", lambda _: next(names, "DST"), rule)


def first_of(*texts: str) -> str:
    """The first text that is not empty."""
    return next((text for text in texts if text), "")


def words(text: str) -> list[str]:
    """The words of a list like `pcmu pcma,g722`, 64 at most."""
    return text.replace(",", " ").split(None, 64)[:64]


def host(text: str) -> str:
    """The host of `host:port`; what is no such address comes back as it is."""
    try:
        return parse_host(text).name if text else ""
    except InvalidValue:
        return text


def port(text: str) -> str:
    """The port of `host:port`; empty where none is stated."""
    try:
        return str((parse_host(text).port if text else None) or "")
    except InvalidValue:
        return ""


def md5(text: str) -> str:
    """The MD5 sum of the UTF-8 text, as some phones want a password."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def url(text: str) -> str:
    """Every character outside A-Z a-z 0-9 - . _ ~ percent-encoded."""
    return quote(text, safe="")


_TEXT = frozenset({"text"})
_NUMBER = frozenset({"number"})

FUNCTIONS = {
    "len": TemplateFunction(
        len, "len(X)", "How many characters or items", frozenset({"text", "raw", "list", "collection"}), "number"
    ),
    "int": TemplateFunction(
        to_int, "int(TEXT)", "The whole number that a text spells", frozenset({"text", "number"}), "number"
    ),
    "str": TemplateFunction(str, "str(NUMBER)", "A number as text", frozenset({"text", "number"}), "text"),
    "abs": TemplateFunction(abs, "abs(NUMBER)", "A number without its sign", _NUMBER, "number"),
    "min": TemplateFunction(min, "min(A, B, …)", "The smallest number", _NUMBER, "number", 2, 8),
    "max": TemplateFunction(max, "max(A, B, …)", "The largest number", _NUMBER, "number", 2, 8),
    "utc_offset": TemplateFunction(
        utc_offset, "utc_offset(TZ_OFFSET)", "Hours from UTC: +1, -3:30, +5:45, 0", _NUMBER, "text"
    ),
    "posix_plain": TemplateFunction(
        posix_plain, "posix_plain(TZ_POSIX)", "The rule with letters for names like <+03>", _TEXT, "text"
    ),
    "first_of": TemplateFunction(
        first_of, "first_of(A, B, …)", "The first of these texts that is not empty", _TEXT, "text", 1, 8, passes=True
    ),
    "words": TemplateFunction(words, "words(CODECS)", "The words of a text, at most 64, for a loop", _TEXT, "list"),
    "host": TemplateFunction(host, "host(TEXT)", "The host of host:port", _TEXT, "text"),
    "port": TemplateFunction(port, "port(TEXT)", "The port of host:port, or empty", _TEXT, "text"),
    "md5": TemplateFunction(md5, "md5(TEXT)", "The MD5 sum of a text, as some phones want a password", _TEXT, "text"),
}

FILTERS = {
    "url": (url, "Percent-encodes everything outside A-Z a-z 0-9 - . _ ~"),
    "trim": (lambda text: text.strip(), "Cuts blanks off at both ends"),
}

METHODS = {
    "lower": ("lower()", "In lower case"),
    "upper": ("upper()", "In upper case"),
    "title": ("title()", "Each word with a capital"),
    "strip": ("strip() or strip(TEXT)", "Without blanks (or these characters) at both ends"),
    "lstrip": ("lstrip() or lstrip(TEXT)", "The same, on the left"),
    "rstrip": ("rstrip() or rstrip(TEXT)", "The same, on the right"),
    "removeprefix": ("removeprefix(TEXT)", "Without this beginning"),
    "removesuffix": ("removesuffix(TEXT)", "Without this end"),
    "startswith": ("startswith(TEXT)", "Does it begin so?"),
    "endswith": ("endswith(TEXT)", "Does it end so?"),
    "isdigit": ("isdigit()", "Only digits?"),
    "find": ("find(TEXT)", "Where this text begins, from 0; -1 where it is not"),
    "count": ("count(TEXT)", "How often this text occurs"),
    "replace": ("replace(OLD, NEW)", "OLD replaced by NEW; both written out in the template"),
    "split": ("split(SEPARATOR)", "Parts, to be picked by [0] or joined"),
    "join": ("join(LIST)", "The texts of a list with this text between them"),
    "zfill": ("zfill(WIDTH)", "Zeros on the left up to this width, 64 at most"),
}
"""Methods of texts, with usage and meaning."""

CALLS: dict[str, Callable[..., Any]] = {
    **{name: function.call for name, function in FUNCTIONS.items()},
    **{name: call for name, (call, _) in FILTERS.items()},
}
"""What a template's names for functions and filters stand for when it runs."""
