import errno
import logging
import multiprocessing
import os
import re
import threading
import zlib

import pytest
from sqlalchemy import select

from tests.factories import MAC, TEMPLATES, make_device, make_tenant, small_config
from tests.properties import LONG
from webprov.changes.devices import change_device, delete_devices
from webprov.changes.settings import save_settings
from webprov.changes.variables import VariableScope, set_variables
from webprov.config import load_config
from webprov.deviceinput import parse_device
from webprov.enums import FileState
from webprov.fleet import state_of
from webprov.provisioning import provision_device, provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.instance import open_instance
from webprov.store.models import Device, RenderedFileRecord, utc_now
from webprov.store.windowrecords import DeviceWindow, closing_time

MAC_2 = "805EC0000002"
ROUNDS = 200 if LONG else 5


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    """Loads a Site for this moment; catalogue and templates are those of the small fleet."""
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    make_tenant(session)
    return make_device(session, load())


def on_disk(config):
    root = config.provisioning_dir
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def change(session, load, mac=MAC, **flat):
    return change_device(session, load(), mac, parse_device({"mac": mac, **flat}), CONSOLE)


def test_provision_device_writes_own_and_shared_files(config, session, load, device):
    result = provision_device(session, load(), MAC)

    assert result.error == ""
    assert result.written == ("805ec0000001.cfg", "805ec0000001-info.xml")  # what the phone asks for first comes last
    files = on_disk(config)
    assert sorted(files) == ["805ec0000001-info.xml", "805ec0000001.cfg", "common.cfg"]
    assert "account.1.password = R=#*2cN-D39A\n" in files["805ec0000001.cfg"]
    assert state_of(session, load(), session.get(Device, device.id)) is FileState.CURRENT


def test_tp08_provision_device_again_writes_nothing(config, session, load, device):
    provision_device(session, load(), MAC)
    times = {path: path.stat().st_mtime_ns for path in config.provisioning_dir.rglob("*")}
    revision = session.scalar(select(Device.revision))

    again = provision_device(session, load(), MAC)

    assert again.written == ()
    assert session.scalar(select(Device.revision)) == revision == 1
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_ph06_changed_files_open_the_window_and_unchanged_ones_do_not(session, load, device):
    provision_device(session, load(), MAC)
    number = session.scalar(select(Device.id))
    with writing(session):
        session.add(DeviceWindow(device_id=number, closes_at=utc_now()))

    provision_device(session, load(), MAC)
    unchanged = closing_time(session, number)
    change(session, load, line1_display_name="Another Name")
    provision_device(session, load(), MAC)

    assert unchanged is not None
    assert closing_time(session, number) is None


def test_masked_twins_hold_no_secret(session, load, device):
    change(session, load, override="vpn.key = hunter2hunter2")
    provision_device(session, load(), MAC)

    texts = [zlib.decompress(row).decode() for row in session.scalars(select(RenderedFileRecord.masked))]
    secrets = [device.admin_password, "R=#*2cN-D39A", "hunter2", load().settings.http_password]
    assert len(texts) == 3
    assert [secret for secret in secrets for text in texts if secret in text] == []


@pytest.mark.parametrize(
    "what",
    [
        lambda session, load: change(session, load, label="Desk 2"),
        lambda session, load: change(session, load, line2_userid="1001"),
        lambda session, load: change(session, load, var_SYSLOG_HOST="log.example"),
        lambda session, load: save_settings(session, {"ntp_server": "ntp.example"}, CONSOLE),
    ],
)
def test_every_change_makes_the_device_stale(session, load, device, what):
    provision_device(session, load(), MAC)

    what(session, load)

    assert state_of(session, load(), session.get(Device, device.id)) is FileState.STALE
    provision_device(session, load(), MAC)
    assert state_of(session, load(), session.get(Device, device.id)) is FileState.CURRENT


def test_an_edited_template_makes_the_device_stale(config, session, load, device):
    provision_device(session, load(), MAC)

    path = config.templates_dir / "test" / "line.cfg"
    path.write_text(TEMPLATES["line.cfg"] + "account.${LINE}.label = ${LABEL}\n")

    assert state_of(session, load(), session.get(Device, device.id)) is FileState.STALE


