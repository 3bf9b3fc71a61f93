"""Does a rendered file read as what it claims to be? (spec 4)"""

import csv
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn
from xml.parsers import expat

from webprov.enums import FileFormat
from webprov.rendering.formats import OutputFormat

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["']""")


def find_fault(content: bytes, output: OutputFormat) -> str:
    """Why `content` would not parse, and where; "" where it does or its format has no parser."""
    checks: dict[FileFormat, Callable[[bytes, OutputFormat], str]] = {
        FileFormat.XML: _xml_fault,
        FileFormat.JSON: _json_fault,
        FileFormat.CSV: _csv_fault,
    }
    check = checks.get(output.syntax)
    return check(content, output) if check is not None else ""


def _xml_fault(content: bytes, output: OutputFormat) -> str:
    declared = _DECLARED.match(content.lstrip())
    name = declared[1].decode().lower() if declared else "utf-8"
    if name not in _spellings(output.encoding) and not content.isascii():
        return f"the file says encoding={name}, the template's format line {output.encoding}"
    parser = expat.ParserCreate(output.encoding)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as e:
        return f"the rendered XML is broken at line {e.lineno}, column {e.offset + 1}: {expat.ErrorString(e.code)}"
    except _Doctype:
        return "the rendered XML has a DOCTYPE, which phones do not need; take it out"
    return ""


class _Doctype(Exception):
    """The document begins with a DTD."""


def _refuse_doctype(*_: Any) -> NoReturn:
    raise _Doctype


def _spellings(encoding: str) -> tuple[str, ...]:
    """What an XML declaration may say where the file is in `encoding`."""
    others = {"utf-8": ("utf8",), "ascii": ("us-ascii", "utf-8"), "windows-1252": ("cp1252",)}
    return (encoding, *others.get(encoding, ()))


def _json_fault(content: bytes, output: OutputFormat) -> str:
    try:
        json.loads(content.decode(output.encoding))
    except json.JSONDecodeError as e:
        return f"the rendered JSON is broken at line {e.lineno}, column {e.colno}: {e.msg}"
    except RecursionError:
        return "the rendered JSON is nested too deeply"
    return ""


def _csv_fault(content: bytes, output: OutputFormat) -> str:
    """All rows need as many cells as the first: a cell that the template did not fill moves all that follow it."""
    lines = content.decode(output.encoding).splitlines()
    width = 0
    reader = csv.reader(lines, delimiter=output.separator, strict=True)
    try:
        for row in reader:
            width = width or len(row)
            if row and len(row) != width:
                return f"the rendered table is broken at line {reader.line_num}: {len(row)} cells, {width} above it"
    except csv.Error as e:
        return f"the rendered table is broken at line {reader.line_num}: {e}"
    return ""
