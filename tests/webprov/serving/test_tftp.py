"""TFTP over real sockets: TF-01 to TF-07, and real clients."""

import os
import random
import shutil
import socket
import subprocess
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.service import eventually
from tests.webprov.serving.fleet import MAC
from tests.webprov.serving.tftpclient import Client, LossyNetwork, ack, fetch, request
from webprov.serving import tftp as tftp_module
from webprov.serving.guessing import Kind
from webprov.serving.tftpdesk import Desk
from webprov.serving.tftptransfer import Patience
from webprov.store.models import Device, GuessRecord, KnownSource

NAME = f"{MAC.lower()}.cfg"
QUICK = Patience(first=0.05, shortest=0.02, longest=0.1, final=0.1)
LONG = os.environ.get("WEBPROV_LONG")
CONTENT = b"account.1.label = Desk\n" * 300


@pytest.fixture
def phone(fleet) -> int:
    return fleet.add_phone(content=CONTENT)


def settled(tftp, fleet):
    """What is recorded of every request so far."""
    eventually(lambda: tftp.server.transfers == 0, 5)
    tftp.fetching.log.settle(5)
    return [(record.path, record.status, record.reason, record.size) for record in fleet.fetches()]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def opcode(tftp, name: str = NAME, source: str = "127.0.0.1") -> int:
    """What a new client is answered first: 3 = DATA, 5 = ERROR."""
    with tftp.client(source) as client:
        return client.ask(request(name)).opcode


@pytest.mark.parametrize(
    "name",
    [NAME, f"provisioning/{NAME}", f"/provisioning/{NAME}", f"/{NAME}", f"//{NAME}", f"PROVISIONING/{NAME.upper()}"],
)
def test_a_file_is_found_by_every_usual_spelling(tftp, phone, name):
    with tftp.client() as client:
        assert fetch(client, name) == CONTENT


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024])
def test_files_of_every_size_end_where_they_end(tftp, fleet, size):
    fleet.add_file("x.cfg", b"x" * size)

    with tftp.client() as client:
        assert fetch(client, "x.cfg") == b"x" * size


@pytest.mark.parametrize(
    "options",
    [
        ("blksize", 8),
        ("blksize", 65464),
        ("blksize", 1428, "tsize", 0, "timeout", 3),
        ("windowsize", 8),
        ("blksize", 64, "windowsize", 16, "tsize", 0),
        ("blksize", 1),
    ],
)
def test_options_are_agreed_on(tftp, phone, options):
    with tftp.client() as client:
        assert fetch(client, NAME, *options) == CONTENT


def test_text_mode_ends_lines_as_the_network_does(tftp, fleet):
    fleet.add_file("x.cfg", b"one\ntwo\rthree\r\n")

    with tftp.client() as client:
        assert fetch(client, "x.cfg", mode="NetASCII") == b"one\r\ntwo\r\0three\r\0\r\n"


def test_a_delivered_file_is_recorded_as_every_other(tftp, fleet, phone):
    with tftp.client("127.0.5.1") as client:
        fetch(client, f"/provisioning/{NAME}")

    assert settled(tftp, fleet) == [(f"/provisioning/{NAME}", 200, "", len(CONTENT))]
    with fleet.instance.sessions() as session:
        device = session.scalar(select(Device))
    assert (device.last_fetch_protocol, device.last_fetch_address, device.fetched_revision) == ("tftp", "127.0.5.1", 1)


@pytest.mark.parametrize("mode", ["octet", "netascii"])
@pytest.mark.parametrize("name", [NAME, "evil.cfg"])
def test_tf01_a_write_is_refused_and_changes_nothing(tftp, fleet, phone, name, mode):
    with tftp.client() as client:
        reply = client.ask(request(name, mode=mode, opcode=2))

    assert (reply.opcode, reply.number) == (5, 2)
    assert [(file.name, file.read_bytes()) for file in fleet.root.iterdir()] == [(NAME, CONTENT)]
    assert settled(tftp, fleet) == [(name, 404, "method not allowed", 0)]


