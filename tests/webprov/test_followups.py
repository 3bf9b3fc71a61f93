import socket

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.delivery.script import GRACE_SECONDS, TIME_SECONDS
from webprov.followups import command_runs, programs_per_device
from webprov.jobruns import batch_size
from webprov.phones.modelkeys import MOST_COMMANDS
from webprov.provisioning import provision_device, provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import BATCH
from webprov.store.models import Device
from webprov.worker import LONGEST_TURN_SECONDS


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def program(config):
    """Writes a program into the instance's folder of scripts and lets the model test-desk run it with `words`."""
    folder = config.instance / "scripts"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = folder / "notify.sh"

    def write(text, words=""):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        models = config.models_dir / "test.ini"
        given = models.read_text()
        number = given.count("command_") + 1
        models.write_text(given.replace("[test-desk]\n", f"[test-desk]\ncommand_{number} = {path} {words}\n"))
        return path

    return write


@pytest.fixture
def device(session, load):
    make_tenant(session)
    return lambda **values: make_device(session, load(), **values)


def outputs(session, device):
    session.rollback()
    return [(run.exit, run.output) for run in command_runs(session, device.id)]


def test_a_command_gets_its_words_filled_in_and_the_five_variables(session, load, program, device, tmp_path):
    program('printf "%s|" "$@"; env | grep ^PROV_ | LC_ALL=C sort', '${TENANT} ${mac} "${LABEL}!" plain')
    label = f"$(touch {tmp_path}/marker); two"
    made = device(label=label)

    result = provision_device(session, load(), MAC)

    [(_, output)] = outputs(session, made)
    words, _, variables = output.rpartition("|")
    assert result.command_errors == ()
    assert words == f"acme|805ec0000001|{label}!|plain"
    assert not (tmp_path / "marker").exists()
    assert variables.splitlines() == [
        f"PROV_MAC={MAC}",
        "PROV_MODE=local",
        "PROV_MODEL_SEGMENT=",
        f"PROV_SERVER={load().settings.server_address}",
        "PROV_TENANT=acme",
    ]


def test_a_command_in_external_mode_learns_the_segment_and_the_dms(session, load, program, device):
    program('echo "$PROV_MODE $PROV_MODEL_SEGMENT $PROV_SERVER"')
    made = device()
    save_settings(session, {"mode": "external", "external_server": "dms.example"}, CONSOLE)

    provision_device(session, load(), MAC)

    assert outputs(session, made) == [(0, "external test-desk dms.example")]


def test_a_command_that_fails_neither_blocks_nor_stops_the_next(session, load, program, device):
    program("echo no such PBX: R=#*2cN-D39A; exit 3")
    program("echo no such PBX: R=#*2cN-D39A; exit 3", "${mac}")
    made = device()

    [result] = provision_devices(session, load(), [made.id])

    assert result.error == ""
    assert result.command_errors == ("notify.sh ended with exit code 3.",) * 2
    assert outputs(session, made) == [(3, "no such PBX: ••••")] * 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("${ADMIN_PASSWORD}", "names a secret"),
        ("${PROTO_URL}", "names a secret"),
        ("${NO_SUCH}", "unknown variable NO_SUCH"),
    ],
)
def test_a_command_is_not_run_with_a_secret_or_an_unknown_name(session, load, program, device, words, sentence):
    program("echo ran", words)
    made = device()

    result = provision_device(session, load(), MAC)

    assert sentence in result.command_errors[0]
    assert outputs(session, made) == [(None, "")]


def test_a_command_outside_the_folders_for_scripts_is_refused(session, load, program, device, config):
    path = program("echo ran")
    models = config.models_dir / "test.ini"
    models.write_text(models.read_text().replace(str(path), "/bin/echo"))
    device()

    result = provision_device(session, load(), MAC)

    assert "lies outside the folders for scripts" in result.command_errors[0]


@pytest.fixture
def phone():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.5.60", 5060))
        listening.settimeout(0.5)
        yield listening


def heard(phone):
    try:
        return phone.recv(4096).split(b"\r\n")[0].decode()
    except TimeoutError:
        return ""


def test_check_sync_goes_out_by_itself_when_it_is_wanted_and_files_changed(session, load, device, phone):
    made = device()
    session.query(Device).update({"last_fetch_address": "127.0.5.60"})
    session.commit()

    provision_device(session, load(), MAC)
    unwanted = heard(phone)
    save_settings(session, {"check_sync_auto": "on", "server_address": "one.example"}, CONSOLE)
    provision_device(session, load(), MAC)
    wanted = heard(phone)
    provision_device(session, load(), MAC)
    unchanged = heard(phone)
    save_settings(session, {"server_address": "two.example"}, CONSOLE)
    provision_devices(session, load(), [made.id])
    in_bulk = heard(phone)

    assert wanted.startswith("NOTIFY sip:1000@127.0.5.60")
    assert (unwanted, unchanged, in_bulk) == ("", "", "")


def test_a_batch_of_a_job_ends_in_its_turn_even_if_every_program_hangs(load, program):
    before = programs_per_device(load())
    program("echo one")
    program("echo two")

    assert (before, programs_per_device(load())) == (0, 2)
    assert batch_size(0) == BATCH
    for programs in range(1, MOST_COMMANDS + 2):  # with the transport's script
        in_turn = -(-batch_size(programs) // 2) * programs
        assert in_turn * (TIME_SECONDS + GRACE_SECONDS) < LONGEST_TURN_SECONDS
