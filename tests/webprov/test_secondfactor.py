"""The second factor: codes of an app, recovery codes, who has to have one (security UI-07)."""

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from webprov import secondfactor
from webprov.enums import Role
from webprov.errors import InvalidInput, InvalidValue, SignInRefused
from webprov.people import create_user
from webprov.rights import CONSOLE, Actor
from webprov.secondfactor import (
    address_for,
    is_required,
    new_secret,
    renew_recovery_codes,
    require_for,
    required_roles,
    turn_off,
    turn_on,
    verify_code,
)
from webprov.signin import TRIES_PER_ACCOUNT, verify_sign_in
from webprov.store.models import ChangeRecord, SignInFailure, User

GOOD, HERE, NOW = "seven quiet lamps", "10.0.0.1", 1_800_000_015


@pytest.fixture
def clock(monkeypatch):
    """The time that codes go by; moved by hand."""

    class Clock:
        now = NOW

    monkeypatch.setattr(secondfactor.time, "time", lambda: Clock.now)
    return Clock


@pytest.fixture
def noor(session, clock):
    return create_user(session, CONSOLE, name="Noor", password=GOOD, role=Role.SUPPORT)


@pytest.fixture
def app(session, noor):
    """Noor's app; the code that it shows at a time."""
    secret = new_secret()
    turn_on(session, CONSOLE, noor, secret, pyotp.TOTP(secret).at(NOW - 30))
    return pyotp.TOTP(secret).at


def refused(session, user, code):
    with pytest.raises(SignInRefused) as caught:
        verify_code(session, user, code, HERE)
    return str(caught.value)


def test_ui07_a_password_alone_is_not_enough_and_a_code_is_worth_one_sign_in(session, noor, app):
    user = verify_sign_in(session, "noor", GOOD, HERE)
    assert user.last_sign_in_at is None

    verify_code(session, user, f" {app(NOW)[:3]} {app(NOW)[3:]} ", HERE)

    assert user.last_sign_in_at is not None
    assert "does not fit" in refused(session, user, app(NOW))
    assert "does not fit" in refused(session, user, app(NOW - 30))
    actions = [one.action for one in session.query(ChangeRecord).order_by(ChangeRecord.id)]
    assert actions == ["create", "change", "sign in", "refuse sign in", "refuse sign in"]


@pytest.mark.parametrize(("seconds", "fits"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_clocks_may_differ_by_half_a_minute(session, noor, app, clock, seconds, fits):
    clock.now = NOW + 600

    if fits:
        verify_code(session, noor, app(NOW + 600 + seconds), HERE)
    else:
        refused(session, noor, app(NOW + 600 + seconds))


@pytest.mark.parametrize("code", ["", " ", "000000", "٣٤٥٦٧٨", "x" * 10_000, "-", "12345", "nul\0"])
def test_other_codes_are_refused(session, noor, app, code):
    assert "does not fit" in refused(session, noor, code)


def test_wrong_codes_shut_out_and_a_right_password_does_not_make_up_for_them(session, noor, app):
    for _ in range(TRIES_PER_ACCOUNT):
        refused(session, verify_sign_in(session, "noor", GOOD, HERE), "000000")

    assert "Wait 15 minutes" in refused(session, noor, app(NOW))
    with pytest.raises(SignInRefused, match="Wait 15 minutes"):
        verify_sign_in(session, "noor", GOOD, HERE)


def test_a_right_code_forgets_the_failures(session, noor, app):
    refused(session, noor, "000000")

    verify_code(session, noor, app(NOW), HERE)

    assert session.query(SignInFailure).count() == 0


def test_a_recovery_code_counts_once(session, noor, app):
    first = secondfactor._new_codes()[0]
    codes = renew_recovery_codes(session, CONSOLE, noor)

    assert "does not fit" in refused(session, noor, first)
    verify_code(session, noor, codes[3].upper().replace("-", " "), HERE)
    assert "does not fit" in refused(session, noor, codes[3])
    assert len(noor.recovery_codes) == 9
    assert len(set(codes)) == 10
    assert not any(code in str(noor.recovery_codes) for code in codes)


def test_the_same_code_at_the_same_moment_counts_once(instance, session, noor, app):
    session.commit()

    def enter(_: int) -> bool:
        with instance.sessions() as own:
            try:
                verify_code(own, own.get_one(User, noor.id), app(NOW), HERE)
            except SignInRefused:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(enter, range(4))) == [False, False, False, True]


def test_it_is_turned_on_only_by_a_code_of_that_secret(session, noor):
    for secret in (new_secret(), ""):
        with pytest.raises(InvalidInput) as caught:
            turn_on(session, CONSOLE, noor, secret, "123456")
        assert "does not fit" in caught.value.errors["code"]

    assert noor.totp_secret == ""


def test_apps_read_who_and_where():
    secret = new_secret()

    read = pyotp.parse_uri(address_for(secret, "Noor Çelik", "webprov a.example:8080"))

    assert (read.secret, read.name, read.issuer) == (secret, "Noor Çelik", "webprov a.example:8080")


def test_secret_and_codes_are_encrypted_or_hashed_and_sessions_end(session, noor, app):
    raw = session.connection().exec_driver_sql("SELECT * FROM users").one()

    assert noor.totp_secret not in str(raw)
    assert noor.session_version == 2
    turn_off(session, CONSOLE, noor)
    assert (noor.totp_secret, noor.recovery_codes, noor.session_version) == ("", [], 3)
    assert verify_sign_in(session, "noor", GOOD, HERE).last_sign_in_at is not None


def test_roles_that_have_to_have_one_cannot_turn_theirs_off(session, noor, app):
    require_for(session, CONSOLE, [Role.SUPPORT, Role.ADMINISTRATOR])

    with pytest.raises(InvalidValue, match="Your role has to have a second factor"):
        turn_off(session, Actor("Noor", Role.SUPPORT), noor)
    turn_off(session, Actor("Miriam", Role.ADMINISTRATOR), noor)

    assert noor.totp_secret == ""
    assert required_roles(session) == {Role.SUPPORT, Role.ADMINISTRATOR}
    assert not is_required(session, Role.TENANT_ADMINISTRATOR)
    record = session.query(ChangeRecord).filter_by(thing="second factor").one()
    assert record.fields == {"required for": ["", "administrator,support"]}
    require_for(session, CONSOLE, [])
    assert required_roles(session) == frozenset()
