"""Sign-in, its limits and its trail (security UI-06, UI-11)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from webprov import signin
from webprov.enums import Role
from webprov.errors import SignInRefused
from webprov.people import create_user, set_disabled, set_password
from webprov.rights import CONSOLE
from webprov.signin import TRIES_PER_ACCOUNT, TRIES_PER_SOURCE, sign_out, verify_sign_in
from webprov.store.models import ChangeRecord, SignInFailure, utc_now

GOOD = "seven quiet lamps"
HERE = "10.0.0.1"


@pytest.fixture
def noor(session):
    return create_user(session, CONSOLE, name="Noor", password=GOOD, role=Role.ADMINISTRATOR)


def refused(session, name="Noor", password="wrong", source=HERE):
    with pytest.raises(SignInRefused) as caught:
        verify_sign_in(session, name, password, source)
    return str(caught.value)


def test_sign_in_finds_the_person_and_is_recorded(session, noor):
    user = verify_sign_in(session, "noor", GOOD, HERE)

    record = session.query(ChangeRecord).order_by(ChangeRecord.id.desc()).first()
    assert user.id == noor.id
    assert user.last_sign_in_at is not None
    assert (record.action, record.user_name, record.address) == ("sign in", "Noor", HERE)
    assert session.query(SignInFailure).count() == 0


def test_refusals_do_not_tell_which_account_exists(session, noor):
    create_user(session, CONSOLE, name="Kim", password=GOOD, role=Role.SUPPORT)
    disabled = create_user(session, CONSOLE, name="Sam", password=GOOD, role=Role.SUPPORT)
    set_disabled(session, CONSOLE, disabled, True)

    sentences = {refused(session), refused(session, "nobody", GOOD), refused(session, "Sam", GOOD)}

    assert len(sentences) == 1


def test_five_failures_block_an_account_from_everywhere(session, noor):
    for number in range(TRIES_PER_ACCOUNT):
        assert "do not fit" in refused(session, source=f"10.0.1.{number}")

    assert "Too many" in refused(session, password=GOOD, source="10.9.9.9")
    assert "Too many" in refused(session, "NOOR", GOOD)


def test_unknown_accounts_are_blocked_alike(session):
    sentences = [refused(session, "nobody", source=f"10.0.1.{n}") for n in range(TRIES_PER_ACCOUNT + 1)]

    assert "Too many" in sentences[-1]
    assert len(set(sentences[:-1])) == 1


def test_twenty_failures_block_a_source(session, noor):
    for number in range(TRIES_PER_SOURCE):
        refused(session, f"guess {number}", source=f"2001:db8:1:2::{number:x}")

    assert "Too many" in refused(session, password=GOOD, source="2001:db8:1:2:ffff::1")
    assert verify_sign_in(session, "Noor", GOOD, "2001:db8:1:3::1").name == "Noor"


def test_a_block_ends_after_15_minutes(session, noor):
    for _ in range(TRIES_PER_ACCOUNT):
        refused(session)
    for failure in session.query(SignInFailure):
        failure.at = utc_now() - signin.WINDOW - timedelta(seconds=1)
    session.commit()

    assert verify_sign_in(session, "Noor", GOOD, HERE).name == "Noor"


def test_success_forgets_the_failures_of_the_account(session, noor):
    for _ in range(TRIES_PER_ACCOUNT - 1):
        refused(session)
    verify_sign_in(session, "Noor", GOOD, HERE)

    assert "do not fit" in refused(session)


def test_a_new_password_lifts_the_block(session, noor):
    for _ in range(TRIES_PER_ACCOUNT):
        refused(session)

    set_password(session, CONSOLE, noor, "nine loud kettles")

    assert verify_sign_in(session, "Noor", "nine loud kettles", HERE).name == "Noor"


def test_tries_at_the_same_moment_do_not_pass_the_limit(instance, noor):
    def attempt(number):
        with instance.sessions() as session:
            return refused(session, password=f"guess {number}", source=f"10.0.2.{number}")

    with ThreadPoolExecutor(8) as pool:
        sentences = list(pool.map(attempt, range(16)))

    assert sum("do not fit" in sentence for sentence in sentences) == TRIES_PER_ACCOUNT


def test_what_is_typed_as_a_name_is_kept_nowhere(session, noor):
    refused(session, "my secret password 1")

    assert "secret" not in str([(f.user_name, f.source) for f in session.query(SignInFailure)])
    assert "secret" not in str([(r.user_name, r.name, r.fields) for r in session.query(ChangeRecord)])
    assert session.query(ChangeRecord).order_by(ChangeRecord.id.desc()).first().action == "refuse sign in"


def test_sign_out_ends_every_session(session, noor):
    before = noor.session_version

    sign_out(session, noor, HERE)

    assert noor.session_version == before + 1


def test_old_hashes_are_renewed(session, noor):
    noor.password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    session.commit()

    verify_sign_in(session, "Noor", GOOD, HERE)

    assert "m=19456" in noor.password_hash
