import pytest

from webprov.errors import InvalidValue
from webprov.passwords import check_password, hash_password, is_common, needs_rehash, password_fits


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Passw0rd!2026",
        "P@ssw0rdP@ssw0rd",
        "administrator",
        "qwertyuiop123",
        "123456789012",
        "abcdefghijklmno",
        "aaaaaaaaaaaaaaa",
        "abababababab",
        "letmein-letmein",
        "WelcomeToMyCompany",
        "webprov-phones-2026",
        "Miriam.Kumar.2026",
    ],
)
def test_common_passwords_are_refused(password):
    assert is_common(password, "Miriam Kumar")
    with pytest.raises(InvalidValue, match="first that are guessed"):
        check_password(password, "Miriam Kumar")


@pytest.mark.parametrize(
    "password",
    [
        "seven quiet lamps",
        "kV8#mTq2!zRw",
        "rhubarb-trombone",
        "Straße über Öl 7",
        "龍が湖の底で静かに眠っている夜",
        "x" * 3 + "q7Zp-Lw4uT" * 12,
    ],
)
def test_other_passwords_are_taken_without_rules_on_characters(password):
    check_password(password, "Miriam Kumar")


def test_password_length_is_12_to_128():
    with pytest.raises(InvalidValue, match="at least 12"):
        check_password("kV8#mTq2!zR")
    with pytest.raises(InvalidValue, match="at most 128"):
        check_password("kV8#mTq2!zRw" * 11)


def test_hash_is_argon2id_and_fits_only_its_password():
    hashed = hash_password("seven quiet lamps")

    assert hashed.startswith("$argon2id$")
    assert password_fits("seven quiet lamps", hashed)
    assert not password_fits("seven quiet lamp", hashed)
    assert not password_fits("seven quiet lamps", "not a hash")
    assert not needs_rehash(hashed)


def test_no_account_is_never_met():
    assert not password_fits("nobody has this password", None)
    assert not password_fits("", None)
