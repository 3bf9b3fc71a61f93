"""FTP and FTPS with the clients that people have: ftplib, curl, lftp, openssl s_client."""

import ftplib
import io
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from sqlalchemy import update

from tests.service import eventually
from tests.webprov.serving.fleet import MAC
from webprov.enums import Protocol
from webprov.serving import ftpsessions
from webprov.serving.ftp import FtpServer, OutsideAddress
from webprov.store.database import bump, writing
from webprov.store.models import Device

NAME = f"{MAC.lower()}.cfg"
OTHER = "805EC0999999"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ftpsessions.PhoneSession, "auth_failed_timeout", 0.05)


@pytest.fixture
def ftp(start_ftp, fleet) -> FtpServer:
    fleet.add_phone()
    return start_ftp()


@pytest.fixture
def ftps(start_ftp, fleet) -> FtpServer:
    fleet.add_phone()
    return start_ftp(Protocol.FTPS)


def port_of(server) -> int:
    return server.socket.getsockname()[1]


def login_of(server) -> tuple[str, str]:
    return server.settings.ftp_user, server.settings.ftp_password


@pytest.fixture
def client(ftp):
    client = ftplib.FTP()
    client.connect("127.0.0.1", port_of(ftp), timeout=20)
    client.login(*login_of(ftp))
    yield client
    client.close()


