"""Firmware and other files that administrators put down."""

import os
import socket
import subprocess

import pytest

from tests.webprov.serving.fleet import MAC, wait_for
from webprov.serving.http import parse_range

FIRMWARE = "/provisioning/FIRMWARE-yealink-t54w/T54W-96.86.0.45.rom"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def firmware(phones):
    return put(phones, FIRMWARE.removeprefix("/provisioning/"), CONTENT)


def put(phones, name: str, content: bytes):
    file = phones.fleet.add_asset(name, content)
    wait_for(lambda: phones.fetching._assets.find(name.casefold()))
    return file


def test_an_asset_is_found_without_regard_to_case_with_tag_and_date(phones, firmware):
    answer = phones.ask("/provisioning/firmware-YEALINK-t54w/t54w-96.86.0.45.ROM")

    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.header("Accept-Ranges") == "bytes"
    assert answer.header("Cache-Control") == "no-cache"
    assert phones.ask(FIRMWARE, If_None_Match=answer.header("ETag")).status == 304
    assert phones.ask(FIRMWARE, If_Modified_Since=answer.header("Last-Modified")).status == 304
    assert phones.ask(FIRMWARE, login=None).status == 401
    assert [fetch.size for fetch in phones.settle()] == [len(CONTENT), 0, 0, 0]


def test_head_of_an_asset_says_its_size_alone(phones, firmware):
    answer = phones.ask(FIRMWARE, method="HEAD", Range="bytes=0-9")

    assert (answer.status, answer.header("Content-Length"), answer.body) == (200, str(len(CONTENT)), b"")


def test_a_changed_asset_has_another_tag(phones, firmware):
    before = phones.ask(FIRMWARE).header("ETag")
    firmware.write_bytes(b"x" * len(CONTENT))
    os.utime(firmware, ns=(1, 1))

    answer = phones.ask(FIRMWARE)

    assert answer.body == b"x" * len(CONTENT)
    assert answer.header("ETag") != before


def test_assets_that_come_and_go_are_noticed(phones):
    assert phones.ask("/provisioning/Config/logo.png").status == 404
    file = phones.fleet.add_asset("Config/logo.png", b"png")
    wait_for(lambda: phones.ask("/provisioning/Config/logo.png").status == 200)
    file.unlink()
    assert phones.ask("/provisioning/Config/logo.png").status == 404
    deep = phones.fleet.add_asset("Config/a/b/c.txt", b"deep")
    wait_for(lambda: phones.ask("/provisioning/config/A/b/c.TXT").body == b"deep")
    deep.unlink()
    phones.fleet.add_asset("ring.wav", b"wav")
    wait_for(lambda: phones.ask("/provisioning/Ring.wav").body == b"wav")


