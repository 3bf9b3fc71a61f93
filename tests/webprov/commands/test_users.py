import pyotp
import pytest

from webprov.people import get_user
from webprov.rights import CONSOLE
from webprov.secondfactor import new_secret, turn_on
from webprov.store.instance import open_instance

PASSWORD = "correct-horse-battery-9"


def test_people_are_created_listed_and_disabled(fleet, tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    fleet("user", "create", "ada", "--role", "administrator", "--password-file", str(tmp_path / "password"))
    fleet("user", "create", "noor", "--role", "tenant-administrator", "--tenant", "acme", stdin=f"{PASSWORD}\n")
    fleet("user", "disable", "noor")

    common = {"second_factor": False, "last_sign_in_at": None}
    assert fleet.json("user", "list") == [
        {"name": "ada", "role": "administrator", "tenant": "", "disabled": False} | common,
        {"name": "noor", "role": "tenant-administrator", "tenant": "acme", "disabled": True} | common,
    ]


def test_a_second_factor_is_taken_off(fleet, config):
    fleet("user", "create", "ada", "--role", "administrator", stdin=f"{PASSWORD}\n")
    instance, secret = open_instance(config), new_secret()
    with instance.sessions() as session:
        turn_on(session, CONSOLE, get_user(session, "ada"), secret, pyotp.TOTP(secret).now())
    instance.close()
    (before,) = fleet.json("user", "list")

    fleet("user", "reset-second-factor", "ADA")

    (after,) = fleet.json("user", "list")
    assert (before["second_factor"], after["second_factor"]) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("create", "ada", "--role", "king"), 2, "king"),
        (("create", "ada"), 2, "--role"),
        (("create", "ada", "--role", "administrator", "--password-file", "/nowhere"), 1, "cannot be read"),
        (("create", "ada", "--role", "support", "--tenant", "nowhere"), 1, "no tenant nowhere"),
        (("disable", "nobody"), 1, "nobody"),
        (("reset-second-factor", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_done_is_said(fleet, arguments, exit_code, words):
    result = fleet.try_("user", *arguments, stdin=f"{PASSWORD}\n")

    assert result.exit_code == exit_code
    assert words in result.stderr


def test_a_weak_password_is_refused_and_not_repeated(webprov):
    result = webprov.try_("user", "create", "ada", "--role", "administrator", stdin="12345\n")

    assert result.exit_code == 1
    assert "12345" not in result.output
