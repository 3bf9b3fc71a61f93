"""`webprov serve` as people run it: a process of its own with free ports."""

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import Service, eventually, free_port, status
from tests.webprov.serving.authority import Authority
from tests.webprov.serving.fleet import Fleet, basic
from tests.webprov.serving.tftpclient import Client, request
from webprov.config import load_config
from webprov.enums import Protocol
from webprov.errors import WebprovError
from webprov.parts import part_named
from webprov.store.listeners import ListenerState
from webprov.supervisor import lock_instance


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service for those tests that leave it as it was."""
    service = Service(tmp_path_factory.mktemp("running"))
    service.start()
    yield service
    service.close()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_serve_starts_all_prints_what_to_do_and_ends_on_sigterm(service):
    process = service.start()

    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401
    assert eventually(lambda: status(service.admin, "/setup")) == 200
    children = service.children()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert set(children) == {"admin", "http", "worker"}
    assert eventually(lambda: not any(alive(pid) for pid in children.values()))
    assert f"http://127.0.0.1:{service.admin}/setup\n" in output
    assert re.search(r"Set-up token +\S{24}\n", output)
    assert f":{service.port}/provisioning\n" in output
    assert "ERROR" not in service.errors.read_text()


def test_a_killed_child_is_started_again(running):
    eventually(lambda: status(running.port, "/provisioning/x"))
    before = running.children()

    os.kill(before["http"], signal.SIGKILL)

    assert eventually(lambda: running.children().get("http") not in (None, before["http"]))
    assert eventually(lambda: status(running.port, "/provisioning/x")) == 401
    assert running.children()["admin"] == before["admin"]


def test_children_end_when_the_supervisor_is_killed(service):
    process = service.start()
    eventually(lambda: status(service.port, "/provisioning/x"))
    children = service.children()

    process.send_signal(signal.SIGKILL)

    assert len(children) == 3
    assert eventually(lambda: not any(alive(pid) for pid in children.values()), 8)


def test_parts_outlive_the_process_that_they_are_forked_from(service):
    service.start()
    eventually(lambda: status(service.port, "/provisioning/x"))
    children = service.children()
    (forking,) = {parent_of(pid) for pid in children.values()}

    os.kill(forking, signal.SIGKILL)
    assert eventually(lambda: parent_of(children["http"]) != forking)
    assert status(service.port, "/provisioning/x") == 401
    os.kill(children["http"], signal.SIGKILL)

    assert eventually(lambda: "http (process" in service.errors.read_text())
    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401
    assert alive(children["admin"])
    assert "admin (process" not in service.errors.read_text()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 0
    assert eventually(lambda: not any(alive(pid) for pid in children.values()), 5)


def test_a_part_that_cannot_begin_says_why_and_is_tried_again(service):
    key = service.instance.config.key_file
    service.start("--only", "http")
    eventually(lambda: status(service.port, "/provisioning/x"))

    key.rename(key.with_suffix(".away"))
    os.kill(service.children()["http"], signal.SIGKILL)
    assert eventually(lambda: "http (process" in service.errors.read_text())
    assert eventually(lambda: "secret.key" in service.errors.read_text())
    key.with_suffix(".away").rename(key)

    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401
    assert "Traceback" not in service.errors.read_text()


def test_ports_and_switches_take_effect_without_touching_other_parts(running):
    eventually(lambda: status(running.port, "/provisioning/x"))
    before = running.children()
    others = {name: before[name] for name in ("admin", "worker")}
    new = free_port()

    running.change(http_port=new)
    assert eventually(lambda: status(new, "/provisioning/x"), 5) == 401
    assert eventually(lambda: status(running.port, "/provisioning/x") is None, 5)
    assert running.listener().text == f"127.0.0.1:{new}"

    running.change(http_enabled=False)
    assert eventually(lambda: status(new, "/provisioning/x") is None, 5)
    assert eventually(lambda: running.listener().state is ListenerState.OFF, 5)
    assert eventually(lambda: running.children() == others, 5)
    running.change(http_enabled=True, http_port=running.port)


def test_https_answers_and_a_move_lets_a_transfer_end(service):
    content = bytes(range(256)) * 40_000
    fleet = Fleet(service.instance)
    fleet.add_file("big.bin", content)
    old, new = free_port(), free_port()
    service.change(https_enabled=True, https_port=old)
    service.start()
    assert eventually(lambda: https_status(old)) == 401
    with ssl._create_unverified_context().wrap_socket(socket.create_connection(("127.0.0.1", old))) as running:
        login = basic(fleet.settings.http_user, fleet.settings.http_password)
        running.sendall(f"GET /provisioning/big.bin HTTP/1.0\r\nAuthorization: {login}\r\n\r\n".encode())
        received = running.recv(1000)

        service.change(https_port=new)
        assert eventually(lambda: https_status(new), 10) == 401
        assert eventually(lambda: https_status(old) is None, 5)
        while data := running.recv(65536):
            received += data

    assert received.partition(b"\r\n\r\n")[2] == content
    assert "ended with status" not in service.errors.read_text()


@pytest.mark.skipif(not shutil.which("lftp"), reason="lftp is not installed")
def test_ftp_moves_while_lftp_downloads_and_nothing_is_cut(service, tmp_path):
    firmware = service.instance.config.provisioning_dir / "FIRMWARE-yealink" / "t54w.rom"
    firmware.parent.mkdir()
    firmware.write_bytes(os.urandom(8_000_000))
    old, new = free_port(), free_port()
    service.change(ftp_enabled=True, ftp_port=old)
    service.start()
    assert eventually(lambda: not is_free(old))
    settings = Fleet(service.instance).settings
    script = (
        f"set net:limit-rate 2000000; set net:max-retries 1; open -u {settings.ftp_user},{settings.ftp_password}"
        f" ftp://127.0.0.1:{old}; get FIRMWARE-yealink/t54w.rom -o {tmp_path / 'got.rom'}"
    )
    with subprocess.Popen(["lftp", "-c", script], stderr=subprocess.PIPE, text=True) as lftp:
        assert eventually(lambda: (tmp_path / "got.rom").exists() and (tmp_path / "got.rom").stat().st_size, 15)

        service.change(ftp_port=new)
        assert eventually(lambda: not is_free(new), 10)
        assert eventually(lambda: is_free(old), 10)
        went_on = lftp.poll() is None
        _, errors = lftp.communicate(timeout=60)

    assert went_on
    assert (lftp.returncode, errors) == (0, "")
    assert (tmp_path / "got.rom").read_bytes() == firmware.read_bytes()


def is_free(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def test_the_admin_ui_speaks_https_where_it_has_a_certificate(service, tmp_path):
    certificate, key = Authority(tmp_path / "ca").issue("admin", "localhost")
    service.env |= {"WEBPROV_ADMIN_TLS_CERT": str(certificate), "WEBPROV_ADMIN_TLS_KEY": str(key)}
    service.start("--only", "admin")

    def page():
        context = ssl.create_default_context(cafile=tmp_path / "ca" / "ca.crt")
        connection = http.client.HTTPSConnection("localhost", service.admin, timeout=5, context=context)
        try:
            connection.request("GET", "/setup")
            return connection.getresponse()
        except OSError:
            return None
        finally:
            connection.close()

    answer = eventually(page)
    cookies = answer.headers.get_all("Set-Cookie")
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert cookies
    assert all(cookie.startswith("__Host-") and "; Secure" in cookie for cookie in cookies)


def https_status(port: int) -> int | None:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl._create_unverified_context())
    try:
        connection.request("GET", "/provisioning/x")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_a_taken_port_is_said_and_the_rest_goes_on(service):
    with socket.create_server(("127.0.0.1", service.port)):
        service.start()
        assert eventually(lambda: status(service.admin, "/setup")) == 200
        assert service.listener().state is ListenerState.FAILED

    assert f"Port {service.port} is taken by another program." in service.errors.read_text()
    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401
    assert service.listener().state is ListenerState.ON


def test_lg03_phones_are_served_while_the_log_can_take_nothing(service):
    service.errors = Path("/dev/full")

    service.start()

    assert eventually(lambda: status(service.port, "/provisioning/805ec0000001.cfg")) == 401


def test_temporary_files_may_lie_deep(service, tmp_path):
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    service.env["TMPDIR"] = str(deep)

    service.start()

    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401


def test_a_second_serve_is_refused(running):
    eventually(lambda: status(running.port, "/provisioning/x"))

    command = [sys.executable, "-m", "webprov", "serve"]
    second = subprocess.run(command, env=running.env, capture_output=True, text=True, timeout=20)

    assert second.returncode == 1
    assert "webprov is already running for" in second.stderr


def test_nothing_is_opened_while_another_holds_the_instance(tmp_path):
    env = {**os.environ, "WEBPROV_INSTANCE": str(tmp_path)}

    with lock_instance(load_config(env), None):
        command = [sys.executable, "-m", "webprov", "serve"]
        refused = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20)

    assert "webprov is already running for" in refused.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["serve.lock"]


def test_one_part_alone_follows_the_mode_and_ends_on_ctrl_c(service):
    service.start("--only", "http")
    assert eventually(lambda: status(service.port, "/provisioning/x")) == 401
    assert status(service.admin, "/setup") is None

    service.change(mode="external")
    assert eventually(lambda: status(service.port, "/provisioning/x") is None, 5)
    service.change(serve_locally=True)
    assert eventually(lambda: status(service.port, "/provisioning/x"), 5) == 401
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(10) == 0


def test_a_part_that_does_not_exist_is_refused():
    with pytest.raises(WebprovError, match=r"This webprov has no part “gopher”\. It has admin, "):
        part_named("gopher")


def test_tftp_follows_the_settings_while_the_rest_goes_on(running):
    eventually(lambda: status(running.port, "/provisioning/x"))
    before = running.children()
    port, taken = free_udp_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    running.change(tftp_enabled=True, tftp_port=port, tftp_networks="127.0.0.0/8")
    assert eventually(lambda: tftp_answers(port), 8)
    with taken:
        taken.bind(("127.0.0.1", 0))
        running.change(tftp_port=taken.getsockname()[1])
        assert eventually(lambda: running.listener(Protocol.TFTP).state is ListenerState.FAILED, 8)
        assert "is taken by another program" in running.listener(Protocol.TFTP).text
        assert tftp_answers(port)
    running.change(tftp_enabled=False)

    assert eventually(lambda: "tftp" not in running.children(), 8)
    assert not tftp_answers(port)
    assert {name: running.children()[name] for name in before} == before


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tftp_answers(port: int) -> bool:
    with Client(port) as client:
        try:
            reply = client.ask(request("nothing.cfg"), 1)
        except ConnectionRefusedError:
            return False
    return reply is not None and reply.opcode == 5
