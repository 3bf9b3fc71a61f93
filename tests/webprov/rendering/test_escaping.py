"""Whatever a value holds, the file holds exactly that value in that place, or there is a clear error (TP-04, R12)."""

import csv
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.enums import FileFormat
from webprov.rendering.escaping import Escaper, UnusableValue
from webprov.rendering.formats import ENCODINGS, OutputFormat, Quote, QuoteEscape, format_by_suffix, read_format
from webprov.rendering.veiling import Raw
from webprov.rendering.wellformed import find_fault

VALUES = st.one_of(
    st.text(),
    st.text(alphabet="\"'\\#;=<>&{}[]$%|:/ \t\n\r\0\x85\u2028é山😀a"),
    st.sampled_from(
        ["", " ", "# x", "a # b", "]]>", "<!--", "&amp;", "\\", '\\"', "${MAC}", "a\nb=c", "\ud800", "\ufffe"]
    ),
)
many = examples(300, 50_000)


def written(value: str, output: OutputFormat) -> str | None:
    """What the escaper writes, or None where it refuses."""
    try:
        return Escaper(output)(value)
    except UnusableValue:
        return None


@many
@given(VALUES, st.sampled_from(ENCODINGS))
def test_xml_gives_back_text_and_attribute(value, encoding):
    text = written(value, OutputFormat(FileFormat.XML, encoding=encoding))
    if text is None:
        return

    for quote in "\"'":
        content = f"<?xml version='1.0' encoding='{encoding}'?><a b={quote}{text}{quote}>{text}</a>".encode(encoding)
        element = ElementTree.fromstring(content)
        assert (element.text or "", element.attrib, len(element)) == (value, {"b": value}, 0)


@many
@given(VALUES, st.sampled_from(ENCODINGS))
def test_json_gives_back_the_string(value, encoding):
    text = written(value, OutputFormat(FileFormat.JSON, encoding=encoding))
    if text is None:
        return

    assert json.loads(f'{{"a": "{text}"}}'.encode(encoding).decode(encoding)) == {"a": value}


@many
@given(VALUES)
def test_line_without_quotes_stays_one_line_with_that_value(value):
    text = written(value, OutputFormat(FileFormat.KEYVALUE, comment="#"))
    if text is None:
        return

    content = f"before = 1\nkey = {text}\nafter = 2\n"
    pairs = [line.split(" = ", 1) for line in content.splitlines()]
    assert [(name, found.strip()) for name, found in pairs] == [("before", "1"), ("key", value.strip()), ("after", "2")]


@many
@given(VALUES, st.sampled_from([",", ";", "\t"]))
def test_csv_gives_back_the_cell(value, separator):
    output = OutputFormat(FileFormat.CSV, separator=separator)
    text = written(value, output)
    if text is None:
        return

    content = separator.join(["before", text, "after"]) + "\n"
    assert list(csv.reader([content], delimiter=separator, strict=True)) == [["before", value, "after"]]
    assert find_fault(content.encode(), output) == ""


def unquote(text: str, mark: str, escape: QuoteEscape) -> tuple[str, str]:
    """A phone's reading of a quoted value: the value, and what stands after the closing mark."""
    assert text[0] == mark
    found, position = "", 1
    while text[position] != mark or (escape is QuoteEscape.DOUBLE and text[position : position + 2] == mark * 2):
        if (escape is QuoteEscape.BACKSLASH and text[position] == "\\") or text[position] == mark:
            position += 1
        found += text[position]
        position += 1
    return found, text[position + 1 :]


@many
@given(VALUES, st.sampled_from(Quote), st.sampled_from([e for e in QuoteEscape if e is not QuoteEscape.DROP]))
def test_quoted_value_ends_at_its_own_mark(value, quote, escape):
    mark = quote.character
    text = written(value, OutputFormat(FileFormat.INI, quote=quote, escape=escape))
    if text is None or not mark:
        return

    assert unquote(f"{mark}{text}{mark};rest", mark, escape) == (value, ";rest")


@many
@given(VALUES, st.sampled_from(ENCODINGS), st.sampled_from(list(FileFormat)))
def test_any_value_fits_the_encoding_or_is_noted(value, encoding, syntax):
    escaper = Escaper(OutputFormat(syntax, encoding=encoding))
    try:
        text = escaper(value)
    except UnusableValue:
        return

    text.encode(encoding)
    value = value if syntax is FileFormat.CSV else value.strip()
    lossless = (
        syntax in (FileFormat.XML, FileFormat.JSON) or value.encode(encoding, "replace").decode(encoding) == value
    )
    assert lossless != bool(escaper.changed)


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\uffff"]
)
@pytest.mark.parametrize("syntax", list(FileFormat))
def test_control_characters_are_refused_everywhere(character, syntax):
    with pytest.raises(UnusableValue, match="control character"):
        Escaper(OutputFormat(syntax))(f"a{character}b")


def test_numbers_and_raw_text_go_in_as_they_are():
    escaper = Escaper(OutputFormat(FileFormat.XML))

    assert [escaper(5), escaper(Raw("<a>\n")), escaper(Raw(" x ").strip()), escaper("<")] == ["5", "<a>\n", "x", "&lt;"]


def test_dropped_quotation_mark_is_noted():
    escaper = Escaper(OutputFormat(quote=Quote.DOUBLE, escape=QuoteEscape.DROP))

    assert escaper('Bob "B" Bee') == "Bob B Bee"
    assert escaper.changed == [('Bob "B" Bee', 'the quotation marks (") in it were left out')]


def test_comment_character_in_a_bare_value_is_refused_where_comments_may_follow_values():
    assert Escaper(OutputFormat(comment="#"))("*72#") == "*72#"
    with pytest.raises(UnusableValue, match="without quotation marks"):
        Escaper(OutputFormat(comment="#", inline=True))("*72#")


def test_format_line_is_read():
    found = read_format("a", "## format: keyvalue comment=#; inline=yes quote=double escape=backslash encoding=ASCII\n")

    assert found == OutputFormat(
        FileFormat.KEYVALUE, "#;", True, Quote.DOUBLE, QuoteEscape.BACKSLASH, encoding="ascii", newline="lf"
    )


def test_format_line_is_only_looked_for_in_the_first_line():
    assert read_format("a", "x\n## format: xml\n") is None


@pytest.mark.parametrize(
    ("path", "syntax"), [("a.XML", "xml"), ("b/a.json", "json"), ("a.CSV", "csv"), ("a.cfg", "text"), ("xml", "text")]
)
def test_suffix_tells_the_format_of_a_file_without_format_line(path, syntax):
    assert format_by_suffix(path).syntax == syntax


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,b\n\nc,d\n", ""),
        ("a,b\nc\n", "at line 2: 1 cells, 2 above it"),
        ('a,b\n"c"x,d\n', "at line 2"),
    ],
)
def test_a_table_whose_rows_differ_is_broken(text, fault):
    assert fault in find_fault(text.encode(), OutputFormat(FileFormat.CSV))
    assert bool(fault) == bool(find_fault(text.encode(), OutputFormat(FileFormat.CSV)))
