import pytest

from webprov.phones.parameters import ParameterDictionary, read_parameters

NAMES = ["account.N.label", "AccountN Name", "P271", "NTP_SERVER", "codec.N.payload_N", "Line_N_", "SIP_N"]


@pytest.mark.parametrize(
    "name",
    [
        "account.16.label",
        "Account2 Name",
        "P8001",
        "NTP_SERVER",
        "codec.1.payload_22",
        "Line_7_",
        "SIP_3",
        "account.N.label",
    ],
)
def test_a_known_name_may_have_any_numbers(name):
    assert ParameterDictionary(NAMES).unknown([name]) == []


def test_unknown_names_are_told_once_with_their_nearest():
    known = ParameterDictionary(NAMES)

    assert known.unknown(["account.1.lable", "P1", "account.2.lable", "ntp_server"]) == [
        "account.1.lable",
        "ntp_server",
    ]
    assert known.nearest("account.1.lable") == "account.N.label"
    assert known.nearest("nothing_like_it") == ""


def test_a_file_says_which_attributes_hold_names(tmp_path):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "acme.txt").write_text("; in attributes: name id\n; where from\nvol.N\n\n")

    known = read_parameters(tmp_path, "acme")

    assert known.attributes == {"name", "id"}
    assert known.unknown(["vol.1", "; where from"]) == ["; where from"]
    assert read_parameters(tmp_path, "other") is None
