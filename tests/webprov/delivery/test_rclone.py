"""Against a real S3 server and the real rclone."""

import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.storage import SECRET_KEY, fault_server
from tests.webprov.serving.authority import Authority
from tests.webprov.workers import wait_for
from webprov.delivery.assetnames import only_rules
from webprov.delivery.rclone import Progress, Rclone, Stopped, rclone_binary, rclone_environment
from webprov.enums import ProvisioningMode, TransportMethod
from webprov.errors import TransportError
from webprov.store.settings import first_settings


@pytest.fixture
def settings(storage, tmp_path):
    """A prefix of its own for each test."""
    typed = {name: value for name, value in storage.settings().items() if name.startswith("s3_")}
    return replace(
        first_settings(),
        mode=ProvisioningMode.EXTERNAL,
        transport=TransportMethod.S3,
        s3_prefix=f"{tmp_path.name}/",
        **typed,
    )


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "FIRMWARE-desk"
    (folder / "deep").mkdir(parents=True)
    (folder / "desk 1.rom").write_bytes(b"one")
    (folder / "deep" / "ü.rom").write_bytes(b"two")
    return folder


@pytest.fixture
def objects(storage, settings):
    def look():
        prefix = settings.s3_prefix
        return {key.removeprefix(prefix): body for key, body in storage.objects().items() if key.startswith(prefix)}

    return look


def quiet(_progress):
    """Watches nothing."""


def test_a_directory_becomes_equal_and_what_lies_beside_it_stays(settings, source, objects, storage):
    beside = storage.root / "acme-phones" / settings.s3_prefix / "test-desk" / "805ec0000001.cfg"
    beside.parent.mkdir(parents=True)
    beside.write_text("a phone's")
    told = []

    Rclone(settings).sync(source, "FIRMWARE-desk", told.append)

    assert objects() == {
        "FIRMWARE-desk/desk 1.rom": b"one",
        "FIRMWARE-desk/deep/ü.rom": b"two",
        "test-desk/805ec0000001.cfg": b"a phone's",
    }
    assert told[-1] == Progress(2, 2, 6, 6, 0)


def test_only_what_differs_is_carried_and_what_is_gone_is_removed(settings, source, objects):
    Rclone(settings).sync(source, "FIRMWARE-desk", quiet)
    (source / "desk 1.rom").write_bytes(b"newer")
    (source / "deep" / "ü.rom").unlink()
    os.utime(source)

    done = Rclone(settings).sync(source, "FIRMWARE-desk", quiet)

    assert objects() == {"FIRMWARE-desk/desk 1.rom": b"newer"}
    assert (done.files, done.deleted) == (1, 1)


def test_links_are_not_followed_and_hidden_files_stay_here(settings, source, objects):
    (source / "passwd").symlink_to("/etc/passwd")
    (source / "etc").symlink_to("/etc")
    (source / ".desk.tmp").write_bytes(b"half")

    Rclone(settings).sync(source, "FIRMWARE-desk", quiet)

    assert sorted(objects()) == ["FIRMWARE-desk/deep/ü.rom", "FIRMWARE-desk/desk 1.rom"]


def test_single_files_at_the_top_touch_no_other(settings, source, objects):
    (source / "logo[1]*.png").write_bytes(b"logo")
    (source / "other.png").write_bytes(b"other")
    run = Rclone(settings)
    run.sync(source, "", quiet, only_rules(["logo[1]*.png", "other.png"]))
    assert sorted(objects()) == ["logo[1]*.png", "other.png"]

    (source / "logo[1]*.png").unlink()
    run.sync(source, "", quiet, only_rules(["logo[1]*.png"]))

    assert sorted(objects()) == ["other.png"]


def test_removing_a_directory_leaves_its_neighbours(settings, source, objects):
    run = Rclone(settings)
    for path in ("CONTACTS/acme", "CONTACTS/acme2"):
        run.sync(source, path, quiet)

    run.remove("CONTACTS/acme", quiet)

    assert {key.rpartition("/")[0] for key in objects()} == {"CONTACTS/acme2", "CONTACTS/acme2/deep"}
    with pytest.raises(ValueError, match="never emptied"):
        run.remove("/", quiet)


def test_tr08_secrets_are_in_the_environment_alone(settings, source, monkeypatch):
    seen, popen = {}, subprocess.Popen

    def spy(command, **more):
        seen.update(command=command, env=more["env"])
        process = popen(command, **more)
        seen["line"] = wait_for(Path(f"/proc/{process.pid}/cmdline").read_bytes)  # empty till it is loaded
        seen["mode"] = stat.S_IMODE(Path(f"/proc/{process.pid}/environ").stat().st_mode)
        return process

    monkeypatch.setattr(subprocess, "Popen", spy)
    monkeypatch.setenv("WEBPROV_SECRET_OF_THE_SERVICE", "hush")

    Rclone(settings).sync(source, "FIRMWARE-desk", quiet)

    assert SECRET_KEY not in " ".join(seen["command"])
    assert b"rclone" in seen["line"]
    assert SECRET_KEY.encode() not in seen["line"]
    assert SECRET_KEY in seen["env"].values()
    assert seen["mode"] == 0o400
    assert seen["env"]["RCLONE_CONFIG"] == "/dev/null"
    assert "hush" not in str(seen["env"])
    assert not any("delete-excluded" in word for word in seen["command"])