@pytest.mark.parametrize(
    "name",
    [
        "../webprov.sqlite3",
        "provisioning/../../instance/secret.key",
        "..%2fsecret.key",
        "..\\secret.key",
        "/etc/passwd",
        "link.cfg",
        "linked/secret.txt",
        "../provisioning-secret/x.cfg",
        ".",
        "",
        "CONTACTS",
        f"{NAME}/",
        "x" * 900,
    ],
)
def test_tf02_nothing_outside_is_reachable(tftp, fleet, phone, name, tmp_path):
    (fleet.root.parent / "provisioning-secret").mkdir()
    (fleet.root.parent / "provisioning-secret" / "x.cfg").write_text("CANARY")
    (tmp_path / "secret.txt").write_text("CANARY")
    (fleet.root / "link.cfg").symlink_to(tmp_path / "secret.txt")
    (fleet.root / "linked").symlink_to(tmp_path)

    with tftp.client() as client:
        reply = client.ask(request(name))

    assert reply.opcode == 5
    assert b"CANARY" not in reply.raw


def test_tf02_a_record_whose_file_is_a_link_is_not_followed(tftp, fleet, tmp_path):
    file = fleet.add_file("x.cfg")
    file.unlink()
    (tmp_path / "secret.txt").write_text("CANARY")
    file.symlink_to(tmp_path / "secret.txt")

    with tftp.client() as client:
        assert (client.ask(request("x.cfg")).number, settled(tftp, fleet)[0][2]) == (1, "file gone")


def test_networks_that_are_not_listed_get_the_answer_of_unknown_names(tftp, fleet, phone):
    fleet.change(tftp_networks="10.0.0.0/8")

    assert eventually(lambda: opcode(tftp) == 5)
    with tftp.client() as client:
        outside = client.ask(request(NAME)).raw
    fleet.change(tftp_networks="127.0.0.1/32")
    assert eventually(lambda: opcode(tftp) == 3)
    with tftp.client() as client:
        assert client.ask(request("805ec0999999.cfg")).raw == outside
    assert "network not allowed" in {reason for _, _, reason, _ in settled(tftp, fleet)}


def test_without_listed_networks_nobody_gets_anything(tftp, fleet, phone):
    fleet.change(tftp_networks="")

    assert eventually(lambda: opcode(tftp) == 5)


def test_phones_must_be_in_the_networks_of_all_phones_too(tftp, fleet, phone):
    fleet.change(phone_networks="10.0.0.0/8")

    assert eventually(lambda: opcode(tftp) == 5)


def hostile(chance: random.Random) -> bytes:
    """One datagram: random bytes, a broken request, or a good one with a few bytes changed."""
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.choice([0, 1, 2, 3, 4, 5, 100, 600, 2_000]))
    if kind == 1:
        return chance.choice([3, 4, 5, 6, 7, 0, 65_535]).to_bytes(2, "big") + chance.randbytes(chance.randrange(30))
    name = chance.choice([NAME, "a", "x" * chance.choice([255, 1_000, 4_096]), "é\x00", "../" * 20])
    options: list[object] = []
    for _ in range(chance.randrange(5)):
        options += [
            chance.choice(["blksize", "tsize", "timeout", "windowsize", "BLKSIZE", "multicast", "é", ""]),
            chance.choice([0, 1, 8, 255, 256, 65_464, 65_465, 2**40, -1, "abc", "", "٣", "1e3"]),
        ]
    datagram = request(name, *options, mode=chance.choice(["octet", "netascii", "mail", "", "öctet"]))
    if kind == 2:
        return datagram[: chance.randrange(len(datagram))]
    if kind == 3:
        changed = bytearray(datagram)
        for _ in range(3):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    return datagram


def test_tf03_no_datagram_ends_the_service(start_tftp, fleet, phone, caplog):
    tftp = start_tftp(QUICK)
    chance = random.Random(20_304)
    fleet.change(phone_networks="")
    sockets = [Client(tftp.port, f"127.0.{number}.3") for number in range(1, 9)]

    for number in range(200_000 if LONG else 5_000):
        with_client = chance.choice(sockets)
        with_client.send(b"\0\1" + chance.randbytes(60_000) if number % 500 == 0 else hostile(chance))
        if number % 250 == 0:
            with tftp.client("127.9.9.9") as client:
                assert fetch(client, NAME) == CONTENT
    for one in sockets:
        one.socket.close()

    assert eventually(lambda: tftp.server.transfers == 0, 30)
    assert "could not be answered" not in caplog.text


