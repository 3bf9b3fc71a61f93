"""Ending the sign-ins that were good before the last change (spec 1, security PH-09)."""

from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.rights import SERVICE, Actor, Right
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.rotation import PreviousLogin, devices_left, previous_logins, store_previous
from webprov.worker import Duty

_REST_SECONDS = 60.0


def end_previous(session: Session, kind: str, by: Actor) -> int:
    """Let phones sign in with the present user and password of `kind` only, at once; how many sign-ins that ended."""
    by.check(Right.EDIT_SETTINGS)
    with writing(session):
        logins = previous_logins(session)
        kept = [login for login in logins if login.kind != kind]
        return _store(session, logins, kept, by)


def end_finished(session: Session) -> int:
    """Forget the previous sign-ins that no device needs any more or whose time is over; how many there were."""
    if not any(devices_left(session, login) == 0 for login in previous_logins(session)):
        return 0
    with writing(session):
        logins = previous_logins(session)
        return _store(session, logins, [login for login in logins if devices_left(session, login)], SERVICE)


def rotation_duty(_instance: Instance) -> Duty:
    """Each minute: end what every device has left behind."""

    def turn(session: Session, _lease: Lease) -> float:
        end_finished(session)
        return _REST_SECONDS

    return Duty("rotation", turn)


def _store(session: Session, before: list[PreviousLogin], kept: list[PreviousLogin], by: Actor) -> int:
    ended = len(before) - len(kept)
    if ended:
        store_previous(session, kept)
        bump(session, "settings")
        kinds = sorted({login.kind.upper() for login in before if login not in kept})
        record_change(session, by, "end", "previous sign-in", " and ".join(kinds))
    return ended
