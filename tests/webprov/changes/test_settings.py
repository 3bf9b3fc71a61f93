import pytest
from sqlalchemy import select

from webprov.changes.settings import save_settings
from webprov.errors import Conflict, InvalidInput
from webprov.rights import CONSOLE
from webprov.store.database import count_of
from webprov.store.models import ChangeRecord, SettingsRecord
from webprov.store.settings import load_settings


def test_save_settings_stores_and_records_without_secrets(session):
    save_settings(session, {"ntp_server": "ntp.example", "http_password": "a-long-secret"}, CONSOLE)

    settings = load_settings(session)
    change = session.scalars(select(ChangeRecord)).one()
    assert (settings.ntp_server, settings.http_password, settings.version) == ("ntp.example", "a-long-secret", 2)
    assert change.fields == {"ntp_server": ["", "ntp.example"], "http_password": "changed"}
    assert count_of(session, "settings") == 2


def test_one_bad_field_stores_nothing(session):
    with pytest.raises(InvalidInput):
        save_settings(session, {"ntp_server": "ntp.example", "http_port": "0"}, CONSOLE)

    assert load_settings(session).ntp_server == ""
    assert session.scalars(select(ChangeRecord)).all() == []


def test_the_second_of_two_savers_is_told(session):
    save_settings(session, {"ntp_server": "one.example"}, CONSOLE, version=1)

    with pytest.raises(Conflict, match="Somebody else"):
        save_settings(session, {"ntp_server": "two.example"}, CONSOLE, version=1)

    assert load_settings(session).ntp_server == "one.example"


def test_saving_what_is_saved_changes_no_version(session):
    save_settings(session, {"http_port": "8081"}, CONSOLE)

    assert load_settings(session).version == 1


def test_secrets_are_encrypted_in_the_row(session):
    save_settings(session, {"http_password": "a-long-secret"}, CONSOLE)
    session.commit()

    raw = session.connection().exec_driver_sql("SELECT plain, secret FROM settings").one()
    assert "a-long-secret" not in str(raw)
    assert "a-long-secret" in session.scalars(select(SettingsRecord)).one().secret
