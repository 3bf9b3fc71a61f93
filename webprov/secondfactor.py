"""The second factor of signing in: codes of an authenticator app (TOTP, RFC 6238) and recovery codes (security UI-07).

Each code counts once. Wrong ones count with wrong passwords, and no right password makes up for them.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable

import pyotp
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.enums import Role
from webprov.errors import InvalidInput, InvalidValue, SignInRefused
from webprov.rights import Actor
from webprov.signin import let_in, record_refusal, reserve_attempt
from webprov.store.database import writing
from webprov.store.models import InstanceFact, User

RECOVERY_CODES = 10
_STEP_SECONDS = 30
_REQUIRED = "second_factor_roles"
_WRONG = "This code does not fit. Type the one that the app shows now; the clock of the phone has to be right."


def new_secret() -> str:
    """A random secret for an app, in base32."""
    return pyotp.random_base32()


def address_for(secret: str, name: str, site: str) -> str:
    """The otpauth:// address that an app reads from a QR code; `site` is what it calls this webprov."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=site)


def turn_on(session: Session, by: Actor, user: User, secret: str, code: str) -> list[str]:
    """Ask `user` for codes of `secret` from now on; every session of theirs ends. The recovery codes, shown once.

    Raises InvalidInput (code) where `code` is not what an app with that secret shows now.
    """
    step = _step_of(secret, code) if secret else None
    if step is None:
        raise InvalidInput({"code": _WRONG})
    codes = _new_codes()
    with writing(session):
        user.totp_secret, user.totp_step, user.recovery_codes = secret, step, [_hash(code) for code in codes]
        user.session_version += 1
        record_change(session, by, "change", "user", user.name, fields={"second factor": ["off", "on"]})
    return codes


def turn_off(session: Session, by: Actor, user: User) -> None:
    """Ask `user` for the password alone again; every session of theirs ends.

    Raises InvalidValue where somebody does so for themselves and their role has to have one.
    """
    if by.name == user.name and is_required(session, user.role_kind):
        raise InvalidValue(
            "Your role has to have a second factor. For another phone, ask another administrator to turn yours off."
        )
    with writing(session):
        user.totp_secret, user.totp_step, user.recovery_codes = "", 0, []
        user.session_version += 1
        record_change(session, by, "change", "user", user.name, fields={"second factor": ["on", "off"]})


def renew_recovery_codes(session: Session, by: Actor, user: User) -> list[str]:
    """Other recovery codes, shown once; those until now are worth nothing."""
    codes = _new_codes()
    with writing(session):
        user.recovery_codes = [_hash(code) for code in codes]
        record_change(session, by, "change", "user", user.name, fields={"recovery codes": CHANGED})
    return codes


def verify_code(session: Session, user: User, code: str, source: str) -> None:
    """Let in `user`, whose password did fit, by a code of the app or a recovery code; raises SignInRefused as
    `signin.verify_sign_in` does, by the same counts."""
    reserve_attempt(session, user.name, source)
    with writing(session):
        session.refresh(user, with_for_update=True)  # the same code twice at once
        fits = _use(user, code)
        if fits:
            let_in(session, user, source)
    if not fits:
        record_refusal(session, user, source)
        raise SignInRefused(_WRONG)


def is_required(session: Session, role: Role) -> bool:
    """Whether people of that role have to have a second factor."""
    return role in required_roles(session)


def required_roles(session: Session) -> frozenset[Role]:
    """The roles that have to have a second factor."""
    fact = session.get(InstanceFact, _REQUIRED)
    return frozenset(Role(name) for name in fact.value.split(",")) if fact and fact.value else frozenset()


def require_for(session: Session, by: Actor, roles: Iterable[Role]) -> None:
    """Let people of these roles, and no others, do nothing before they have set up a second factor."""
    before, after = (",".join(sorted(some)) for some in (required_roles(session), frozenset(roles)))
    if before == after:
        return
    with writing(session):
        session.merge(InstanceFact(name=_REQUIRED, value=after))
        record_change(session, by, "change", "second factor", "for all", fields={"required for": [before, after]})


def _use(user: User, code: str) -> bool:
    """Whether `code` lets `user` in; it does not a second time."""
    step = _step_of(user.totp_secret, code)
    if step is not None:
        is_new = step > user.totp_step
        user.totp_step = max(step, user.totp_step)
        return is_new
    hashed = _hash(code)
    left = [one for one in user.recovery_codes if not hmac.compare_digest(one, hashed)]
    was_there = len(left) < len(user.recovery_codes)
    user.recovery_codes = left
    return was_there


def _step_of(secret: str, code: str) -> int | None:
    """The time step that `code` belongs to: now, the one before or the one after; None: to none of them."""
    now, typed = int(time.time()) // _STEP_SECONDS, "".join(code.split())
    app = pyotp.TOTP(secret)
    fitting = [step for step in (now - 1, now, now + 1) if pyotp.utils.strings_equal(app.generate_otp(step), typed)]
    return max(fitting, default=None)


def _new_codes() -> list[str]:
    """80 random bits each, in groups that can be read out."""
    texts = (secrets.token_hex(10) for _ in range(RECOVERY_CODES))
    return ["-".join(text[start : start + 5] for start in range(0, 20, 5)) for text in texts]


def _hash(code: str) -> str:
    """As random as they are, recovery codes need no slow hash."""
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(plain.encode()).hexdigest()
