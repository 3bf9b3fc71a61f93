import stat

import pytest
from sqlalchemy import LargeBinary, Text, select, type_coerce

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.postgresql import fresh_postgresql
from webprov import importfiles
from webprov.audit import CHANGED
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.config import load_config
from webprov.deviceinput import parse_device
from webprov.errors import KeyFileError, NotFound, StorageError
from webprov.keyrotation import rotate_key
from webprov.provisioning import provision_device
from webprov.revisions import files_of_revision
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.importrecords import ImportRecord
from webprov.store.instance import open_instance
from webprov.store.jobrecords import JobRecord
from webprov.store.models import Base, ChangeRecord, CustomVariable, Device, Tenant, TenantOverride, User
from webprov.store.secrets import Keyring, Sealed, Secret, keyring, read_keys
from webprov.store.settings import load_settings
from webprov.store.templaterecords import TemplateVersion

CSV = b"mac,line1_password\n805EC0000009,R=#*2cN-D39A\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request, tmp_path):
    small_config(tmp_path)
    env = {
        "WEBPROV_INSTANCE": str(tmp_path / "instance"),
        "WEBPROV_MODELS_DIR": str(tmp_path / "models.d"),
        "WEBPROV_TEMPLATES_DIR": str(tmp_path / "phone_templates"),
    }
    if request.param == "sqlite":
        yield load_config(env)
    else:
        with fresh_postgresql() as url:
            yield load_config({**env, "WEBPROV_DATABASE_URL": url})


@pytest.fixture
def filled(session, config):
    """Something in every column that is encrypted, and a file that waits to be imported; its name."""
    make_tenant(session)
    save_settings(session, {"http_user": "phones", "http_password": "first-secret-11"}, CONSOLE)
    site = SiteLoader(config).load(session)
    make_device(session, site, override="x = 1")
    for label in ("one", "two"):
        change_device(session, site, MAC, parse_device({"mac": MAC, "label": label}), CONSOLE)
        assert provision_device(session, site, MAC).error == ""
    tenant_id = session.scalars(select(Tenant.id)).one()
    with writing(session):
        device = session.scalars(select(Device)).one()
        device.admin_password, device.prov_password, device.previous_password = "admin-1", "own-2", "former-3"
        session.add(User(name="x", password_hash="x", role="support", totp_secret="ABCDEFGH"))
        session.add(TenantOverride(tenant_id=tenant_id, model="test-desk", text="y = 2"))
        session.add(TemplateVersion(tenant="", name="a", text="z = 3", replaced_by="x"))
        session.add_all(CustomVariable(name=f"PIN{n}", value=f"{n:04}", secret=True) for n in range(1_200))
        job = JobRecord(kind="import devices", title="x.csv", state="done", asked_by="x", fingerprint="x", total=1)
        session.add(job)
        session.flush()
        name = importfiles.keep(config, CSV)
        session.add(ImportRecord(job_id=job.id, file=name, is_trial=True, problems="[]"))
    return name


def stored(session):
    """What is encrypted, as it is stored, by column and in order."""
    session.commit()  # what others stored since
    found = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Secret | Sealed):
                raw = type_coerce(column, LargeBinary if isinstance(column.type, Sealed) else Text)
                values = session.scalars(select(raw).order_by(*table.primary_key))
                found[str(column)] = [value for value in values if value]
    return found


def opened(ring, values):
    return {
        name: [ring.decrypt(value) if isinstance(value, str) else ring.unseal(value) for value in tokens]
        for name, tokens in values.items()
    }


def test_se01_a_new_key_opens_everything_and_the_former_one_nothing(session, instance, config, filled):
    path, before = config.key_file, stored(session)
    former = keyring()
    files = files_of_revision(session, session.scalars(select(Device.id)).one(), 1)

    done = rotate_key(instance)

    after, (key,) = stored(session), read_keys(path)
    assert all(before.values())
    assert opened(Keyring([key]), after) == opened(former, before)
    assert done.secrets == sum(map(len, after.values())) + 2  # the check of the key, the file
    for value in (value for values in after.values() for value in values):
        with pytest.raises(KeyFileError):
            former.decrypt(value) if isinstance(value, str) else former.unseal(value)
    assert opened(Keyring(read_keys(done.former)), before) == opened(former, before)
    kept = path, done.former, config.imports_dir / filled
    assert [stat.S_IMODE(one.stat().st_mode) for one in kept] == [0o600] * 3
    again = open_instance(config)
    with again.sessions() as session:
        assert load_settings(session).http_password == "first-secret-11"
        assert files_of_revision(session, session.scalars(select(Device.id)).one(), 1) == files
        assert importfiles.opened(config, filled) == CSV
        change = session.scalars(select(ChangeRecord).order_by(ChangeRecord.id.desc())).first()
        assert (change.action, change.thing, change.fields) == ("change", "key", {"secret.key": CHANGED})
    again.close()


def test_a_rotation_that_broke_off_loses_nothing_and_the_next_one_ends_it(
    session, instance, config, filled, monkeypatch
):
    before = opened(keyring(), stored(session))
    with monkeypatch.context() as patched:
        patched.setattr(importfiles, "renew", lambda _config: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(StorageError, match=r"secret\.key cannot be written: No space left"):
            rotate_key(instance)

    again = open_instance(config)
    with again.sessions() as session:
        assert opened(keyring(), stored(session)) == before
        assert importfiles.opened(config, filled) == CSV
        rotate_key(again)
        assert opened(Keyring(read_keys(config.key_file)), stored(session)) == before
    assert len(read_keys(config.key_file)) == 1
    again.close()


def test_every_former_key_is_kept(instance, config, filled):
    first = read_keys(config.key_file)
    rotate_key(instance)
    second = read_keys(config.key_file)

    done = rotate_key(instance)

    assert read_keys(done.former) == [*second, *first]


def test_a_secret_that_no_key_opens_stops_it(session, instance, config, filled):
    key = read_keys(config.key_file)
    with writing(session):
        session.connection().exec_driver_sql("UPDATE tenant_overrides SET text = 'not a token'")

    with pytest.raises(KeyFileError, match=r"tenant_overrides\.text"):
        rotate_key(instance)

    assert read_keys(config.key_file)[1:] == key
    open_instance(config).close()


def test_a_damaged_file_that_waits_to_be_imported_does_not_stop_it(instance, config, filled):
    (config.imports_dir / filled).write_bytes(b"?" * 40)

    rotate_key(instance)

    with pytest.raises(NotFound):
        importfiles.opened(config, filled)
