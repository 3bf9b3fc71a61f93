"""What phones send (spec 8, security PH-15)."""

import os
import stat
import subprocess
from contextlib import suppress
from io import BytesIO

import pytest

from tests.webprov.serving.fleet import MAC, basic
from tests.webprov.serving.test_httpserver import connect
from webprov.changes.devices import delete_devices
from webprov.enums import Protocol
from webprov.rights import CONSOLE
from webprov.serving import httpserver
from webprov.serving.askers import Asker, Identity, Proven, Reason
from webprov.site import SiteLoader
from webprov.store.models import Device, utc_now
from webprov.uploads import list_uploads

LOCAL = f"/provisioning/{MAC.lower()}-local.cfg"
NAMES = "\n".join([f"{MAC.lower()}-local.cfg", *(f"{MAC.lower()}-{number}.log" for number in range(25))])


@pytest.fixture
def sender(phones):
    """A device that may send some files."""
    phones.device_id = phones.fleet.add_phone(upload_names=NAMES)
    return phones


def sent(phones):
    with phones.fleet.instance.sessions() as session:
        return list_uploads(session, phones.fleet.instance.config, MAC)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_phone_gets_back_what_it_sent(sender, method):
    assert sender.ask(LOCAL).status == 404

    answer = sender.ask(LOCAL, method=method, body=b"volume=5\n")

    assert answer.status == 201
    assert sender.ask(LOCAL).body == b"volume=5\n"
    assert sender.ask(LOCAL.upper().replace("PROVISIONING", "provisioning")).body == b"volume=5\n"
    (upload,) = sent(sender)
    assert (upload.name, upload.size, upload.protocol, upload.source) == (LOCAL[14:], 9, "http", "127.0.0.1")
    assert upload.path.read_bytes() == b"volume=5\n"
    assert stat.S_IMODE(upload.path.stat().st_mode) == 0o640
    assert upload.path.parent == sender.fleet.instance.config.uploads_dir / MAC
    assert [(fetch.status, fetch.reason) for fetch in sender.settle()][1] == (201, "stored")


def test_the_newest_stays_and_no_leftover(sender):
    for content in (b"first", b"second, longer"):
        sender.ask(LOCAL, method="PUT", body=content)

    assert sender.ask(LOCAL).body == b"second, longer"
    assert [file.name for file in sent(sender)[0].path.parent.iterdir()] == [LOCAL[14:]]


@pytest.mark.parametrize("option", ["--basic", "--digest"])
def test_curl_sends_a_file(sender, tmp_path, option):
    file = tmp_path / "log.txt"
    file.write_bytes(b"line\n" * 60_000)
    settings = sender.fleet.settings
    command = ["curl", "-s", option, "-u", f"{settings.http_user}:{settings.http_password}", "-T", file]

    subprocess.run([*command, f"http://127.0.0.1:{sender.port}{LOCAL}"], check=True, timeout=30, capture_output=True)

    assert sent(sender)[0].size == 300_000


def test_a_body_in_chunks_is_taken(sender):
    sender.ask(LOCAL, method="PUT", body=iter([b"a" * 1000, b"b" * 1000]))

    assert sender.ask(LOCAL).body == b"a" * 1000 + b"b" * 1000


def test_another_address_does_not_get_it_back_by_shared_credentials(sender):
    sender.ask(LOCAL, method="PUT", body=b"private", source="127.0.0.5")

    assert sender.ask(LOCAL, source="127.0.0.6").constant == sender.ask("/provisioning/nothing").constant
    assert sender.ask(LOCAL, source="127.0.0.5").body == b"private"


def test_with_credentials_of_its_own_the_device_gets_it_anywhere_and_no_other(sender):
    fleet = sender.fleet
    own = {"prov_user": "own", "prov_password": "own-password-1", "own_login_at": utc_now()}
    fleet.change(device_credentials=True)
    fleet.change_device(sender.device_id, **own)
    fleet.add_device("805EC0000002", **{**own, "prov_user": "other"})
    mine, other = basic("own", "own-password-1"), basic("other", "own-password-1")

    refused = [
        sender.ask(LOCAL, method="PUT", body=b"x", login=other).status,
        sender.ask(LOCAL, method="PUT", body=b"x").status,
    ]
    stored = sender.ask(LOCAL, method="PUT", body=b"private", login=mine, source="127.0.0.5").status

    assert (refused, stored) == ([405, 405], 201)
    assert sender.ask(LOCAL, login=mine, source="127.0.0.6").body == b"private"
    assert [sender.ask(LOCAL, login=login).status for login in (other, "right")] == [404, 404]


