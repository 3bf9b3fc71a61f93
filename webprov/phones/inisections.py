"""Changing one section of an INI file as text: all else, with its comments and blanks, stays to the byte (spec 4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from webprov.errors import InvalidValue
from webprov.phones.inifile import is_content, section_name

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_KEY = re.compile(r"(\s*)([^=;#\s][^=]*?)\s*=")


@dataclass(frozen=True, slots=True)
class SectionText:
    """One section as it stands in a file: `body` is what is below its header, up to its last line that says something.

    `line` is that of the header, from 1; `end` the last line of the body.
    """

    header: str
    body: str
    line: int
    end: int


def find_section(text: str, name: str) -> SectionText | None:
    """The section of that name; None where there is none. Raises InvalidValue where there are two."""
    lines = _split(text)
    starts = [index for index, line in enumerate(lines) if line.startswith("[")]
    found = [index for index in starts if section_name(lines[index]) == name]
    if len(found) > 1:
        where = " and ".join(str(index + 1) for index in found)
        raise InvalidValue(f"[{name}] stands twice in the file, in lines {where}. Remove one by hand.")
    if not found:
        return None
    start = found[0]
    end = next((index for index in starts if index > start), len(lines))
    while end > start + 1 and not is_content(lines[end - 1]):
        end -= 1
    body = "\n".join(line.rstrip("\r\n") for line in lines[start + 1 : end])
    return SectionText(lines[start].rstrip("\r\n"), body, start + 1, end)


def put_section(text: str, name: str, body: str) -> str:
    """`text` with this body for the section, which is added at the end where there is none yet."""
    ends = "\r\n" if "\r\n" in text else "\n"
    new = [line + ends for line in body.rstrip().split("\n")] if body.strip() else []
    found, lines = find_section(text, name), _split(text)
    if found:
        header = found.header + ends
        return "".join([*lines[: found.line - 1], header, *new, *lines[found.end :]])
    gap = "" if not text.strip() else ends if text.endswith(("\n", "\r")) else ends * 2
    return "".join([text, gap, f"[{name}]{ends}", *new])


def drop_section(text: str, name: str) -> str:
    """`text` without that section; blank lines before it go too, comments stay."""
    found, lines = find_section(text, name), _split(text)
    if found is None:
        return text
    before, after = lines[: found.line - 1], lines[found.end :]
    while before and not before[-1].strip():
        before.pop()
    return "".join([*before, *after]) if "".join([*before, *after]).strip() else ""


def set_values(body: str, values: Mapping[str, str | None]) -> str:
    """`body` with these keys set, or taken out (None); lines of others, and of those that keep their value, stay."""
    lines: list[str] = []
    waiting, skipping = dict(values), -1
    for line in body.split("\n") if body else []:
        match = _KEY.match(line) if is_content(line) else None
        indent = len(line) - len(line.lstrip())
        if skipping >= 0 and (not line.strip() or indent > skipping):
            continue
        skipping = -1
        if match and match[2] in values:
            new = waiting.pop(match[2], None)
            lines += [] if new is None else _statement(match[2], new)
            skipping = indent
        else:
            lines.append(line)
    for key, text in waiting.items():
        lines += [] if text is None else _statement(key, text)
    return "\n".join(lines)


def _statement(key: str, text: str) -> list[str]:
    if "\n" not in text:
        return [f"{key} = {text}".rstrip()]
    return [f"{key} =", *(f"  {line}".rstrip() for line in text.split("\n"))]


def _split(text: str) -> list[str]:
    return _LINES.findall(text)
