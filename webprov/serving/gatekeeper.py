"""Who may ask for files at all: networks, credentials, lockouts; one set of rules for every protocol (spec 8).

The order is fixed (security PH-03, PH-11): the network first, then certificate or credentials, then what the source
guessed, and only then a name is looked up. Every refusal has a reason that only webprov's own people see.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from secrets import token_hex

from sqlalchemy.exc import SQLAlchemyError

from webprov.enums import Protocol
from webprov.serving.askers import Asker, Identity, Proven, Reason, Verdict
from webprov.serving.clientcertificates import ClientCertificate
from webprov.serving.credentials import Login, Nonces, Proof, user_of
from webprov.serving.devicelogins import DeviceLogin, DeviceLogins
from webprov.serving.guessing import Guesses, Kind
from webprov.serving.index import FileIndex
from webprov.serving.sources import Source, Sources
from webprov.store.instance import Instance
from webprov.store.rotation import previous_logins
from webprov.store.secrets import keyring
from webprov.store.settings import ProvisioningSettings, load_settings
from webprov.store.watch import CounterWatch

_SHARED = Verdict(Reason.DELIVERED, Identity(Proven.SHARED))


@dataclass(frozen=True, slots=True)
class Rules:
    """The saved settings, in the form in which each request needs them."""

    settings: ProvisioningSettings
    sources: Sources
    tftp_sources: Sources
    http_login: Login
    ftp_login: Login
    previous: tuple[tuple[str, Login, float], ...] = ()

    def outgoing(self, kind: str, now: float) -> list[Login]:
        """The sign-ins of `kind` (http, ftp) before the last change that are still good at `now` (PH-09)."""
        return [login for of, login, until in self.previous if of == kind and now < until]


class Gatekeeper:
    """Decides before any look-up. Settings that are saved hold from the next request on."""

    def __init__(self, instance: Instance, watch: CounterWatch, guesses: Guesses, index: FileIndex) -> None:
        self._instance = instance
        self._watch = watch
        self._guesses = guesses
        self._index = index
        self._logins = DeviceLogins(instance.engine, watch)
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

    def source(self, protocol: Protocol, peer: str, forwarded_for: str = "") -> Source:
        """Where a request by `protocol` from `peer` comes from, and whether phones may be there. `forwarded_for`: an
        X-Forwarded-For header, believed from trusted proxies."""
        rules = self.rules
        sources = rules.tftp_sources if protocol is Protocol.TFTP else rules.sources
        return sources.source(sources.behind(peer, forwarded_for) if forwarded_for else peer)

    @property
    def asks_for_certificates(self) -> bool:
        """Whether a client certificate counts for anything."""
        return self._rules.settings.client_certificates != "off"

    def is_proxy(self, peer: str) -> bool:
        """Whether `peer` is a trusted proxy, whose headers are believed."""
        return self.rules.sources.is_proxy(peer)

    def check_http(
        self,
        source: Source,
        header: str,
        method: str,
        target: str,
        now: float,
        certificate: ClientCertificate | None = None,
    ) -> Verdict:
        """What an HTTP request may expect. `header` is its Authorization, "" = none; `target` as it was sent;
        `certificate`: None where the request did not come by TLS."""
        if not source.allowed:
            return Verdict(Reason.NETWORK)
        rules = self._rules  # `source` has just looked whether they are the latest
        if certificate is not None and rules.settings.client_certificates != "off":
            verdict = self._judge_certificate(certificate, required=rules.settings.client_certificates == "required")
            if verdict:
                return verdict

        def check(login: Login) -> Proof:
            return login.check(header, method, target, self.nonces, now)

        proof = check(rules.http_login)
        if proof is Proof.WRONG and rules.previous:
            proof = _best(proof, (check(login) for login in rules.outgoing("http", now)))
        if proof is not Proof.WRONG:
            return self._judge(source, proof)
        return self._judge_device(source, user_of(header), check)

    def check_ftp(self, source: Source, user: str, password: str) -> Verdict:
        """What an FTP or FTPS sign-in may expect."""
        if not source.allowed:
            return Verdict(Reason.NETWORK)

        def check(login: Login) -> Proof:
            return Proof.RIGHT if login.check_pair(user, password) else Proof.WRONG

        tries = [check(login) for login in [self.rules.ftp_login, *self.rules.outgoing("ftp", time.time())]]
        if Proof.RIGHT in tries:  # each was tried, whichever fits
            return self._judge(source, Proof.RIGHT)
        return self._judge_device(source, user, check)

    def check_tftp(self, source: Source) -> Verdict:
        """What a TFTP request may expect: it proves nothing, so only its network is judged."""
        return Verdict(Reason.DELIVERED if source.allowed else Reason.NETWORK)

    def note_unknown(self, asker: Asker, mac: str) -> None:
        """Count that an asker with right credentials, or by TFTP, asked for a file of `mac`, which is no device."""
        if asker.identity.proven is not Proven.DEVICE and not asker.source.exempt:
            self._guesses.note(asker.source.key, _names(asker), mac)

    def guessed_names(self, asker: Asker) -> bool:
        """Whether the asker's source tried too many unknown MACs and gets nothing for now; one that proved to be a
        device is served all the same (PH-01)."""
        if asker.identity.proven is Proven.DEVICE or asker.source.exempt:
            return False
        return self._guesses.is_out(asker.source.key, _names(asker))

    def _judge_certificate(self, certificate: ClientCertificate, *, required: bool) -> Verdict | None:
        """A certificate of one of our devices is proof enough; None: the credentials decide."""
        for mac in certificate.macs:
            device = self._index.device(mac)
            if device:
                return Verdict(Reason.DELIVERED, Identity(Proven.DEVICE, device.id))
        if not required:
            return None
        return Verdict(Reason.FOREIGN_CERTIFICATE if certificate.names else Reason.NO_CERTIFICATE)

    def _judge_device(self, source: Source, user: str, check: Callable[[Login], Proof]) -> Verdict:
        """The shared sign-in does not fit; maybe one of a device does. Its tries count per account as well (PH-04)."""
        wanted = self.rules.settings.device_credentials
        logins = [login for login in self._logins.of(user) if wanted or login.settled] if user else []
        fitting = [(login, proof) for login in logins if (proof := check(login.login)) is not Proof.WRONG]
        if not fitting:
            if logins and not source.exempt:
                self._guesses.note(_account(logins[0]), Kind.ACCOUNT, token_hex(4))
            return self._judge(source, Proof.WRONG)
        login, proof = fitting[0]
        if source.address != login.address and self._guesses.is_out(_account(login), Kind.ACCOUNT):
            return Verdict(Reason.LOCKED_OUT)
        if proof is Proof.STALE:
            return Verdict(Reason.STALE_NONCE)
        return Verdict(
            Reason.DELIVERED, Identity(Proven.DEVICE, login.device_id, fresh=login.current and not login.settled)
        )

    def _judge(self, source: Source, proof: Proof) -> Verdict:
        if proof is Proof.NONE:
            return Verdict(Reason.NO_CREDENTIALS)
        if not source.exempt and self._guesses.is_out(source.key, Kind.CREDENTIALS):
            return Verdict(Reason.LOCKED_OUT)
        if proof is Proof.WRONG:
            if not source.exempt:
                self._guesses.note(source.key, Kind.CREDENTIALS, token_hex(4))
            return Verdict(Reason.WRONG_CREDENTIALS)
        return Verdict(Reason.STALE_NONCE) if proof is Proof.STALE else _SHARED

    def _load(self) -> Rules:
        with self._instance.sessions() as session:
            settings = load_settings(session)
            previous = previous_logins(session)
        return Rules(
            settings=settings,
            sources=self._sources(settings, None),
            tftp_sources=self._sources(settings, settings.tftp_networks),
            http_login=Login(settings.http_user, settings.http_password),
            ftp_login=Login(settings.ftp_user, settings.ftp_password),
            previous=tuple((old.kind, Login(old.user, old.password), old.until.timestamp()) for old in previous),
        )

    def _sources(self, settings: ProvisioningSettings, only: str | None) -> Sources:
        return Sources(
            settings.phone_networks,
            self._instance.config.trusted_proxies,
            exempt=settings.exempt_networks,
            only=only,
        )


def _best(proof: Proof, tries: Iterable[Proof]) -> Proof:
    return next((found for found in tries if found is not Proof.WRONG), proof)


def _names(asker: Asker) -> Kind:
    return Kind.TFTP_NAMES if asker.protocol is Protocol.TFTP else Kind.NAMES


def _account(login: DeviceLogin) -> str:
    """What wrong passwords for a device's own user count for, beside their source."""
    return f"device {login.device_id}"