@pytest.mark.parametrize(
    "path",
    [
        f"/provisioning/{MAC.lower()}.cfg",
        f"/provisioning/{MAC.lower()}-other.cfg",
        "/provisioning/805ec0000009-local.cfg",
        "/provisioning/y000000000096.cfg",
        f"/provisioning/../{MAC.lower()}-local.cfg",
        f"/provisioning/x/{MAC.lower()}-local.cfg",
        "/provisioning/",
        "/elsewhere",
    ],
)
def test_ph15_nothing_else_can_be_written(sender, path):
    answers = {sender.ask(path, method=method, body=b"evil").constant for method in ("PUT", "POST")}

    assert {answer[0] for answer in answers} == {405}
    assert len(answers) == 1
    assert sent(sender) == []
    assert sender.ask(f"/provisioning/{MAC}.cfg").body == b"#hello\n"


def test_ph15_without_credentials_nothing_is_taken_and_nothing_said(sender):
    paths = [LOCAL, "/provisioning/nothing", f"/provisioning/{MAC}.cfg"]

    answers = {sender.ask(path, method="PUT", body=b"x", login=None).constant for path in paths}

    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_uploads_can_be_switched_off(sender):
    sender.fleet.change(uploads_enabled=False)

    assert sender.ask(LOCAL, method="PUT", body=b"x").status == 405


def test_ph15_a_mebibyte_is_taken_and_a_byte_more_refused_before_it_is_read(sender):
    whole = b"\0" * 1024 * 1024
    assert sender.ask(LOCAL, method="PUT", body=whole).status == 201

    with connect(sender) as connection:
        head = f"PUT {LOCAL} HTTP/1.1\r\nHost: x\r\nAuthorization: {sender.basic}\r\nContent-Length: 1048577\r\n\r\n"
        connection.sendall(head.encode())
        status = connection.recv(100).split(b" ")[1]

    assert status == b"413"
    assert sender.ask(LOCAL).body == whole


def test_only_what_is_sent_may_be_large(sender):
    with connect(sender) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n")
        assert connection.recv(100).split(b" ")[1] == b"413"


def test_ph15_twenty_files_a_device(sender):
    statuses = [sender.ask(f"/provisioning/{MAC}-{number}.log", method="PUT", body=b"x").status for number in range(21)]

    assert statuses == [201] * 20 + [413]
    assert sender.ask(f"/provisioning/{MAC}-3.log", method="PUT", body=b"new").status == 201
    assert len(sent(sender)) == 20


def test_rl01_few_large_bodies_at_once(sender, monkeypatch):
    monkeypatch.setattr(httpserver, "_LARGE_PER_SOURCE", 2)
    head = f"PUT {LOCAL} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegin"
    held = [connect(sender) for _ in range(2)]
    for connection in held:
        connection.sendall(head.encode())
    assert sender.ask("/provisioning/nothing").status == 404

    with connect(sender) as third:
        third.sendall(head.encode())
        with suppress(ConnectionResetError):
            assert third.recv(100) == b""
    for connection in held:
        connection.close()


def test_what_a_device_sent_goes_with_it(sender):
    sender.ask(LOCAL, method="PUT", body=b"x")
    path = sent(sender)[0].path

    with sender.fleet.instance.sessions() as session:
        site = SiteLoader(sender.fleet.instance.config).load(session)
        delete_devices(session, site, [MAC], CONSOLE)

    assert not path.parent.exists()
    assert sent(sender) == []


def test_a_full_disk_is_said_and_leaves_nothing(sender, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert sender.ask(LOCAL, method="PUT", body=b"x").status == 507
    assert list(sender.fleet.instance.config.uploads_dir.rglob("*.*")) == []


def test_other_protocols_send_the_same_way(sender):
    source = sender.fetching.gatekeeper.source(Protocol.FTP, "127.0.0.1")
    asker = Asker(Protocol.FTP, source, "", Identity(Proven.SHARED))
    store = sender.fetching.store_upload

    assert store(LOCAL[14:], asker, BytesIO(b"by ftp")) is Reason.STORED
    assert store(LOCAL[14:], asker, BytesIO(b"\0" * 1_048_577)) is Reason.TOO_LARGE
    assert store(LOCAL[14:], asker, BytesIO(b""), 1_048_577) is Reason.TOO_LARGE
    assert store("nothing.log", asker, BytesIO(b"x")) is Reason.UNKNOWN_NAME
    assert sender.fetching.fetch_file(LOCAL[14:], asker).content == b"by ftp"


def test_a_directory_is_fetched_by_post_too(phones):
    phones.fleet.add_device()
    phones.fleet.add_file("CONTACTS/acme/yealink.xml", b"<x/>", owner="CONTACTS/acme")

    answer = phones.ask("/provisioning/CONTACTS/acme/yealink.xml", method="POST", body=b"a=b")

    assert (answer.status, answer.body) == (200, b"<x/>")


def test_xml_that_a_phone_sends_is_kept_as_it_is(sender):
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'

    sender.ask(LOCAL, method="PUT", body=bomb)

    assert sender.ask(LOCAL).body == bomb
    with sender.fleet.instance.sessions() as session:
        assert session.get(Device, sender.device_id) is not None
