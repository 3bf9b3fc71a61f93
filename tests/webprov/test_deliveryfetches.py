"""What phones get from the DMS: real servers over a real bucket, and some that do what none should."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.factories import make_device, make_tenant
from tests.service import eventually
from tests.storage import free_port, rclone
from webprov import deliveryfetches
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.deliveryfetches import boot_like_phones
from webprov.deliveryfindings import check_delivery
from webprov.deviceinput import DeviceInput
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import Device, PushRecord

YEALINK, SNOM = "805EC0000001", "000413000001"
AS_YEALINK = "As phone 80:5E:C0:00:00:01 (Lobby)"
USER, PASSWORD = "phones", "Dms-Pa55word-1"


class Dms:
    """A running web server over the bucket's folder that wants a password; `log` is what it says of requests."""

    def __init__(self, port: int, folder: Path, log: Path | None) -> None:
        self.port, self.folder, self.log = port, folder, log

    def requests(self) -> list[tuple[str, str, str]]:
        """User, request and user agent of each, in order."""
        lines = self.log.read_text().splitlines() if self.log else []
        return [tuple(line.split("|")) for line in lines]


@pytest.fixture(params=["nginx", "rclone"])
def dms(request, tmp_path, storage) -> Iterator[Dms]:
    """Serves what lies below the bucket's prefix at /provisioning."""
    served, own, port = storage.root / "acme-phones" / tmp_path.name, tmp_path / "dms", free_port()
    served.mkdir(parents=True)
    own.mkdir()
    command = nginx(own, served, port) if request.param == "nginx" else rclone_http(served, port)
    with (own / "errors").open("wb") as errors:
        server = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        assert eventually(lambda: answers(port), 20), (own / "errors").read_text()
        yield Dms(port, served, own / "access" if request.param == "nginx" else None)
    finally:
        server.terminate()
        server.wait(10)


def rclone_http(served: Path, port: int) -> list[str]:
    command = [rclone(), "serve", "http", "--config", "", "--addr", f"127.0.0.1:{port}", "--baseurl", "/provisioning"]
    return [*command, "--user", USER, "--pass", PASSWORD, "--dir-cache-time", "0", str(served)]


