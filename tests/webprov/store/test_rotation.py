from datetime import timedelta

import pytest

from webprov.changes.settings import save_settings
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.models import Device, SettingsRecord, Tenant, utc_now
from webprov.store.rotation import KEPT_DAYS, PreviousLogin, devices_left, previous_logins, store_previous
from webprov.store.settings import load_settings

FIRST, SECOND = "first-secret-11", "second-secret-22"


@pytest.fixture
def saved(session):
    save_settings(session, {"http_user": "phones", "http_password": FIRST}, CONSOLE)
    with writing(session):
        store_previous(session, [])


def pairs(session):
    return [(login.kind, login.user, login.password) for login in previous_logins(session)]


def test_changed_credentials_are_kept_for_thirty_days(session, saved):
    save_settings(session, {"http_password": SECOND}, CONSOLE)

    (login,) = previous_logins(session)
    assert pairs(session) == [("http", "phones", FIRST)]
    assert login.version == load_settings(session).version
    assert timedelta(days=KEPT_DAYS - 1) < login.until - utc_now() <= timedelta(days=KEPT_DAYS)
    assert FIRST not in repr(login)


def test_other_changes_keep_them_and_add_none(session, saved):
    save_settings(session, {"http_password": SECOND}, CONSOLE)
    save_settings(session, {"ntp_server": "a.example"}, CONSOLE)

    assert pairs(session) == [("http", "phones", FIRST)]
    assert load_settings(session).http_password == SECOND


def test_credentials_that_come_back_are_no_previous_ones(session, saved):
    save_settings(session, {"http_password": SECOND}, CONSOLE)
    save_settings(session, {"http_password": FIRST}, CONSOLE)

    assert pairs(session) == [("http", "phones", SECOND)]


def test_they_are_encrypted_and_end_with_their_time(session, saved):
    save_settings(session, {"http_password": SECOND}, CONSOLE)
    session.commit()
    raw = session.connection().exec_driver_sql("SELECT plain, secret FROM settings").one()

    with writing(session):
        store_previous(session, [PreviousLogin("http", "u", "p" * 12, 1, utc_now() - timedelta(seconds=1))])

    assert FIRST not in str(raw)
    assert previous_logins(session) == []
    assert session.get_one(SettingsRecord, 1).version == load_settings(session).version


def test_a_device_has_moved_once_it_fetched_what_was_made_from_the_new_settings(session):
    login = PreviousLogin("http", "u", "p" * 12, 7, utc_now())
    tenant = Tenant(name="acme")
    states = [(6, 1, 1, True), (7, 2, 1, True), (7, 2, 2, True), (9, 2, 2, True), (1, 1, 0, False)]
    for number, (rendered, revision, fetched, enabled) in enumerate(states):
        session.add(
            Device(
                mac=f"805EC000000{number}",
                tenant=tenant,
                model="yealink-t54w",
                rendered_settings=rendered,
                revision=revision,
                fetched_revision=fetched,
                enabled=enabled,
            )
        )
    session.commit()

    assert devices_left(session, login) == 2