def test_tf04_idle_transfers_are_bounded_and_go_away(start_tftp, fleet, phone, monkeypatch):
    monkeypatch.setattr(tftp_module, "TRANSFERS", 300)
    tftp = start_tftp(Patience(first=0.5, shortest=0.1, longest=0.5, final=0.5))
    with tftp.client("127.9.9.9") as client:
        assert fetch(client, NAME) == CONTENT
    before = open_files()
    clients = [Client(tftp.port, f"127.0.{1 + number // 90}.4") for number in range(450)]

    for one in clients[:90]:
        one.send(request(NAME))
    assert eventually(lambda: tftp.server.transfers == 64)
    for one in clients[90:]:
        one.send(request(NAME))

    assert eventually(lambda: tftp.server.transfers == 300)
    for one in clients:
        one.send(request(NAME))  # again and again the same: no more of them
    assert tftp.server.transfers <= 300
    assert eventually(lambda: tftp.server.transfers == 0, 20)
    for one in clients:
        one.socket.close()
    assert eventually(lambda: open_files() <= before, 5)
    assert "too many transfers at once" in {reason for _, _, reason, _ in settled(tftp, fleet)}


@pytest.mark.parametrize("patience", [Patience(), Patience(shortest=0.05, first=0.1)])
def test_tf04_a_client_that_is_gone_is_given_up_within_half_a_minute(patience):
    waits = [min(patience.first * 4.0**number, patience.longest) for number in range(patience.tries - 1)]

    assert sum(waits) + patience.final <= 30


@pytest.mark.parametrize("options", [(), ("blksize", 65464, "windowsize", 64), ("tsize", 0, "timeout", 1)])
def test_tf05_a_request_that_nobody_acknowledges_costs_five_small_packets(start_tftp, fleet, options):
    fleet.add_file("big.cfg", b"x" * 500_000)
    tftp = start_tftp(QUICK)

    with tftp.client() as client:
        client.send(request("big.cfg", *options))
        replies = client.drain(1.5)

    assert len(replies) == 5
    assert sum(len(reply.raw) for reply in replies) <= 8_000


def test_tf05_an_unknown_name_costs_one_small_packet(tftp, phone):
    with tftp.client() as client:
        client.send(request("805ec0777777.cfg", "blksize", 65464))
        replies = client.drain(0.5)

    assert [(reply.opcode, reply.number) for reply in replies] == [(5, 1)]
    assert len(replies[0].raw) < 40


def test_tf05_only_the_port_of_the_transfer_takes_acknowledgements(tftp, phone):
    with tftp.client() as client, tftp.client() as other:
        first = client.ask(request(NAME))
        client.send(ack(1))  # to the port of requests, as a forger would
        other.send(ack(1), first.sender)

        assert first.sender[1] != tftp.port
        assert client.receive(0.5) is None


def test_tf06_guessing_by_tftp_shuts_out_of_tftp_alone(start_tftp, start_phones, fleet, phone):
    tftp, phones = start_tftp(), start_phones()

    for number in range(10):
        assert opcode(tftp, f"805ec0aaaa{number:02x}.cfg", "127.0.0.8") == 5
    assert eventually(lambda: opcode(tftp, NAME, "127.0.0.8") == 5)
    with tftp.client("127.0.0.9") as client:
        assert fetch(client, NAME) == CONTENT

    assert phones.ask(f"/provisioning/{NAME}", source="127.0.0.8").status == 200
    with fleet.instance.sessions() as session:
        assert {record.kind for record in session.scalars(select(GuessRecord))} == {Kind.TFTP_NAMES}
    assert "locked out" in {reason for _, _, reason, _ in settled(tftp, fleet)}


def test_tf07_block_numbers_wrap(tftp, fleet):
    content = random.Random(7).randbytes(8 * 65_536 + 100)
    fleet.add_file("big.rom", content)

    with tftp.client() as client:
        assert fetch(client, "big.rom", "blksize", 8, "windowsize", 64) == content


