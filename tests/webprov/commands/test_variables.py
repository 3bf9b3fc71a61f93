import pytest

from tests.factories import MAC

SCOPES = [(), ("--tenant", "acme"), ("--device", "80:5e:c0:00:00:01")]


@pytest.mark.parametrize("scope", SCOPES)
def test_variables_are_set_listed_and_deleted_in_each_scope(fleet, scope):
    fleet("variables", "set", "SIP_PORT=5062", "COLOR=a b", *scope)

    listed = fleet.json("variables", "list", *scope)
    fleet("variables", "delete", "COLOR", *scope)

    assert listed == [
        {"name": "COLOR", "value": "a b", "secret": False},
        {"name": "SIP_PORT", "value": "5062", "secret": False},
    ]
    assert [item["name"] for item in fleet.json("variables", "list", *scope)] == ["SIP_PORT"]


def test_a_secret_variable_comes_from_a_file_and_is_never_shown(fleet, tmp_path):
    (tmp_path / "token").write_text("hush-hush\n")

    fleet("variables", "set", f"API_TOKEN=@{tmp_path / 'token'}")
    refused = fleet.try_("variables", "set", "API_TOKEN=visible")

    assert fleet.json("variables", "list") == [{"name": "API_TOKEN", "value": "set", "secret": True}]
    assert refused.exit_code == 2
    assert "visible" not in refused.output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("set", "mac=1"), 1, "upper-case letters"),
        (("set", "MAC=1"), 1, "built-in"),
        (("set", "A=1", "--tenant", "acme", "--device", MAC), 2, "not both"),
        (("set", "A=1", "--tenant", "nowhere"), 1, "no tenant nowhere"),
        (("set", "A=1", "--device", "805EC0FFFFFF"), 1, "no device 80:5E:C0:FF:FF:FF"),
        (("delete", "NOT_THERE"), 1, "no variable NOT_THERE"),
    ],
)
def test_what_cannot_be_done_is_said(fleet, arguments, exit_code, words):
    result = fleet.try_("variables", *arguments)

    assert result.exit_code == exit_code
    assert words in result.stderr
