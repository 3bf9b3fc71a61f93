"""What a phone proves with the Authorization header: Basic, or Digest (MD5, qop=auth) with a signed nonce (spec 8).

Pure: no settings, no database, no clock of its own. Nonces carry their time and a signature, so that every process
accepts those of the others and none is kept.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from enum import Enum, auto
from urllib.parse import unquote_to_bytes, urlsplit

REALM = "webprov"
NONCE_SECONDS = 300

_FIELD = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(?:,\s*|$)', re.ASCII)
_NEEDED = {"username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce"}


class Proof(Enum):
    """What a request's credentials are worth."""

    NONE = auto()
    RIGHT = auto()
    WRONG = auto()
    STALE = auto()  # right, but with a nonce that is too old: ask again


class Nonces:
    """Makes and checks nonces: time, random, signature, URL-safe base64."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"webprov digest nonce", "sha256")

    def make(self, now: float) -> str:
        """A nonce for `NONCE_SECONDS` from `now` (seconds since the epoch)."""
        body = int(now).to_bytes(8, "big") + os.urandom(8)
        return base64.urlsafe_b64encode(body + self._sign(body)).decode()

    def fresh(self, nonce: str, now: float) -> bool:
        """Whether it is one of ours and not too old."""
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except ValueError:
            return False
        body, signature = raw[:16], raw[16:]
        age = now - int.from_bytes(body[:8], "big")
        return hmac.compare_digest(signature, self._sign(body)) and -5 <= age <= NONCE_SECONDS

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:14]


class Login:
    """One user and password that open files. An empty password opens nothing."""

    def __init__(self, user: str, password: str) -> None:
        self._pair = f"{user}:{password}".encode()
        self._header = b"Basic " + base64.b64encode(self._pair)
        self._user = user.encode()
        self._secret = _md5(f"{user}:{REALM}:{password}".encode())
        self._opens = bool(user and password)

    def check(self, header: str, method: str, target: str, nonces: Nonces, now: float) -> Proof:
        """What the Authorization header `header` ("" = none) of `method` `target` (as sent) proves."""
        if not header:
            return Proof.NONE
        given = header.encode("latin-1", "replace")
        if hmac.compare_digest(given, self._header) and self._opens:
            return Proof.RIGHT
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "digest":
            return self._check_digest(rest, method, target, nonces, now)
        return Proof.RIGHT if scheme.lower() == "basic" and self._fits(_decode_basic(rest)) else Proof.WRONG

    def check_pair(self, user: str, password: str) -> bool:
        """Whether user and password, sent as they are (FTP), are these."""
        return self._fits(f"{user}:{password}".encode("utf-8", "surrogateescape"))

    def _fits(self, pair: bytes) -> bool:
        return hmac.compare_digest(pair, self._pair) and self._opens

    def _check_digest(self, rest: str, method: str, target: str, nonces: Nonces, now: float) -> Proof:
        fields = parse_digest(rest)
        if fields is None or not _same_resource(fields["uri"], target):
            return Proof.WRONG
        asked = _md5(f"{method}:{fields['uri']}".encode("latin-1", "replace"))
        whole = ":".join((self._secret, fields["nonce"], fields["nc"], fields["cnonce"], "auth", asked))
        expected = _md5(whole.encode("latin-1", "replace"))
        same_user = hmac.compare_digest(fields["username"].encode("latin-1", "replace"), self._user)
        same_answer = hmac.compare_digest(fields["response"].lower().encode("latin-1", "replace"), expected.encode())
        if not (same_user & same_answer & self._opens):
            return Proof.WRONG
        return Proof.RIGHT if nonces.fresh(fields["nonce"], now) else Proof.STALE


def user_of(header: str) -> str:
    """The user that an Authorization header names; "" where it names none."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "digest":
        fields = parse_digest(rest)
        return fields["username"].encode("latin-1", "replace").decode("utf-8", "replace") if fields else ""
    return _decode_basic(rest).partition(b":")[0].decode("utf-8", "replace") if scheme.lower() == "basic" else ""


def challenges(nonces: Nonces, now: float, *, stale: bool) -> list[tuple[str, str]]:
    """The two WWW-Authenticate headers of a 401, Digest first."""
    digest = f'Digest realm="{REALM}", qop="auth", algorithm=MD5, nonce="{nonces.make(now)}"'
    return [
        ("WWW-Authenticate", digest + (", stale=true" if stale else "")),
        ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'),
    ]


def parse_digest(text: str) -> dict[str, str] | None:
    """The fields of a Digest answer by lower-case name, or None where one is missing, doubled or not what we asked."""
    fields: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _FIELD.match(text, position)
        if match is None or match[1].lower() in fields:
            return None
        quoted, bare = match[2], match[3]
        fields[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        position = match.end()
    return fields if _acceptable(fields) else None


def _acceptable(fields: dict[str, str]) -> bool:
    return (
        fields.keys() >= _NEEDED
        and fields["realm"] == REALM
        and fields["qop"].lower() == "auth"
        and fields.get("algorithm", "MD5").upper() == "MD5"
        and re.fullmatch(r"[0-9A-Fa-f]{8}", fields["nc"], re.ASCII) is not None
        and 0 < len(fields["cnonce"]) <= 256
    )


def _same_resource(uri: str, target: str) -> bool:
    """Whether the answer was made for this request: phones differ in escapes, and in sending the whole URL."""
    try:
        return unquote_to_bytes(urlsplit(uri).path) == unquote_to_bytes(urlsplit(target).path)
    except ValueError:
        return False


def _decode_basic(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