def nginx(own: Path, served: Path, port: int) -> list[str]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    (own / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    temporary = "".join(
        f"{kind}_temp_path {own}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (own / "nginx.conf").write_text(f"""{"user root;" if os.getuid() == 0 else ""}
daemon off; pid {own}/pid; error_log stderr; events {{}}
http {{
  {temporary}
  log_format asked '$remote_user|$request|$http_user_agent'; access_log {own}/access asked;
  server {{
    listen 127.0.0.1:{port};
    location /provisioning/ {{ alias {served}/; auth_basic "phones"; auth_basic_user_file {own}/users; }}
  }}
}}
""")
    return ["nginx", "-p", str(own), "-c", "nginx.conf"]


def answers(port: int) -> bool:
    asked = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/provisioning/"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_device(session, loader.load(session), YEALINK, model="yealink-t54w", label="Lobby")
    make_device(session, loader.load(session), "805EC0000002", model="yealink-t54w", label="Second")
    make_device(session, loader.load(session), SNOM, model="snom-d785", label="")
    return lambda: loader.load(session)


@pytest.fixture
def reached(session, storage, tmp_path, load):
    """Everything is delivered to the bucket; phones are sent to a DMS at the port given."""

    def point(port: int, **more: str) -> None:
        typed = {
            "external_server": f"127.0.0.1:{port}",
            "external_protocol": "http",
            "external_user": USER,
            "external_password": PASSWORD,
            **more,
        }
        save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/", **typed), CONSOLE)
        devices = list(session.scalars(select(Device.id)))
        results = provision_devices(session, load(), devices)
        if any(result.push_errors for result in results):  # rclone's server answers 500 now and then on a busy machine
            results = provision_devices(session, load(), devices)
        assert {(result.error, result.push_errors) for result in results} == {("", ())}

    return point


def as_phones(session, load, mac: str = "") -> list[tuple[str, str, str]]:
    findings = check_delivery(session, load(), mac).findings
    return [(one.state.value, one.what, one.remedy) for one in findings if not one.what.startswith("Bucket")]


def test_one_phone_of_each_model_asks_as_it_would(session, load, dms, reached):
    reached(dms.port)

    found = as_phones(session, load)

    base = f"http://127.0.0.1:{dms.port}/provisioning"
    assert found == [
        ("ok", f"As phone 00:04:13:00:00:01 (snom-d785) at {base}/snom-d785: 3 files current, 1 file that it can do"
         " without", ""),
        ("ok", f"{AS_YEALINK} at {base}/yealink-t54w: 2 files current, 2 files that it can do without", ""),
    ]  # fmt: skip
    if dms.log:
        asked = [(who, what) for who, what, agent in dms.requests() if agent.startswith("Yealink SIP-T54W")]
        names = ["805ec0000001.boot", "y000000000000.boot", "y000000000096.cfg", "805ec0000001.cfg"]
        assert [(USER, f"GET /provisioning/yealink-t54w/{name} HTTP/1.1") for name in names] == [
            one for one in asked if one[0] == USER
        ]


def test_what_differs_is_said_by_device_and_file(session, load, dms, reached):
    reached(dms.port)
    folder = dms.folder / "yealink-t54w"
    (folder / "y000000000096.cfg").unlink()
    (folder / "805ec0000001.cfg").write_bytes(b"of yesterday")
    first = f"{AS_YEALINK}: http://127.0.0.1:{dms.port}/provisioning/yealink-t54w"

    found = [one for one in as_phones(session, load) if one[0] != "ok"]

    assert [one[:2] for one in found] == [
        ("error", f"{first}/y000000000096.cfg"),
        ("error", f"{first}/805ec0000001.cfg"),
    ]
    assert "see whether it was carried to that server" in found[0][2]
    assert "keeps old copies" in found[1][2]


def test_what_waits_for_the_bucket_is_a_warning(session, load, dms, reached):
    reached(dms.port)
    (dms.folder / "yealink-t54w" / "805ec0000001.cfg").unlink()
    session.execute(update(PushRecord).where(PushRecord.path == "805ec0000001.cfg").values(sha256="", state="failed"))
    session.commit()

    ((state, _, remedy),) = [one for one in as_phones(session, load) if one[0] != "ok"]

    assert (state, remedy[:45]) == ("warning", "Its newest content still has to be delivered;")


def test_a_wrong_password_is_told_once_and_not_tried_on(session, load, dms, reached):
    reached(dms.port, external_password="another-password-1")

    found = as_phones(session, load, YEALINK)

    assert [one[0] for one in found] == ["error", "warning"]
    assert found[0][2] == "The server refused the user or the password."
    assert found[1][1] == f"{AS_YEALINK}: 3 files not asked for"
    assert len([one for one in dms.requests() if "SIP-T54W" in one[2]]) <= 2


def test_a_sign_in_that_nobody_set_is_told(session, load, dms, reached):
    reached(dms.port, external_user="", external_password="")

    assert as_phones(session, load, YEALINK)[0][2].startswith("The server asks for a user and a password")


def test_a_chosen_device_is_asked_for_alone(session, load, dms, reached):
    reached(dms.port)

    ((state, what, _),) = as_phones(session, load, "805EC0000002")

    assert (state, what[:37]) == ("ok", "As phone 80:5E:C0:00:00:02 (Second) at"[:37])


def test_disabled_devices_stand_for_no_model(session, load, reached):
    reached(free_port())
    change_device(session, load(), YEALINK, DeviceInput(YEALINK, {"enabled": False}), CONSOLE)

    assert [boot.mac for boot in boot_like_phones(session, load())] == [SNOM, "805EC0000002"]


def test_a_phone_that_can_use_no_dms_is_not_asked_for(session, load, reached):
    make_device(session, load(), "000E08000001", model="cisco-7906g", label="Fax")
    reached(free_port())

    ((state, what, remedy),) = as_phones(session, load, "000E08000001")

    assert (state, what) == ("warning", "As phone 00:0E:08:00:00:01 (Fax): not asked")
    assert "neither a path nor a sign-in" in remedy


def test_a_file_that_somebody_else_put_there_is_no_difference(session, load, dms, reached):
    reached(dms.port)
    (dms.folder / "yealink-t54w" / "805ec0000001.boot").write_text("#!version:1.0.0.1")

    ((state, what, _),) = as_phones(session, load, YEALINK)

    assert state == "ok"
    assert what.endswith("2 files current, 1 file there that webprov did not make, 1 file that it can do without")


def test_a_dms_that_is_not_there_is_told(session, load, reached):
    port = free_port()
    reached(port)

    found = as_phones(session, load, YEALINK)

    assert found[0][2] == f"Nothing listens at 127.0.0.1:{port}."


def test_link_local_addresses_are_not_asked(session, load, reached):
    reached(80, external_server="169.254.169.254")

    assert "leads to an address that no server for phones has" in as_phones(session, load, YEALINK)[0][2]


def test_the_check_names_models_whose_turn_did_not_come(session, load, reached, monkeypatch):
    reached(free_port())
    monkeypatch.setattr(deliveryfetches, "ALL_SECONDS", -1)

    ((state, what, _),) = as_phones(session, load)

    assert (state, what) == ("warning", "DMS not asked for snom-d785, yealink-t54w: the time was over")


def dripping(handler, length):
    handler.close_connection = True
    for _ in range(200):
        handler.wfile.write(b"H")
        handler.wfile.flush()
        if handler.server.released.wait(0.1):
            return


def broken_off(handler, length):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def talking_nonsense(handler, length):
    handler.wfile.write(b"220 FTP here\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("behaves", "sentence"),
    [
        (dripping, "The answer was not complete within 1 s."),
        (broken_off, "The connection ended in the middle of the file."),
        (talking_nonsense, "The answer is not HTTP as it should be (BadStatusLine)."),
    ],
)
def test_servers_that_misbehave_are_told_and_cost_little_time(
    session, load, reached, faults, monkeypatch, behaves, sentence
):
    reached(faults.server_port)
    faults.behaves = behaves
    monkeypatch.setattr(deliveryfetches, "_BOOT_SECONDS", 1.0)
    began = time.monotonic()

    found = as_phones(session, load, YEALINK)

    assert found[0][::2] == ("error", sentence)
    assert time.monotonic() - began < 10