@pytest.mark.parametrize(("block", "window"), [(512, 1), (8, 32)])
def test_tf07_lost_datagrams_are_sent_again(start_tftp, fleet, block, window):
    whole = 64 * 1024**2 if LONG else 8 * 70_000
    content = random.Random(8).randbytes(whole if window > 1 else 200_000)
    firmware(fleet, content)
    tftp = start_tftp(Patience(first=0.05, shortest=0.01, longest=0.2, final=5))

    with LossyNetwork(tftp.port, loss=0.05) as network, Client(network.port) as client:
        block = 512 if LONG and window > 1 else block
        received = fetch(client, "FIRMWARE-x/a.rom", "blksize", block, "windowsize", window, patience=0.02)

    assert sha256(received).digest() == sha256(content).digest()
    assert network.lost > 20


def test_tf07_a_doubled_acknowledgement_doubles_nothing(start_tftp, phone):
    with start_tftp(Patience(first=5, shortest=5)).client() as client:
        first = client.ask(request(NAME))
        for _ in range(3):
            client.send(ack(1), first.sender)
        replies = client.drain(0.4)

    assert [(reply.opcode, reply.number) for reply in replies] == [(3, 2)]


def test_tf07_a_gap_in_a_window_is_filled_at_once(start_tftp, phone):
    with start_tftp(Patience(first=5, shortest=5)).client() as client:
        first = client.ask(request(NAME, "windowsize", 4))
        client.send(ack(0), first.sender)
        window = [client.receive().number for _ in range(4)]
        client.send(ack(2), first.sender)
        again = [client.receive().number for _ in range(4)]

    assert (window, again) == ([1, 2, 3, 4], [3, 4, 5, 6])


def test_a_repeated_request_is_one_transfer_and_another_one_takes_its_place(tftp, fleet, phone):
    fleet.add_file("other.cfg", b"other")

    with tftp.client() as client:
        first = client.ask(request(NAME))
        client.send(request(NAME))
        assert client.receive(0.4) is None
        second = client.ask(request("other.cfg"))

        assert tftp.server.transfers == 1
        assert (second.content, second.sender[1] != first.sender[1]) == (b"other", True)


def test_a_client_that_gives_up_ends_its_transfer_and_has_not_got_the_file(tftp, fleet, phone):
    with tftp.client() as client:
        first = client.ask(request(NAME))
        client.send(b"\0\5\0\0stop\0", first.sender)
        assert eventually(lambda: tftp.server.transfers == 0, 5)

    assert settled(tftp, fleet) == [(NAME, 499, "broken off", 0)]
    with fleet.instance.sessions() as session:
        assert session.scalar(select(Device.last_fetch_at)) is None
        assert not session.scalars(select(KnownSource)).all()


def test_a_client_whose_port_is_closed_ends_its_transfer(start_tftp, phone):
    tftp = start_tftp(Patience(first=0.1))
    with tftp.client() as client:
        client.ask(request(NAME))

    assert eventually(lambda: tftp.server.transfers == 0, 5)


def firmware(fleet, content: bytes = b"", size: int = 0):
    """A file that no device owns, there before the listener starts; with `size` a sparse one, which takes no room."""
    file = fleet.root / "FIRMWARE-x" / "a.rom"
    file.parent.mkdir()
    file.write_bytes(content)
    if size:
        os.truncate(file, size)
    return file


def test_firmware_is_read_from_disk_block_by_block(start_tftp, fleet):
    content = random.Random(3).randbytes(20 * 1024 * 1024)
    firmware(fleet, content)
    tftp = start_tftp()

    with tftp.client() as client:
        received = fetch(client, "FIRMWARE-x/a.rom", "blksize", 1428, "windowsize", 16, "tsize", 0)
        text = fetch(client, "FIRMWARE-x/a.rom", mode="netascii")

    assert sha256(received).digest() == sha256(content).digest()
    assert (text.opcode, text.number) == (5, 0)
    assert eventually(lambda: "a.rom" not in {link.resolve().name for link in Path("/proc/self/fd").iterdir()}, 5)


