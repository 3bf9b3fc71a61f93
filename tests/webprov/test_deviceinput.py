import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.deviceinput import known_column, parse_device
from webprov.errors import InvalidInput

MAC = "805EC0000001"


def test_parse_device_reads_contract_names():
    given = parse_device(
        {
            "mac": "80-5e-c0-00-00-01",
            "tenant": "acme",
            "model": "yealink-t54w",
            "enabled": "Yes",
            "line1_userid": " 1000 ",
            "line2_label": "Two",
            "key3_type": "BLF",
            "key3_value": "1001",
            "m2key1_type": "park",
            "var_SYSLOG_HOST": "log.example",
            "line1_var_PICKUP": "*8",
        }
    )

    assert given.mac == MAC
    assert given.values == {"tenant": "acme", "model": "yealink-t54w", "enabled": True}
    assert given.lines[1].fields == {"userid": "1000"}
    assert given.lines[1].variables == {"PICKUP": "*8"}
    assert given.keys == {(0, 3): {"type": "blf", "value": "1001"}, (2, 1): {"type": "park"}}
    assert given.variables == {"SYSLOG_HOST": "log.example"}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("mac", "80:5E", "12 hexadecimal digits"),
        ("label", "a\nb", "line break"),
        ("label", "a\x07b", "U+0007"),
        ("label", "x" * 4001, "too long"),
        ("line1_userid", "a\u2028b", "line break"),
        ("line1_password", "a\rb", "line break"),
        ("key1_type", "blink", "no type of key"),
        ("key1_line", "x", "number of a line"),
        ("enabled", "maybe", "on or off"),
        ("var_mac", "x", "upper-case"),
        ("var_REG_SERVER", "x", "built-in"),
        ("var_A__B", "x", "underscores"),
        ("timezone", "Europe/Berlinn", "Europe/Berlin"),
        ("language", "not a tag", "tag"),
        ("line999_userid", "1", "at most"),
    ],
)
def test_parse_device_names_the_field_and_the_remedy(name, text, part):
    with pytest.raises(InvalidInput) as caught:
        parse_device({"mac": MAC, name: text})

    assert part in caught.value.errors[name]


def test_parse_device_reports_every_error_at_once():
    with pytest.raises(InvalidInput) as caught:
        parse_device({"mac": "x", "label": "a\nb", "key1_value": "1000"})

    assert sorted(caught.value.errors) == ["key1_type", "label", "mac"]


def test_known_column_is_the_contract():
    known = ["mac", "tenant", "override", "line1_userid", "line12_var_X", "key1_type", "m3key60_line", "var_A"]

    assert all(known_column(name) for name in known)
    assert not any(known_column(name) for name in ["MAC", "line0_userid", "line1_pin", "m0key1_type", "key1", ""])


@examples(200, 20_000)
@given(st.dictionaries(st.sampled_from(["label", "override", "line1_userid", "key1_value", "var_X"]), st.text()))
def test_parse_device_only_ever_raises_invalid_input(flat):
    try:
        parsed = parse_device({"mac": MAC, **flat})
    except InvalidInput as e:
        assert set(e.errors) <= {*flat, "key1_type"}  # noqa: PT017
    else:
        assert "\n" not in str(parsed.values.get("label", ""))