def test_ph16_nothing_but_assets_is_in_the_map(phones):
    fleet = phones.fleet
    fleet.add_phone()
    other = fleet.add_device("805EC0000001", enabled=False)
    fleet.add_file("805ec0000001.cfg", device_id=other)
    fleet.add_file("special.cfg", b"secret", device_id=other)
    hidden = [".htpasswd", "Config/.git/config", "Config/x.tmp", "Config/x.bak", "Config/x~", "Config/.x"]
    hidden += ["CONTACTS/acme/yealink.xml", "805ec0999999.cfg", "other/805ec0999999-phone.cfg"]
    for name in hidden:
        fleet.add_asset(name, b"CANARY")
    (fleet.root / "Config/link").symlink_to(fleet.instance.config.key_file)
    (fleet.root / "FIRMWARE-x").symlink_to(fleet.instance.config.instance)
    fleet.add_asset("Config/seen.txt", b"seen")
    wait_for(lambda: phones.ask("/provisioning/Config/seen.txt").status == 200)

    names = [
        *hidden,
        "Config/link",
        "FIRMWARE-x/secret.key",
        "special.cfg",
        "Config",
        "Config/",
        "FIRMWARE-x",
        "config/.",
    ]
    answers = {phones.ask(f"/provisioning/{name}").constant for name in names}

    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_in_external_mode_assets_lie_below_the_folder_of_a_model_too(phones, firmware):
    device_id = phones.fleet.add_device()
    phones.fleet.add_file("805ec0123456.cfg", b"external\n", device_id=device_id, segment="Acme-T54W")
    phones.fleet.add_asset("Acme-T54W/left-behind.cfg", b"CANARY")

    def status(name: str) -> int:
        return phones.ask(f"/provisioning/{name}").status

    wait_for(lambda: status("acme-t54w/FIRMWARE-yealink-t54w/T54W-96.86.0.45.rom") == 200)
    assert status("acme-t54w/acme-t54w/FIRMWARE-yealink-t54w/T54W-96.86.0.45.rom") == 404
    assert status("other/FIRMWARE-yealink-t54w/T54W-96.86.0.45.rom") == 404
    assert status("acme-t54w/left-behind.cfg") == 404


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("bytes=0-", 10, range(10)),
        ("bytes=0-0", 10, range(1)),
        ("bytes=5-99999999999", 10, range(5, 10)),
        ("bytes=-1", 10, range(9, 10)),
        ("bytes=-99", 10, range(10)),
        ("bytes=-0", 10, range(10, 10)),
        ("bytes=10-", 10, range(10, 10)),
        ("bytes=0-", 0, range(0)),
        ("bytes=5-1", 10, None),
        ("bytes=-", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("bytes=" + "0-1," * 500 + "2-3", 10, None),
        ("bytes=\u0661-\u0662", 10, None),
        ("bytes=1" * 30, 10, None),
        ("chunks=0-1", 10, None),
        ("", 10, None),
    ],
)
def test_ph15_ranges_are_read_exactly_or_ignored(text, size, expected):
    assert parse_range(text, size) == expected


def test_ranges_of_an_asset(phones, firmware):
    size = len(CONTENT)
    tag, date = (phones.ask(FIRMWARE, method="HEAD").header(name) for name in ("ETag", "Last-Modified"))

    middle = phones.ask(FIRMWARE, Range="bytes=300-309")
    beyond = phones.ask(FIRMWARE, Range=f"bytes={size}-")

    assert (middle.status, middle.body, middle.header("Content-Range")) == (
        206,
        CONTENT[300:310],
        f"bytes 300-309/{size}",
    )
    assert (beyond.status, beyond.header("Content-Range")) == (416, f"bytes */{size}")
    assert phones.ask(FIRMWARE, Range="bytes=-7").body == CONTENT[-7:]
    assert phones.ask(FIRMWARE, Range="bytes=0-1,4-5").body == CONTENT
    assert phones.ask(FIRMWARE, Range="bytes=0-1", If_Range=tag).status == 206
    assert phones.ask(FIRMWARE, Range="bytes=0-1", If_Range=date).status == 206
    assert phones.ask(FIRMWARE, Range="bytes=0-1", If_Range='"other"').status == 200


def test_configurations_are_never_sent_in_parts(phones):
    phones.fleet.add_phone(content=b"0123456789")

    answer = phones.ask(f"/provisioning/{MAC}.cfg", Range="bytes=2-3")

    assert (answer.status, answer.body) == (200, b"0123456789")


def test_curl_goes_on_with_a_download_that_broke_off(phones, firmware, tmp_path):
    part = tmp_path / "part.rom"
    part.write_bytes(CONTENT[:1000])
    settings = phones.fleet.settings
    login = f"{settings.http_user}:{settings.http_password}"

    subprocess.run(
        ["curl", "-sf", "--digest", "-u", login, "-C", "-", "-o", part, f"http://127.0.0.1:{phones.port}{FIRMWARE}"],
        check=True,
        timeout=20,
    )

    assert part.read_bytes() == CONTENT


def test_a_large_asset_is_whole_and_ends_its_connection(phones):
    put(phones, "FIRMWARE-x/big.rom", b"\0" * 5_000_000)
    request = f"GET /provisioning/FIRMWARE-x/big.rom HTTP/1.1\r\nHost: x\r\nAuthorization: {phones.basic}\r\n\r\n"

    with socket.create_connection(("127.0.0.1", phones.port), timeout=20) as connection:
        connection.sendall(request.encode() * 2)
        received = b""
        while part := connection.recv(1 << 20):
            received += part

    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert len(received.partition(b"\r\n\r\n")[2]) == 5_000_000
