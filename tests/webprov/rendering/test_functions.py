"""Functions for templates: what phones want to see, and no way to make a template run long."""

import pytest

from webprov.rendering.functions import FILTERS, FUNCTIONS


def call(name, *arguments):
    return FUNCTIONS[name].call(*arguments)


@pytest.mark.parametrize(
    ("seconds", "text"), [(3600, "+1"), (-12600, "-3:30"), (20700, "+5:45"), (0, "0"), (46800, "+13"), (-36000, "-10")]
)
def test_utc_offset_is_in_hours(seconds, text):
    assert call("utc_offset", seconds) == text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3"),
        ("<+0330>-3:30", "STD-3:30"),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "STD2DST,M3.5.0/-1,M10.5.0/0"),
    ],
)
def test_posix_plain_knows_letters_only(rule, text):
    assert call("posix_plain", rule) == text


def test_md5_is_that_of_utf_8_in_hexadecimal():
    assert call("md5", "5324") == "510731ac096ebcb3989fb1ed5b7075bb"
    assert call("md5", "Schlüssel") == "0f511d362346c2f658bb594d5b04224e"


@pytest.mark.parametrize("text", ["", "x", "1.5", "9" * 13, "0x10", "١"])
def test_int_refuses_what_is_no_whole_number(text):
    with pytest.raises(ValueError, match="not a whole number"):
        call("int", text)


def test_int_reads_signs_and_blanks():
    assert (call("int", " -5 "), call("int", "060"), call("int", 7)) == (-5, 60, 7)


def test_words_are_64_at_most():
    assert call("words", "pcmu, pcma g722") == ["pcmu", "pcma", "g722"]
    assert len(call("words", "x " * 1000)) == 64


def test_first_of_skips_empty_texts():
    assert (call("first_of", "", "a", "b"), call("first_of", "", "")) == ("a", "")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("log.acme.example:514", "log.acme.example", "514"),
        ("10.0.0.1", "10.0.0.1", ""),
        ("[::1]:5", "::1", "5"),
        ("", "", ""),
    ],
)
def test_host_and_port_of_an_address(text, host, port):
    assert (call("host", text), call("port", text)) == (host, port)


def test_host_of_something_else_is_that_itself():
    assert (call("host", "a b"), call("port", "a b")) == ("a b", "")


def test_url_filter_encodes_everything_but_letters_and_digits():
    assert FILTERS["url"][0]("a/b?c@d é~") == "a%2Fb%3Fc%40d%20%C3%A9~"
