import base64
import hmac
import re
from hashlib import md5
from pathlib import Path

import pytest

from webprov.serving import credentials
from webprov.serving.credentials import NONCE_SECONDS, Login, Nonces, Proof, challenges, parse_digest

NOW = 1_800_000_000.0
NONCES = Nonces(b"k" * 32)
LOGIN = Login("phones", 'pa:ss"w\\örd')
TARGET = "/provisioning/805ec0123456.cfg"


def answer(user="phones", password='pa:ss"w\\örd', *, uri=TARGET, nonce=None, method="GET", **fields):
    nonce = NONCES.make(NOW) if nonce is None else nonce
    values = {"realm": "webprov", "nc": "00000001", "cnonce": "abc", "qop": "auth", **fields}
    secret = md5(f"{user}:webprov:{password}".encode()).hexdigest()
    asked = md5(f"{method}:{uri}".encode()).hexdigest()
    response = md5(f"{secret}:{nonce}:{values['nc']}:{values['cnonce']}:auth:{asked}".encode()).hexdigest()
    named = {"username": user, "nonce": nonce, "uri": uri, "response": response, **values}
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in named.items() if value is not None)


def check(header, now=NOW, target=TARGET):
    return LOGIN.check(header, "GET", target, NONCES, now)


def basic(user, password, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "proof"),
    [
        ("", Proof.NONE),
        (basic("phones", 'pa:ss"w\\örd'), Proof.RIGHT),
        (basic("phones", 'pa:ss"w\\örd', "bAsIc"), Proof.RIGHT),
        (basic("phones", "wrong"), Proof.WRONG),
        (basic("Phones", 'pa:ss"w\\örd'), Proof.WRONG),
        ("Basic", Proof.WRONG),
        ("Basic ====", Proof.WRONG),
        ("Bearer abc", Proof.WRONG),
        (answer(), Proof.RIGHT),
        (answer(password="wrong"), Proof.WRONG),
        (answer(user="other"), Proof.WRONG),
        (answer(uri="http://pbx:8081/provisioning/805ec0123456.cfg?x=1"), Proof.RIGHT),
        (answer(uri="/provisioning/%38%305ec0123456.cfg"), Proof.RIGHT),
        (answer(uri="/provisioning/other.cfg"), Proof.WRONG),
        (answer(uri="http://[x"), Proof.WRONG),
        (answer(method="POST"), Proof.WRONG),
        (answer(realm="other"), Proof.WRONG),
        (answer(qop="auth-int"), Proof.WRONG),
        (answer(algorithm="SHA-256"), Proof.WRONG),
        (answer(nc="1"), Proof.WRONG),
        (answer(cnonce=""), Proof.WRONG),
        (answer(nonce=""), Proof.STALE),
        (answer(nonce=Nonces(b"x" * 32).make(NOW)), Proof.STALE),
        (answer() + ', uri="/x"', Proof.WRONG),
        ("Digest " + '"' * 5_000, Proof.WRONG),
    ],
)
def test_a_login_judges_headers(header, proof):
    assert check(header) is proof


def test_a_nonce_lasts_five_minutes():
    header = answer()

    assert check(header, NOW + NONCE_SECONDS) is Proof.RIGHT
    assert check(header, NOW + NONCE_SECONDS + 1) is Proof.STALE
    assert check(header, NOW - 10) is Proof.STALE


@pytest.mark.parametrize(("user", "password"), [("", ""), ("phones", ""), ("", "secret")])
def test_an_empty_login_opens_nothing(user, password):
    login = Login(user, password)

    assert login.check(basic(user, password), "GET", TARGET, NONCES, NOW) is Proof.WRONG
    assert login.check(answer(user, password), "GET", TARGET, NONCES, NOW) is Proof.WRONG
    assert not login.check_pair(user, password)


def test_check_pair_compares_what_ftp_sends():
    assert LOGIN.check_pair("phones", 'pa:ss"w\\örd')
    assert not LOGIN.check_pair("phones", "\udcff")
    assert not LOGIN.check_pair("phones:pa", 'ss"w\\örd'[1:])


def test_challenges_offer_digest_then_basic():
    (_, digest), (_, basic_challenge) = challenges(NONCES, NOW, stale=True)

    fields = parse_digest(digest.removeprefix("Digest ") + ', username="", uri="", response="", nc=00000001, cnonce=x')
    assert fields["qop"] == "auth"
    assert fields["stale"] == "true"
    assert NONCES.fresh(fields["nonce"], NOW)
    assert basic_challenge == 'Basic realm="webprov", charset="UTF-8"'


def test_se02_a_wrong_password_is_compared_whole_and_in_constant_time(monkeypatch):
    compared, compare = [], hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *both: compared.append(both) or compare(*both))

    proofs = [check(basic("phones", "wrong")), check(answer(password="wrong")), LOGIN.check_pair("phones", "wrong")]

    assert proofs == [Proof.WRONG, Proof.WRONG, False]
    assert (b"phones:wrong", 'phones:pa:ss"w\\örd'.encode()) in compared[:2]
    assert (32, 32) in [(len(given), len(expected)) for given, expected in compared]
    assert compared[-1] == (b"phones:wrong", 'phones:pa:ss"w\\örd'.encode())


def test_se02_no_slow_hash_is_on_the_way_of_phones():
    slow = re.compile(r"argon2|scrypt|bcrypt|pbkdf2|webprov\.passwords")

    sources = {path.name: path.read_text() for path in Path(credentials.__file__).parent.glob("*.py")}

    assert "gatekeeper.py" in sources
    assert [name for name, source in sources.items() if slow.search(source)] == []