def test_aws_gets_its_own_dialect(settings):
    other = rclone_environment(settings, {})
    aws = rclone_environment(replace(settings, s3_endpoint="https://s3.eu-central-1.amazonaws.com"), {})

    assert (other["RCLONE_CONFIG_DMS_PROVIDER"], other["RCLONE_CONFIG_DMS_FORCE_PATH_STYLE"]) == ("Other", "true")
    assert (aws["RCLONE_CONFIG_DMS_PROVIDER"], aws["RCLONE_CONFIG_DMS_FORCE_PATH_STYLE"]) == ("AWS", "false")


def test_tr08_a_failure_is_a_sentence_without_secrets(settings, source, tmp_path):
    wrong = replace(settings, s3_secret_key="wrong-secret-key")

    with pytest.raises(TransportError) as failure:
        Rclone(wrong).sync(source, "FIRMWARE-desk", quiet)
    assert str(failure.value)
    assert "wrong-secret-key" not in str(failure.value)

    with pytest.raises(TransportError, match="exit code 3"):
        Rclone(settings).sync(tmp_path / "none", "FIRMWARE-desk", quiet)


def test_an_upload_that_is_refused_says_why(settings, source, faults):
    faults.fails(403, "AccessDenied", "<script>the server's words</script>", method="PUT")
    faults.answers["GET"] = (200, {"Content-Type": "application/xml"}, b"<ListBucketResult></ListBucketResult>")
    refusing = replace(settings, s3_endpoint=faults.endpoint)

    with pytest.raises(TransportError) as failure:
        Rclone(refusing).sync(source, "FIRMWARE-desk", quiet)

    assert str(failure.value).startswith("These keys may not write to “acme-phones”.")
    assert not any(name.lower() == "x-amz-acl" for _, _, headers, _ in faults.seen for name in headers)


def test_a_storage_of_an_unknown_authority_gets_nothing(settings, source, tmp_path, monkeypatch):
    authority, both = Authority(tmp_path / "ca"), tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in authority.issue("storage", "localhost")))

    with fault_server(both) as server:
        run = Rclone(replace(settings, s3_endpoint=f"https://localhost:{server.server_port}"))
        with pytest.raises(TransportError):
            run.sync(source, "FIRMWARE-desk", quiet)
        refused = not server.seen
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
        with pytest.raises(TransportError):
            run.sync(source, "FIRMWARE-desk", quiet)

    assert refused
    assert server.seen


@pytest.fixture
def silent(settings, faults):
    """Settings of a storage that never answers."""
    faults.silent = True
    return replace(settings, s3_endpoint=faults.endpoint)


def children():
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "rclone"], capture_output=True, text=True, check=False)
    return [int(number) for number in found.stdout.split()]


def test_who_watches_can_stop_it_and_no_process_stays(silent, source):
    before = set(children())

    def stop(_progress):
        raise Stopped

    with pytest.raises(Stopped):
        Rclone(silent).sync(source, "FIRMWARE-desk", stop)

    assert set(children()) <= before


def test_it_has_a_time_limit(silent, source):
    with pytest.raises(TransportError, match="took longer"):
        Rclone(silent, limit_seconds=0.5).sync(source, "FIRMWARE-desk", quiet)


_ALONE = """
import sys
from pathlib import Path
import tests.webprov.delivery.test_rclone as t
from webprov.delivery.assetnames import only_rules
from webprov.delivery.rclone import Rclone
from webprov.store.settings import first_settings
from dataclasses import replace
s = replace(first_settings(), s3_endpoint=sys.argv[1], s3_bucket="acme-phones", s3_access_key="a", s3_secret_key="b")
Rclone(s).sync(Path(sys.argv[2]), "x", lambda p: print("told", flush=True))
"""


def test_it_ends_by_itself_when_webprov_is_killed(silent, source):
    parent = subprocess.Popen(
        [sys.executable, "-c", _ALONE, silent.s3_endpoint, str(source)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "told\n"
    found = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True, text=True, check=True)
    orphan = int(found.stdout.split()[0])

    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()

    assert wait_for(lambda: not _is_alive(orphan))


def _is_alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_binary_lies_beside_python_or_on_the_path(monkeypatch, tmp_path):
    assert rclone_binary().name == "rclone"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(TransportError, match="rclone is not installed"):
        rclone_binary()

    (tmp_path / "bin" / "rclone").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "rclone").chmod(0o755)
    assert rclone_binary() == tmp_path / "bin" / "rclone"
