"""Signing in: the check of name and password, its limits and its trail (security UI-06)."""

import hashlib
import ipaddress
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.enums import Role
from webprov.errors import SignInRefused
from webprov.passwords import hash_password, needs_rehash, password_fits
from webprov.people import find_user
from webprov.rights import Actor
from webprov.store.database import writing
from webprov.store.models import SignInFailure, User, utc_now

WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 5
TRIES_PER_SOURCE = 20

_REFUSED = "Name and password do not fit. Check both; capital letters count."
_TOO_MANY = "Too many failed sign-ins. Wait 15 minutes, then try again."


def verify_sign_in(session: Session, name: str, password: str, source: str) -> User:
    """The person whose name and password these are; `source` is the address they come from.

    They are in, unless they have a second factor: then `secondfactor.verify_code` lets them in. Raises SignInRefused:
    the same sentence for an unknown name, a wrong password and a disabled account, another one after 5 failures of an
    account or 20 of a source (IPv6 by /64) within 15 minutes.
    """
    user = check_credentials(session, name, password, source)
    with writing(session):
        if needs_rehash(user.password_hash):
            user.password_hash = hash_password(password)
        if not user.totp_secret:
            let_in(session, user, source)
    return user


def let_in(session: Session, user: User, source: str) -> None:
    """Note in the running transaction that `user` has signed in; their failed tries are forgotten."""
    session.execute(delete(SignInFailure).where(SignInFailure.user_name == user.name))
    user.last_sign_in_at = utc_now()
    record_change(session, actor_for(user, source), "sign in", "user", user.name)


def check_credentials(session: Session, name: str, password: str, source: str) -> User:
    """As `verify_sign_in`, for somebody who is in and types the password again before a delicate deed (UI-12)."""
    user = find_user(session, name)
    account = user.name if user else "?" + hashlib.sha256(name.encode()).hexdigest()[:16]
    attempt = reserve_attempt(session, account, source)
    fits = password_fits(password, user.password_hash if user else None)
    if not fits or user is None or user.disabled:
        record_refusal(session, user, source)
        raise SignInRefused(_REFUSED)
    with writing(session):
        if not user.totp_secret:  # else wrong codes would be forgotten
            session.execute(delete(SignInFailure).where(SignInFailure.user_name == account))
        session.execute(delete(SignInFailure).where(SignInFailure.id == attempt))
    return user


def sign_out(session: Session, user: User, source: str) -> None:
    """End every session of `user`, on all their machines (security UI-08)."""
    with writing(session):
        user.session_version += 1
        record_change(session, actor_for(user, source), "sign out", "user", user.name)


def actor_for(user: User, source: str) -> Actor:
    """`user` as the one behind a change."""
    return Actor(user.name, Role(user.role), user.tenant_id, source)


def reserve_attempt(session: Session, account: str, source: str) -> int:
    """Count this try as failed before it is checked, so that tries at the same moment cannot pass the limit; its id.

    Raises SignInRefused where there were too many.
    """
    since, source = utc_now() - WINDOW, _source_key(source)
    with writing(session):
        session.execute(delete(SignInFailure).where(SignInFailure.at < since))
        by_account = _count(session, SignInFailure.user_name == account)
        by_source = _count(session, SignInFailure.source == source)
        if by_account >= TRIES_PER_ACCOUNT or by_source >= TRIES_PER_SOURCE:
            raise SignInRefused(_TOO_MANY)
        attempt = SignInFailure(user_name=account, source=source)
        session.add(attempt)
        session.flush()
        return attempt.id


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(SignInFailure).where(which)) or 0


def record_refusal(session: Session, user: User | None, source: str) -> None:
    """The name is recorded only where such an account exists: people type passwords into the wrong field."""
    name = user.name if user else "unknown"
    with writing(session):
        record_change(session, Actor(name, Role.SUPPORT, address=source), "refuse sign in", "user", name)


def _source_key(source: str) -> str:
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:64]
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
