"""Passwords of people: what is accepted, and how they are kept (security UI-07). Phones' passwords live elsewhere."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webprov.errors import InvalidValue

MIN_LENGTH = 12
MAX_LENGTH = 128

# 19 MiB a check, so that a burst of sign-ins stays within the memory of a small machine
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)

_COMMON = (
    "password passwort passwd motdepasse contrasena senha wachtwoord welcome willkommen bienvenue letmein "
    "secret geheim admin administrator root toor user test guest default changeme login master manager "
    "superuser support service webprov provisioning telephone phone phones asterisk voip company office summer "
    "winter spring autumn monday friday january december iloveyou sunshine princess football baseball dragon "
    "monkey shadow superman batman starwars trustno computer internet server system network cisco yealink "
    "polycom grandstream fanvil snom qwerty qwertz azerty qwertyuiop qwertzuiop asdfghjkl zxcvbnm hello "
    "whatever freedom michael jordan charlie hunter killer ranger abc abcd abcdef correcthorsebatterystaple "
    "the is my a new your our this please "
)
_WORDS = frozenset(_COMMON.split())
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm")
_LOOKALIKES = str.maketrans("@4301$5!7", "aaeoissit")


def check_password(password: str, name: str = "") -> None:
    """Raise InvalidValue unless `password` is long enough, not too long and not among the first that are guessed.

    There are no rules about kinds of characters. `name` is the person's, which the password may not merely repeat.
    """
    if len(password) < MIN_LENGTH:
        raise InvalidValue(f"Enter at least {MIN_LENGTH} characters. A few unrelated words are easiest to remember.")
    if len(password) > MAX_LENGTH:
        raise InvalidValue(f"Enter at most {MAX_LENGTH} characters.")
    if is_common(password, name):
        raise InvalidValue("This password is among the first that are guessed. Choose a few unrelated words.")


def is_common(password: str, name: str = "") -> bool:
    """Whether `password` is made of nothing but common words, keyboard rows, repetitions, the name and digits."""
    folded = password.casefold()
    if len(set(folded)) < 5:
        return True
    own_words = {word for word in re.split(r"\W+", name.casefold()) if len(word) > 2}
    left = _without_rows(folded)
    return any(_only_words(text, _WORDS | own_words) for text in (left, _without_rows(folded.translate(_LOOKALIKES))))


def _without_rows(text: str) -> str:
    """`text` without stretches of four or more neighbours on a keyboard row, either way round."""
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        for length in range(len(row), 3, -1):
            for start in range(len(row) - length + 1):
                text = text.replace(row[start : start + length], " ")
    return text


def _only_words(text: str, words: frozenset[str]) -> bool:
    """Whether the letters of `text` are a chain of `words`; at most four letters may be left over."""
    letters = re.sub(r"[\W\d_]+", "", text)
    for word in sorted(words, key=len, reverse=True):
        if len(word) > 2:
            letters = letters.replace(word, "")
    return len(letters) <= 4


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters and salt."""
    return _hasher.hash(password)


def password_fits(password: str, hashed: str | None) -> bool:
    """Whether `password` is the hashed one; None (no such account) takes as long and is never met (UI-06)."""
    try:
        return _hasher.verify(hashed or _DUMMY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    """Whether `hashed` was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


_DUMMY = _hasher.hash("nobody has this password")
