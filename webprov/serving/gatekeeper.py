"""Who may ask for files at all: networks, credentials, lockouts; one set of rules for every protocol (spec 8).

The order is fixed (security PH-03, PH-11): the network first, then the credentials, then what the source guessed, and
only then a name is looked up. Every refusal has a reason that only webprov's own people see.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from secrets import token_hex
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from webprov.enums import Protocol
from webprov.serving.credentials import Login, Nonces, Proof
from webprov.serving.guessing import Guesses, Kind
from webprov.serving.sources import Source, Sources
from webprov.store.instance import Instance
from webprov.store.rotation import previous_logins
from webprov.store.secrets import keyring
from webprov.store.settings import ProvisioningSettings, load_settings
from webprov.store.watch import CounterWatch


class Reason(StrEnum):
    """Why a request ended as it did; kept with its FetchRecord, never told to the asker."""

    DELIVERED = ""
    UNCHANGED = "unchanged"
    NETWORK = "network not allowed"
    NO_CREDENTIALS = "no credentials"
    WRONG_CREDENTIALS = "wrong credentials"
    STALE_NONCE = "nonce too old"
    LOCKED_OUT = "locked out"
    UNKNOWN_NAME = "unknown name"
    FILE_GONE = "file gone"
    OUTSIDE = "outside provisioning"
    METHOD = "method not allowed"


class Asker(NamedTuple):
    """Who asks: how, from where, and what it calls itself."""

    protocol: Protocol
    source: Source
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The saved settings, in the form in which each request needs them."""

    settings: ProvisioningSettings
    sources: Sources
    http_login: Login
    ftp_login: Login
    previous: tuple[tuple[str, Login, float], ...] = ()

    def outgoing(self, kind: str, now: float) -> list[Login]:
        """The sign-ins of `kind` (http, ftp) before the last change that are still good at `now` (PH-09)."""
        return [login for of, login, until in self.previous if of == kind and now < until]


class Gatekeeper:
    """Decides before any look-up. Settings that are saved hold from the next request on."""

    def __init__(self, instance: Instance, watch: CounterWatch, guesses: Guesses) -> None:
        self._instance = instance
        self._watch = watch
        self._guesses = guesses
        self.nonces = Nonces(keyring().session_key)
        self._version = -1
        self._rules = self._load()

    @property
    def rules(self) -> Rules:
        """The rules of the settings saved last."""
        version = self._watch.counts().get("settings", 0)
        if version != self._version:
            try:
                self._rules, self._version = self._load(), version
            except SQLAlchemyError:  # CounterWatch says so; the known rules hold
                return self._rules
        return self._rules

    def check_http(self, source: Source, header: str, method: str, target: str, now: float) -> Reason:
        """What an HTTP request may expect: DELIVERED (go on), or why not. `header` is its Authorization, "" = none."""
        rules = self.rules
        proof = rules.http_login.check(header, method, target, self.nonces, now)
        if proof is Proof.WRONG and rules.previous:
            tries = [login.check(header, method, target, self.nonces, now) for login in rules.outgoing("http", now)]
            proof = next((found for found in tries if found is not Proof.WRONG), proof)
        return self._judge(source, proof)

    def check_ftp(self, source: Source, user: str, password: str) -> Reason:
        """What an FTP login may expect: DELIVERED (go on), or why not."""
        logins = [self.rules.ftp_login, *self.rules.outgoing("ftp", time.time())]
        checked = [login.check_pair(user, password) for login in logins]  # each of them, whichever fits
        return self._judge(source, Proof.RIGHT if any(checked) else Proof.WRONG)

    def note_unknown(self, asker: Asker, mac: str) -> None:
        """Count that an asker with right credentials, or by TFTP, asked for a file of `mac`, which is no device."""
        kind = Kind.TFTP_NAMES if asker.protocol is Protocol.TFTP else Kind.NAMES
        self._guesses.note(asker.source.key, kind, mac)

    def guessed_names(self, asker: Asker) -> bool:
        """Whether the asker's source tried too many unknown MACs and gets nothing for now."""
        kind = Kind.TFTP_NAMES if asker.protocol is Protocol.TFTP else Kind.NAMES
        return self._guesses.is_out(asker.source.key, kind)

    def _judge(self, source: Source, proof: Proof) -> Reason:
        if proof is Proof.NONE:
            return Reason.NO_CREDENTIALS
        if self._guesses.is_out(source.key, Kind.CREDENTIALS):
            return Reason.LOCKED_OUT
        if proof is Proof.WRONG:
            self._guesses.note(source.key, Kind.CREDENTIALS, token_hex(4))
            return Reason.WRONG_CREDENTIALS
        return Reason.STALE_NONCE if proof is Proof.STALE else Reason.DELIVERED

    def _load(self) -> Rules:
        with self._instance.sessions() as session:
            settings = load_settings(session)
            previous = previous_logins(session)
        return Rules(
            settings=settings,
            sources=Sources(settings.phone_networks, self._instance.config.trusted_proxies),
            http_login=Login(settings.http_user, settings.http_password),
            ftp_login=Login(settings.ftp_user, settings.ftp_password),
            previous=tuple((old.kind, Login(old.user, old.password), old.until.timestamp()) for old in previous),
        )
