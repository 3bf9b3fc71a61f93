import os
import string
from collections import Counter
from dataclasses import asdict

from webprov.store.secrets import random_password
from webprov.store.settings import first_settings

ALPHABET = string.ascii_letters + string.digits


def test_se05_generated_passwords_have_characters_that_every_phone_takes():
    made = {random_password() for _ in range(1_000)}

    assert len(made) == 1_000
    assert {len(password) for password in made} == {22}
    assert set("".join(made)) == set(ALPHABET)


def test_generated_passwords_carry_128_bits(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda _: bytes(range(256)))

    counts = Counter(random_password(8 * len(ALPHABET)))

    assert counts == dict.fromkeys(ALPHABET, 8)
    assert len(ALPHABET) ** 22 >= 2**128


def test_a_new_instance_has_generated_passwords_for_phones():
    one, other = asdict(first_settings()), asdict(first_settings())

    for name in ("http_password", "ftp_password"):
        assert len(one[name]) == 22
        assert one[name] != other[name]