def fetch(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    received = io.BytesIO()
    client.retrbinary(f"RETR {name}", received.write, rest=rest)
    return received.getvalue()


def refusal(call, *arguments) -> str:
    with pytest.raises(ftplib.Error) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", [NAME, f"/{NAME}", f"provisioning/{NAME}", f"/provisioning/{NAME.upper()}"])
def test_a_file_comes_by_its_name_with_and_without_the_folder(client, name):
    assert fetch(client, name) == b"#hello\n"


def test_a_file_comes_after_changing_into_the_folder(client, ftp):
    client.cwd("provisioning")

    assert client.pwd() == "/provisioning"
    assert fetch(client, NAME) == b"#hello\n"
    assert client.size(NAME) == 7
    assert client.sendcmd(f"MDTM {NAME}").startswith("213 20")
    client.cwd("..")
    assert client.pwd() == "/"


def test_bytes_are_the_same_in_either_type(client):
    client.sendcmd("TYPE A")
    lines = []
    client.voidcmd("TYPE A")
    with client.transfercmd(f"RETR {NAME}") as data:
        lines.append(data.recv(100))
    client.voidresp()

    assert lines == [b"#hello\n"]


def test_a_transfer_goes_on_where_it_ended(client, fleet):
    content = bytes(range(256)) * 4_000
    fleet.add_file("big.bin", content)

    assert fetch(client, "big.bin", rest=1_000_000) == content[1_000_000:]
    assert refusal(fetch, client, "big.bin", len(content) + 1).startswith("554")


@pytest.mark.parametrize("active", [True, False])
def test_firmware_is_streamed_by_active_and_passive_transfers(client, fleet, active):
    content = bytes(range(256)) * 100_000
    firmware = fleet.root / "FIRMWARE-yealink" / "t54w.rom"
    firmware.parent.mkdir()
    firmware.write_bytes(content)
    client.set_pasv(not active)

    assert eventually(lambda: client.sendcmd("NOOP") and size_or_none(client, "FIRMWARE-yealink/t54w.rom"), 15)
    assert fetch(client, "/provisioning/FIRMWARE-yealink/t54w.rom") == content
    assert fetch(client, "FIRMWARE-yealink/t54w.rom", rest=25_000_000) == content[25_000_000:]


def size_or_none(client, name):
    try:
        return client.size(name)
    except ftplib.Error:
        return None


def test_ft01_no_command_says_anything_about_names_or_changes_a_file(client, fleet):
    before = sorted(path.name for path in fleet.root.rglob("*"))
    constant = {client.sendcmd(f"STAT {name}") for name in (NAME, "none.cfg", "/etc/passwd", "")}
    moves = {client.sendcmd(f"CWD {name}") for name in (NAME, "nowhere", "/etc", "../..")}
    client.cwd("/")
    refusals = {
        refusal(client.sendcmd, f"{command} {name}")
        for command in ("STOR", "RETR", "SIZE", "MDTM")
        for name in ("none.cfg", "../secret.key", "/etc/passwd", "x\0y", "ü/../ß", f"{NAME}/../{NAME}", "." * 3_00)
    }
    unknown = {
        refusal(client.sendcmd, f"{command} {NAME}")[:3]
        for command in (
            "APPE",
            "DELE",
            "RNFR",
            "RNTO",
            "MKD",
            "RMD",
            "SITE CHMOD 777",
            "STOU",
            "MFMT 2020",
            "MLSD",
            "MLST",
        )
    }

    assert (len(constant), len(moves)) == (1, 1)
    assert refusals == {"550 Not found."}
    assert unknown == {"500"}
    assert client.nlst() == client.nlst("provisioning") == []
    assert refusal(client.storbinary, f"STOR {NAME}", io.BytesIO(b"x")) == "550 Not found."
    assert sorted(path.name for path in fleet.root.rglob("*")) == before
    assert fetch(client, NAME) == b"#hello\n"


def test_ft02_nobody_comes_in_without_the_right_password(ftp):
    user, password = login_of(ftp)
    said = set()
    for name, secret in (("anonymous", "a@b"), (user, "wrong"), ("nobody", password), (user, "")):
        with ftplib.FTP() as client:
            banner = client.connect("127.0.0.1", port_of(ftp), timeout=20)
            said.add(refusal(client.login, name, secret))

    assert banner == "220 webprov"
    assert said == {"530 Authentication failed."}


def test_ft02_three_tries_end_the_session(ftp):
    with ftplib.FTP() as client:
        client.connect("127.0.0.1", port_of(ftp), timeout=20)
        said = [refusal(client.login, "x", "wrong") for _ in range(3)]

        assert "Disconnecting" in said[-1]
        with pytest.raises((EOFError, ConnectionError)):
            client.sendcmd("NOOP")


def test_ph04_wrong_passwords_shut_the_source_out_and_another_stays_in(ftp):
    for _ in range(7):
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", port_of(ftp), timeout=20, source_address=("127.0.0.9", 0))
            for _ in range(3):
                refusal(client.login, "x", "wrong")

    def can_sign_in(source: str) -> bool:
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", port_of(ftp), timeout=20, source_address=(source, 0))
            try:
                client.login(*login_of(ftp))
            except ftplib.error_perm:
                return False
            return True

    assert not can_sign_in("127.0.0.9")
    assert can_sign_in("127.0.0.10")


def test_changed_credentials_hold_at_the_next_sign_in(ftp, fleet):
    fleet.change(ftp_user="other", ftp_password="another-secret")

    with ftplib.FTP() as client:
        client.connect("127.0.0.1", port_of(ftp), timeout=20)
        assert client.login("other", "another-secret").startswith("230")


def test_networks_that_are_not_allowed_get_nothing(ftp, client, fleet):
    fleet.change(phone_networks="10.0.0.0/8")

    assert refusal(fetch, client, NAME) == "550 Not found."
    with ftplib.FTP() as new:
        new.connect("127.0.0.1", port_of(ftp), timeout=20)
        assert refusal(new.login, *login_of(ftp)) == "530 Authentication failed."


def test_every_request_is_recorded_with_its_reason(client, ftp, fleet):
    fetch(client, NAME)
    refusal(fetch, client, "none.cfg")
    with ftplib.FTP() as other:
        other.connect("127.0.0.1", port_of(ftp), timeout=20)
        refusal(other.login, "x", "y")

    ftp.fetching.log.settle(5)
    seen = [(record.protocol, record.path, record.status, record.reason) for record in fleet.fetches()]
    assert seen == [
        ("ftp", NAME, 200, ""),
        ("ftp", "none.cfg", 404, "unknown name"),
        ("ftp", "(sign-in)", 530, "wrong credentials"),
    ]


def test_ft02_foreign_data_addresses_are_refused(client):
    assert refusal(client.sendcmd, "PORT 10,0,0,1,200,10").startswith("501")
    assert refusal(client.sendcmd, "EPRT |1|10.0.0.1|51210|").startswith("501")
    assert refusal(client.sendcmd, "PORT 127,0,0,1,0,22").startswith("501")


def test_ft02_one_source_holds_a_bounded_number_of_sessions(ftp, monkeypatch):
    monkeypatch.setattr(FtpServer, "max_cons_per_ip", 3)
    held = [socket.create_connection(("127.0.0.1", port_of(ftp)), timeout=10) for _ in range(3)]
    for connection in held:
        connection.recv(100)

    with socket.create_connection(("127.0.0.1", port_of(ftp)), timeout=10) as refused:
        assert refused.recv(100).startswith(b"421")
    for connection in held:
        connection.close()


def test_ft02_idle_sessions_make_room_for_a_phone(ftp, monkeypatch):
    monkeypatch.setattr(FtpServer, "max_cons", 10)
    held = [
        socket.create_connection(("127.0.0.1", port_of(ftp)), timeout=10, source_address=(f"127.0.0.{20 + n}", 0))
        for n in range(15)
    ]

    with ftplib.FTP() as client:
        client.connect("127.0.0.1", port_of(ftp), timeout=20)
        client.login(*login_of(ftp))
        assert fetch(client, NAME) == b"#hello\n"
    for connection in held:
        connection.close()


def test_ft02_a_session_without_a_sign_in_ends(ftp, monkeypatch):
    monkeypatch.setattr(ftpsessions.PhoneSession, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", port_of(ftp)), timeout=10) as idle:
        assert idle.recv(100) == b"220 webprov\r\n"
        assert idle.recv(100).startswith(b"421")


def test_passive_transfers_use_the_ports_of_the_settings(ftp, client, fleet):
    fleet.change(ftp_passive_ports="21270-21279")

    assert eventually(lambda: ftp.passive_ports)
    _, port = ftplib.parse229(client.sendcmd("EPSV"), ("127.0.0.1", 0))
    host, other = ftplib.parse227(client.sendcmd("PASV"))

    assert 21270 <= port <= 21279
    assert 21270 <= other <= 21279
    assert host == "127.0.0.1"


def test_behind_nat_outside_clients_are_told_the_server_address():
    outside = OutsideAddress()
    outside.for_client("8.8.8.8", "9.9.9.9")

    assert eventually(lambda: outside.for_client("8.8.8.8", "9.9.9.9")) == "8.8.8.8"
    assert outside.for_client("8.8.8.8", "192.168.1.20") is None  # it came past the NAT
    assert outside.for_client("127.0.0.1", "9.9.9.9") is None
    time.sleep(0.2)
    assert outside.for_client("127.0.0.1", "9.9.9.9") is None


def test_a_retiring_server_ends_what_is_under_way_and_begins_nothing_new(ftp, client, fleet):
    content = bytes(200) * 80_000
    fleet.add_file("big.bin", content)
    port = port_of(ftp)
    with client.transfercmd("RETR big.bin") as data:
        received = data.recv(1000)
        ftp.retiring.set()
        assert eventually(lambda: is_refused(port))
        while chunk := data.recv(65536):
            received += chunk

    assert received == content
    assert client.voidresp().startswith("226")
    assert refusal(client.sendcmd, f"RETR {NAME}").startswith("421")


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return True
    return False


def test_a_phone_stores_what_its_model_may_send(client, fleet, ftp):
    with fleet.instance.sessions() as session, writing(session):
        session.execute(update(Device).values(upload_names=f"{MAC.lower()}-log.txt"))
        bump(session, "files")

    client.cwd("provisioning")
    assert client.storbinary(f"STOR {MAC.lower()}-log.txt", io.BytesIO(b"boot ok\n")).startswith("226")
    assert fetch(client, f"{MAC.lower()}-log.txt") == b"boot ok\n"
    assert refusal(client.storbinary, f"STOR {MAC.lower()}-log.txt", io.BytesIO(b"x" * 1_100_000)).startswith("552")
    assert refusal(client.storbinary, f"STOR {OTHER.lower()}-log.txt", io.BytesIO(b"x")) == "550 Not found."
    assert fetch(client, f"{MAC.lower()}-log.txt") == b"boot ok\n"


# --- FTPS


def tls_client(server, source: str = "127.0.0.1") -> ftplib.FTP_TLS:
    client = ftplib.FTP_TLS(context=ssl._create_unverified_context())
    client.connect("127.0.0.1", port_of(server), timeout=20)
    return client


def test_ft03_explicit_ftps_needs_tls_before_the_sign_in_and_for_data(ftps):
    with tls_client(ftps) as client:
        assert refusal(client.sendcmd, f"USER {login_of(ftps)[0]}").startswith("5")
        client.login(*login_of(ftps))
        assert refusal(client.sendcmd, "EPSV").startswith("5")
        client.prot_p()
        assert fetch(client, NAME) == b"#hello\n"
        client.prot_c()
        assert refusal(client.sendcmd, "PASV").startswith("5")


def test_ftp_offers_tls_too(ftp):
    with tls_client(ftp) as client:
        client.login(*login_of(ftp))
        client.prot_p()
        assert fetch(client, NAME) == b"#hello\n"


def test_ftp_without_a_certificate_says_so(start_ftp):
    with tls_client(start_ftp(tls=False)) as client:
        assert refusal(client.auth) == "502 No TLS here."
        assert "AUTH" not in client.sendcmd("FEAT")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("url", ["ftps://{host}/{name}", "ftp://{host}/provisioning/{name}"])
def test_curl_fetches_by_implicit_and_explicit_ftps(ftps, url):
    user, password = login_of(ftps)
    url = url.format(host=f"127.0.0.1:{port_of(ftps)}", name=NAME)

    done = subprocess.run(
        ["curl", "-sSk", "--ssl-reqd", "-u", f"{user}:{password}", url], capture_output=True, timeout=60
    )

    assert done.stdout == b"#hello\n", done.stderr


@pytest.mark.skipif(not shutil.which("lftp"), reason="lftp is not installed")
@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
def test_lftp_fetches_a_large_file_by_ftps(ftps, fleet, tmp_path, scheme):
    content = bytes(range(256)) * 20_000
    fleet.add_file("big.bin", content)
    user, password = login_of(ftps)
    target = tmp_path / "big.bin"
    script = (
        "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set net:max-retries 2;"
        f"open -u {user},{password} {scheme}://127.0.0.1:{port_of(ftps)}; cd provisioning; get big.bin -o {target}"
    )

    done = subprocess.run(["lftp", "-c", script], capture_output=True, text=True, timeout=90)

    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == content


def test_implicit_ftps_protects_data_from_the_start(ftps):
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port_of(ftps)), timeout=20)) as control:
        lines = control.makefile("rw", newline="")

        def say(command: str) -> str:
            lines.write(command + "\r\n")
            lines.flush()
            return lines.readline()

        assert lines.readline() == "220 webprov\r\n"
        user, password = login_of(ftps)
        assert say(f"USER {user}").startswith("331")
        assert say(f"PASS {password}").startswith("230")
        _, port = ftplib.parse229(say("EPSV").strip(), ("127.0.0.1", 0))
        lines.write(f"RETR {NAME}\r\n")
        lines.flush()
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20)) as data:
            assert data.recv(100) == b"#hello\n"


def test_junk_and_silence_on_the_ftps_port_hold_up_nobody(ftps):
    silent = [socket.create_connection(("127.0.0.1", port_of(ftps)), timeout=10) for _ in range(8)]
    for junk in (b"\x16\x03\x01\xff\xff" + b"\xff" * 300, b"\xff" * 3_000, b"\0\r\n"):
        with socket.create_connection(("127.0.0.1", port_of(ftps)), timeout=10) as connection:
            connection.sendall(junk)

    with tls_client(ftps) as client:
        client.login(*login_of(ftps))
        client.prot_p()
        assert fetch(client, NAME) == b"#hello\n"
    for connection in silent:
        connection.close()