def test_firmware_that_becomes_shorter_is_broken_off(start_tftp, fleet):
    file = firmware(fleet, b"x" * 5_000)
    tftp = start_tftp()

    with tftp.client() as client:
        first = client.ask(request("FIRMWARE-x/a.rom"))
        file.write_bytes(b"x" * 600)
        client.send(ack(1), first.sender)
        assert client.receive(0.3) is None

    assert settled(tftp, fleet)[0][2] == "broken off"


def test_tf07_files_over_4_gib_are_refused(start_tftp, fleet):
    firmware(fleet, size=4 * 1024**3)

    with start_tftp().client() as client:
        reply = client.ask(request("FIRMWARE-x/a.rom", "blksize", 65464))

    assert (reply.opcode, reply.number) == (5, 0)


def test_a_listener_that_retires_ends_its_transfers_first(start_tftp, fleet, phone):
    tftp = start_tftp()
    tftp.server.retiring = threading.Event()
    with tftp.client() as client, tftp.client() as late:
        first = client.ask(request(NAME, "blksize", 65464))
        tftp.server.retiring.set()
        eventually(lambda: not tftp.server._listening, 5)
        late.send(request(NAME))
        client.send(ack(0), first.sender)

        assert client.receive().content == CONTENT
        client.send(ack(1), first.sender)
        assert late.receive(0.3) is None


def test_answers_come_from_the_address_that_was_asked(instance, start_tftp, phone):
    tftp = start_tftp()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("0.0.0.0", 0))
        server = tftp_module.TftpServer(listener, Desk(tftp.fetching))
        thread = threading.Thread(target=server.run)
        thread.start()
        client = Client(listener.getsockname()[1])
        client.send(request(NAME), ("127.0.0.77", listener.getsockname()[1]))
        reply = client.receive()
        client.socket.close()
        server.stop()
        thread.join(5)

    assert reply.sender[0] == "127.0.0.77"


def run(*command: str, folder) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)


CLIENTS = {
    "tftp-hpa": ("tftp", ["-m", "binary", "127.0.0.1", "{port}", "-c", "get", "{name}", "got"]),
    "tftp-hpa, text": ("tftp", ["-m", "ascii", "127.0.0.1", "{port}", "-c", "get", "{name}", "got"]),
    "atftp": ("atftp", ["-g", "-r", "{name}", "-l", "got", "127.0.0.1", "{port}"]),
    "atftp, options": ("atftp", ["--option", "blksize 1428", "--option", "windowsize 8", "--option", "tsize 0",
                                 "-g", "-r", "{name}", "-l", "got", "127.0.0.1", "{port}"]),
    "curl": ("curl", ["-sS", "-o", "got", "tftp://127.0.0.1:{port}/{name}"]),
    "curl, options": ("curl", ["-sS", "--tftp-blksize", "1400", "-o", "got", "tftp://127.0.0.1:{port}/{name}"]),
    "curl, no options": ("curl", ["-sS", "--tftp-no-options", "-o", "got", "tftp://127.0.0.1:{port}/{name}"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", CLIENTS)
def test_real_clients_fetch_what_lies_there(tftp, fleet, phone, kind, tmp_path):
    program, arguments = CLIENTS[kind]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    fleet.add_file("big.rom", b"line\n" * 300_000)

    for name, content in ((f"provisioning/{NAME}", CONTENT), ("big.rom", b"line\n" * 300_000)):
        words = [word.format(port=tftp.port, name=name) for word in arguments]
        done = run(program, *words, folder=tmp_path)
        assert (done.returncode, (tmp_path / "got").read_bytes() == content) == (0, True), done.stderr


def test_real_clients_are_told_that_a_file_is_missing_and_that_writing_is_not_allowed(tftp, fleet, phone, tmp_path):
    if shutil.which("tftp") is None:
        pytest.skip("tftp is not installed")
    (tmp_path / "new").write_text("evil")

    missing = run("tftp", "127.0.0.1", str(tftp.port), "-c", "get", "nothing.cfg", folder=tmp_path)
    written = run("tftp", "127.0.0.1", str(tftp.port), "-c", "put", "new", NAME, folder=tmp_path)

    assert b"File not found" in missing.stdout + missing.stderr
    assert b"Read only" in written.stdout + written.stderr
    assert (fleet.root / NAME).read_bytes() == CONTENT
