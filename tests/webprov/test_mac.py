import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.errors import InvalidValue
from webprov.mac import find_mac, format_mac, parse_mac

SPELLINGS = ["805ec0a1b2c3", "80:5E:C0:a1:b2:c3", "80-5e-c0-a1-b2-c3", "805e.c0a1.b2c3", " 805EC0 A1B2C3 "]


@pytest.mark.parametrize("text", SPELLINGS)
def test_parse_mac_accepts_any_spelling(text):
    assert parse_mac(text) == "805EC0A1B2C3"


@pytest.mark.parametrize(
    "text", ["", "805ec0a1b2", "805ec0a1b2c3d4", "805ec0a1b2cg", "٨05ec0a1b2c3", "805ec0a1b2c3\n1"]
)
def test_parse_mac_refuses_what_is_none(text):
    with pytest.raises(InvalidValue, match="not a MAC address"):
        parse_mac(text)


@pytest.mark.parametrize("text", ["000000000000", "ff:ff:ff:ff:ff:ff", "01005e000001"])
def test_parse_mac_refuses_addresses_of_no_single_phone(text):
    with pytest.raises(InvalidValue, match="label"):
        parse_mac(text)


@examples(200, 50_000)
@given(st.text(max_size=40))
def test_parse_mac_only_ever_raises_invalid_value(text):
    try:
        mac = parse_mac(text)
    except InvalidValue:
        return

    assert len(mac) == 12
    assert parse_mac(format_mac(mac)) == mac


def test_find_mac_in_names_and_agents():
    assert find_mac("cfg805ec0a1b2c3.xml") == "805EC0A1B2C3"
    assert find_mac("Yealink SIP-T54W 96.86.0.45 80:5e:c0:a1:b2:c3") == "805EC0A1B2C3"
    assert find_mac("y000000000096.cfg") is None
