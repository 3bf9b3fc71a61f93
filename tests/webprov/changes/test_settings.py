import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests.storage import SECRET_KEY
from webprov.changes.settings import probe_settings, save_settings
from webprov.errors import Conflict, InvalidInput
from webprov.rights import CONSOLE
from webprov.store.database import count_of
from webprov.store.models import ChangeRecord, PushRecord, SettingsRecord
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


def test_save_settings_tries_the_storage_and_stores_what_works(session, storage):
    saved = save_settings(session, storage.settings(s3_prefix="tried/"), CONSOLE)

    settings = load_settings(session)
    assert (saved.changed, saved.warnings) == (True, ())
    assert settings.s3_secret_key == SECRET_KEY
    assert SECRET_KEY not in str(session.query(ChangeRecord).one().fields)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("s3_bucket", "no-such-bucket", "s3_bucket"), ("s3_secret_key", "a-wrong-key", "s3_secret_key")],
)
def test_save_settings_stores_nothing_where_the_storage_refuses(session, storage, name, value, field):
    before = load_settings(session)

    with pytest.raises(InvalidInput) as caught:
        save_settings(session, {**storage.settings(), "ntp_server": "ntp.example", name: value}, CONSOLE)

    assert list(caught.value.errors) == [field]
    session.expire_all()
    assert load_settings(session) == before


def test_save_settings_leaves_an_unchanged_storage_alone(session, faults, storage):
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    tried = len(faults.seen)

    save_settings(session, {"ntp_server": "ntp.example"}, CONSOLE)

    assert tried == 2
    assert len(faults.seen) == tried


def test_save_settings_passes_warnings_on(session, faults, storage):
    faults.fails(403, "AccessDenied", method="DELETE")

    saved = save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)

    assert "could not be removed" in saved.warnings[0]
    assert load_settings(session).s3_endpoint == faults.endpoint


def test_save_settings_holds_no_lock_while_the_storage_is_tried(instance, session, faults, storage):
    """Somebody saves while another's storage is slow: the quick one is stored, the slow one is a conflict."""
    faults.silent = True
    typed = storage.settings(s3_endpoint=faults.endpoint)
    with ThreadPoolExecutor(1) as pool, instance.sessions() as slow:
        waiting = pool.submit(save_settings, slow, typed, CONSOLE)
        wait_until(lambda: faults.seen)

        save_settings(session, {"ntp_server": "quick.example"}, CONSOLE)
        faults.released.set()

        assert isinstance(waiting.exception(), Conflict)
    session.expire_all()
    assert load_settings(session).ntp_server == "quick.example"
    assert load_settings(session).s3_endpoint == ""


def wait_until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.025)
    raise AssertionError("it never came about")


def test_save_settings_forgets_what_was_pushed_elsewhere(session, faults, storage):
    session.add(PushRecord(path="a.cfg", key="a.cfg", sha256="0", state="ok"))
    session.commit()

    save_settings(session, {"ntp_server": "ntp.example"}, CONSOLE)
    kept = session.query(PushRecord).count()
    save_settings(session, storage.settings(), CONSOLE)

    assert (kept, session.query(PushRecord).count()) == (1, 0)


def test_save_settings_refuses_a_script_that_others_can_change(session, tmp_path):
    script = tmp_path / "push.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)
    typed = {"mode": "external", "external_server": "dms.example", "transport": "script", "script_path": str(script)}

    with pytest.raises(InvalidInput, match="can be changed by other users"):
        save_settings(session, typed, CONSOLE, script_dirs=[tmp_path])
    script.chmod(0o755)
    save_settings(session, typed, CONSOLE, script_dirs=[tmp_path])

    assert load_settings(session).script_path == str(script)


def test_probe_settings_stores_nothing(session, storage):
    assert probe_settings(session, storage.settings()) == ()
    with pytest.raises(InvalidInput, match="There is no bucket"):
        probe_settings(session, storage.settings(s3_bucket="no-such-bucket"))

    assert load_settings(session).version == 1
