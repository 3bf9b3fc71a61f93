"""How a value is written in each output format, so that it stays one value (spec 4, security TP-04)."""

import json
import re
from collections.abc import Callable

from webprov.enums import FileFormat
from webprov.rendering.formats import OutputFormat, QuoteEscape
from webprov.rendering.veiling import Raw, Veiled

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class UnusableValue(Exception):
    """A value cannot stand in this format; whoever renders finds out which variable it was."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(reason)
        self.value = value
        self.reason = reason


class Escaper:
    """Writes values for one format; call it with a value. Whole numbers and Raw text go in as they are.

    `changed` collects (value, what happened) where the file could not hold all of a value.
    """

    def __init__(self, output: OutputFormat) -> None:
        self.output = output
        self.changed: list[tuple[str, str]] = []
        self._write = _writer(output, self.changed)
        self._known: dict[str, str] = {}

    def __call__(self, value: object) -> str:
        """The text that stands for `value` in the file; raises UnusableValue."""
        if type(value) is str:
            written = self._known.get(value)
            return self._text(value) if written is None else written
        if type(value) is Veiled:
            return Veiled(self._text(str(value)), self._text(value.twin))
        return value if isinstance(value, Raw) else str(value)

    def _text(self, value: str) -> str:
        control = _CONTROL.search(value)
        if control is not None:
            raise UnusableValue(value, f"a line break or control character (U+{ord(control[0]):04X}) in a value")
        written = self._known[value] = self._write(value)
        return written


def _writer(output: OutputFormat, changed: list[tuple[str, str]]) -> Callable[[str], str]:
    match output.syntax:
        case FileFormat.XML:
            return lambda value: _escape_xml(value, output.encoding)
        case FileFormat.CSV:
            return lambda value: _escape_cell(value, output, changed)
        case FileFormat.JSON:
            return lambda value: json.dumps(value, ensure_ascii=output.encoding != "utf-8")[1:-1]
        case _:
            return lambda value: _escape_line(value, output, changed)


def _escape_xml(value: str, encoding: str) -> str:
    escaped = value.translate(_XML)
    if encoding == "utf-8" or escaped.isascii():
        return escaped
    return escaped.encode(encoding, "xmlcharrefreplace").decode(encoding)


def _escape_cell(value: str, output: OutputFormat, changed: list[tuple[str, str]]) -> str:
    """A whole cell (RFC 4180): in quotation marks where it holds a separator, such a mark or blanks at its ends."""
    if any(character in value for character in (output.separator, '"')) or value != value.strip():
        value = '"' + value.replace('"', '""') + '"'
    return _encodable(value, output, changed, value)


def _escape_line(value: str, output: OutputFormat, changed: list[tuple[str, str]]) -> str:
    """One line of text. Without quotes the blanks at the ends would be lost on the phone anyway: they are trimmed."""
    escaped = _quoted(value, output, changed) if output.quote.character else _bare(value, output)
    return _encodable(escaped, output, changed, value)


def _encodable(escaped: str, output: OutputFormat, changed: list[tuple[str, str]], value: str) -> str:
    """With `?` for what the character set lacks, noted as a change of `value`."""
    if output.encoding == "utf-8" or escaped.isascii():
        return escaped
    written = escaped.encode(output.encoding, "replace").decode(output.encoding)
    if written != escaped:
        changed.append((value, f"characters that {output.encoding} lacks became “?”"))
    return written


def _bare(value: str, output: OutputFormat) -> str:
    if output.inline and any(character in value for character in output.comment):
        raise UnusableValue(value, f"one of the characters {output.comment} in a value without quotation marks")
    return value.strip()


def _quoted(value: str, output: OutputFormat, changed: list[tuple[str, str]]) -> str:
    mark = output.quote.character
    if output.escape is QuoteEscape.BACKSLASH:
        return value.replace("\\", "\\\\").replace(mark, "\\" + mark)
    if mark not in value:
        return value
    if output.escape is QuoteEscape.NONE:
        raise UnusableValue(value, f"a quotation mark ({mark}) in a value")
    if output.escape is QuoteEscape.DROP:
        changed.append((value, f"the quotation marks ({mark}) in it were left out"))
        return value.replace(mark, "")
    return value.replace(mark, mark * 2)
