"""Which settings a rendered file makes: their names, in the order of the file (spec 4, `models check`)."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any
from xml.etree import ElementTree

from webprov.enums import FileFormat
from webprov.rendering.rendered import RenderedFile

_SECTION = ("[", "<")
_NAME = re.compile(r"[^=:]+(?=[=:])")
_LINES = (FileFormat.KEYVALUE, FileFormat.INI)


def setting_names(file: RenderedFile, comment: str = "#;", attributes: Collection[str] = ()) -> list[str]:
    """The names in a file that is well-formed; in XML those of attributes and of elements that hold no others, and
    where an element has one of `attributes`, what that one says.

    `comment` holds the characters that start a comment line. Plain text has no names.
    """
    if file.format is FileFormat.XML:
        root = ElementTree.fromstring(file.content)  # noqa: S314 - our own rendering, without DTD
        return list(_of_element(root, attributes))
    if file.format is FileFormat.JSON:
        return list(_of_json(json.loads(file.text)))
    if file.format in _LINES:
        return [name for name in line_names(file.text, comment) if name]
    return []


def doubled_names(file: RenderedFile, comment: str = "#;") -> list[str]:
    """The names that a key=value file has twice (an INI file: twice in one section), so that one of both is lost."""
    if file.format not in _LINES:
        return []
    seen: set[tuple[str, str]] = set()
    doubled: dict[str, None] = {}
    for name, section in _of_lines(file.text, comment):
        if (section, name) in seen:
            doubled[name] = None
        seen.add((section, name))
    return list(doubled)


def line_names(text: str, comment: str) -> list[str]:
    """For each line the name of the setting that it makes; empty for comments, sections and anything else."""
    return [_name_in(line.strip(), comment) for line in text.splitlines()]


def _name_in(line: str, comment: str) -> str:
    if not line or line[0] in comment or line[0] in _SECTION:
        return ""
    match = _NAME.match(line)
    return match[0].rstrip() if match else ""


def _of_lines(text: str, comment: str) -> Iterator[tuple[str, str]]:
    """Name and section of each setting."""
    section = ""
    for line, name in zip(text.splitlines(), line_names(text, comment), strict=True):
        if line.strip()[:1] in _SECTION:
            section = line.strip()
        elif name:
            yield name, section


def _of_element(element: ElementTree.Element, attributes: Collection[str]) -> Iterator[str]:
    named = [element.attrib[name] for name in attributes if name in element.attrib]
    if named:
        yield from named
    else:
        yield from element.attrib
        if len(element) == 0 and (element.text or "").strip():
            yield element.tag
    for child in element:
        yield from _of_element(child, attributes)


def _of_json(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _of_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_json(inner)