@pytest.mark.parametrize(
    ("template", "text", "sentence"),
    [
        ("phone.cfg", "## format: keyvalue\nx = ${NO_SUCH_NAME}\n", "NO_SUCH_NAME"),
        ("info.xml", "## format: xml\n<a><b></a>\n", "info.xml"),
        ("common.cfg", "## format: keyvalue\nx = ${LABEL}\n", "LABEL"),
        ("line.cfg", "## format: keyvalue\n<% import os %>\n", "line.cfg"),
    ],
)
def test_any_error_keeps_every_old_file(config, session, load, device, template, text, sentence, caplog):
    provision_device(session, load(), MAC)
    before = on_disk(config)
    change(session, load, label="New label")
    (config.templates_dir / "test" / template).write_text(text)

    with caplog.at_level(logging.WARNING):
        result = provision_device(session, load(), MAC)

    assert sentence in result.error
    assert on_disk(config) == before
    row = session.get(Device, device.id)
    assert row.provision_error == result.error
    assert state_of(session, load(), row) is FileState.FAILED
    assert "R=#*2cN-D39A" not in caplog.text


@pytest.mark.parametrize("call", ["open", "fsync", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_fs07_a_disk_that_refuses_is_an_error_of_the_device(config, session, load, device, monkeypatch, call, number):
    provision_device(session, load(), MAC)
    before = on_disk(config)
    change(session, load, label="New label")
    site, real = load(), getattr(os, call)

    def refusing(path, flags=os.O_WRONLY, *arguments, **options):
        if call != "open" or flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, call, refusing)
    result = provision_device(session, site, MAC)
    monkeypatch.undo()

    assert os.strerror(number).lower() in result.error
    assert on_disk(config) == before
    recorded = session.get(Device, device.id)
    assert (recorded.provision_error, recorded.disk_refused) == (result.error, True)
    assert provision_device(session, load(), MAC).error == ""
    assert not session.get(Device, device.id, populate_existing=True).disk_refused
    assert "label = New label\n" in on_disk(config)["805ec0000001.cfg"]


def test_names_that_are_no_longer_produced_go(config, session, load, device):
    provision_device(session, load(), MAC)

    change_device(session, load(), MAC, parse_device({"mac": MAC_2}), CONSOLE)
    result = provision_device(session, load(), MAC_2)

    assert sorted(result.removed) == ["805ec0000001-info.xml", "805ec0000001.cfg"]
    assert sorted(on_disk(config)) == ["805ec0000002-info.xml", "805ec0000002.cfg", "common.cfg"]


def test_external_mode_moves_files_below_the_model_segment(config, session, load, device):
    provision_device(session, load(), MAC)
    save_settings(session, {"mode": "external", "external_server": "dms.example"}, CONSOLE)

    provision_device(session, load(), MAC)

    names = ["test-desk/805ec0000001-info.xml", "test-desk/805ec0000001.cfg", "test-desk/common.cfg"]
    assert sorted(on_disk(config)) == names
    assert {row.path for row in session.scalars(select(RenderedFileRecord))} == {name.split("/")[1] for name in names}


def test_a_missing_model_keeps_the_files(config, session, load, device):
    provision_device(session, load(), MAC)
    before = on_disk(config)
    path = config.models_dir / "test.ini"
    path.write_text(path.read_text().replace("[test-desk]", "[test-other]"))

    result = provision_device(session, load(), MAC)

    assert "missing" in result.error
    assert on_disk(config) == before
    assert state_of(session, load(), session.get(Device, device.id)) is FileState.MODEL_MISSING


def test_disabled_devices_lose_their_files_and_get_none(config, session, load, device):
    provision_device(session, load(), MAC)

    change(session, load, enabled="off")

    assert on_disk(config) == {}
    provision_device(session, load(), MAC)
    assert on_disk(config) == {}
    assert session.scalars(select(RenderedFileRecord)).all() == []
    assert state_of(session, load(), session.get(Device, device.id)) is FileState.DISABLED


def test_shared_files_go_with_the_last_device_that_needs_them(config, session, load, device):
    make_device(session, load(), MAC_2)
    provision_devices(session, load(), list(session.scalars(select(Device.id))))

    delete_devices(session, load(), [MAC], CONSOLE)
    assert sorted(on_disk(config)) == ["805ec0000002-info.xml", "805ec0000002.cfg", "common.cfg"]
    delete_devices(session, load(), [MAC_2], CONSOLE)

    assert on_disk(config) == {}


def test_one_bad_device_does_not_stop_the_others(config, session, load, device):
    make_device(session, load(), MAC_2, model="test-lobby")
    path = config.models_dir / "test.ini"
    path.write_text(path.read_text().replace("[test-lobby]", "[test-other]"))

    results = provision_devices(session, load(), list(session.scalars(select(Device.id))))

    assert [bool(result.error) for result in results] == [False, True]
    assert "805ec0000001.cfg" in on_disk(config)


def test_tp06_an_undefined_variable_fails_its_device_alone_and_leaves_no_half_file(config, session, load, device):
    make_tenant(session, "globex")
    make_device(session, load(), MAC_2, tenant="globex")
    folder = config.user_provisioning_dir / "globex" / "test"
    folder.mkdir(parents=True)
    (folder / "phone.cfg").write_text("## format: keyvalue\na = ${MAC}\nb = ${NOPE}\n")

    results = provision_devices(session, load(), list(session.scalars(select(Device.id).order_by(Device.mac))))

    assert results[0].error == ""
    assert "NOPE" in results[1].error
    assert sorted(on_disk(config)) == ["805ec0000001-info.xml", "805ec0000001.cfg", "common.cfg"]


def test_two_devices_never_share_a_name(config, session, load, device):
    templates = config.models_dir / "test.ini"
    templates.write_text(templates.read_text().replace("${mac}-info.xml", "info-${TENANT}.xml"))
    make_device(session, load(), MAC_2)

    results = provision_devices(session, load(), list(session.scalars(select(Device.id))))

    assert [bool(result.error) for result in results] == [False, True]
    assert "another" in results[1].error


def test_fs05_provisions_at_once_by_two_processes_end_in_the_newest_saved_state(config, session, load, device):
    provisioners = [_Provisioner(config, f"process {number}") for number in range(2)]

    for turn in range(ROUNDS):
        for one in provisioners:
            one.begin(turn)
        assert [one.troubles() for one in provisioners] == [0, 0]

        session.rollback()
        label = session.scalar(select(Device.label))
        assert f"label = {label}\n" in on_disk(config)["805ec0000001.cfg"]
        assert state_of(session, load(), session.get(Device, device.id)) is FileState.CURRENT
    for one in provisioners:
        one.close()


class _Provisioner:
    """A process whose four threads save a label and provision the device, whenever it is told to begin."""

    def __init__(self, config, name):
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        folders = (str(config.instance), str(config.models_dir), str(config.templates_dir))
        self._process = context.Process(target=_provision_when_told, args=(other, name, *folders))
        self._process.start()

    def begin(self, turn):
        self._pipe.send(turn)

    def troubles(self):
        assert self._pipe.poll(60)
        return self._pipe.recv()

    def close(self):
        self._pipe.send(None)
        self._process.join(10)


def _provision_when_told(pipe, name, instance_dir, models_dir, templates_dir):
    variables = {"INSTANCE": instance_dir, "MODELS_DIR": models_dir, "TEMPLATES_DIR": templates_dir}
    config = load_config({f"WEBPROV_{key}": value for key, value in variables.items()})
    instance = open_instance(config)
    errors = []

    def work(label):
        try:
            with instance.sessions() as session:
                site = SiteLoader(config).load(session)
                change_device(session, site, MAC, parse_device({"mac": MAC, "label": label}), CONSOLE)
                errors.append(provision_device(session, SiteLoader(config).load(session), MAC).error)
        except Exception as e:
            errors.append(repr(e))

    while (turn := pipe.recv()) is not None:
        threads = [threading.Thread(target=work, args=(f"{name} {turn} {number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pipe.send(len([error for error in errors if error]))
    instance.close()


def test_fs04_a_reader_never_gets_a_file_that_is_older_than_the_one_that_led_to_it(config, session, load, device):
    asked_first, referred_to = (config.provisioning_dir / f"805ec0000001{end}" for end in ("-info.xml", ".cfg"))
    change(session, load, label="turn 100")
    provision_device(session, load(), MAC)
    seen, is_over = [], threading.Event()

    def read():
        while not is_over.is_set():
            seen.append([re.search(r"turn (\d+)", path.read_text())[1] for path in (asked_first, referred_to)])

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(101, 121):
        change(session, load, label=f"turn {turn}")
        provision_device(session, load(), MAC)
    is_over.set()
    reader.join()

    assert {first for first, _ in seen} > {"105", "110", "115"}
    assert [pair for pair in seen if pair[0] > pair[1]] == []


def test_the_twin_follows_a_variable_that_becomes_a_secret(config, session, load, device):
    (config.templates_dir / "test" / "line.cfg").write_text(TEMPLATES["line.cfg"] + "vpn = ${VPN_NAME}\n")
    set_variables(session, VariableScope(), {"VPN_NAME": "canary"}, CONSOLE)
    provision_device(session, load(), MAC)

    set_variables(session, VariableScope(), {"VPN_NAME": "canary"}, CONSOLE, secret={"VPN_NAME": True})
    result = provision_device(session, load(), MAC)

    texts = [zlib.decompress(row).decode() for row in session.scalars(select(RenderedFileRecord.masked))]
    assert result.written == ()
    assert "canary" not in "".join(texts)
