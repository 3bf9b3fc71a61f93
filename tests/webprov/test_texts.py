import pytest

from webprov.texts import safe_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56", "Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56"),
        ("Büro – Zürich", "Büro – Zürich"),
        ("a\r\nb\tc\x00", "a\\r\\nb\\tc\\x00"),
        ("\x1b[31mred\x9b0m", "\\x1b[31mred\\x9b0m"),
        ("cfg.\u202egfc\u2066", "cfg.\\u202egfc\\u2066"),
        ("\ud800\ufeff\u2028", "\\ud800\\ufeff\\u2028"),
    ],
)
def test_safe_text_escapes_what_steers_terminals_and_keeps_the_rest(text, expected):
    assert safe_text(text, 200) == expected


def test_safe_text_is_cut_to_its_limit():
    assert safe_text("x" * 300, 200) == "x" * 200
    assert len(safe_text("\x1b" * 300, 200)) == 200
