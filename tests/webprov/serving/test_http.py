import http.client
import socket
import subprocess
import time
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from tests.properties import examples
from tests.webprov.serving.fleet import MAC, basic, wait_for
from webprov.serving.credentials import Nonces
from webprov.serving.http import parse_range
from webprov.store.database import bump, writing
from webprov.store.models import Device, RenderedFileRecord, utc_now
from webprov.store.secrets import keyring

FILE = f"/provisioning/{MAC.lower()}.cfg"


def curl(phones, path, *options, **ask):
    settings = phones.fleet.settings
    login = ask.get("login", f"{settings.http_user}:{settings.http_password}")
    command = [
        "curl",
        "-s",
        "-o",
        "-",
        "-w",
        "\n%{http_code}",
        *options,
        "-u",
        login,
        f"http://127.0.0.1:{phones.port}{path}",
    ]
    body, _, status = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.rpartition("\n")
    return int(status), body


def talk(phones, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", phones.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_a_phone_fetches_its_file_and_leaves_a_record(phones):
    device_id = phones.fleet.add_phone(content=b"server=pbx\n")

    answer = phones.ask(FILE, User_Agent="Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56")

    assert (answer.status, answer.body) == (200, b"server=pbx\n")
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Server") == "webprov"
    (fetch,) = phones.settle()
    assert (fetch.status, fetch.reason, fetch.size, fetch.mac, fetch.device_id) == (200, "", 11, MAC, device_id)
    with phones.fleet.instance.sessions() as session:
        device = session.get(Device, device_id)
        assert (device.last_fetch_protocol, device.last_fetch_address, device.fetched_revision) == (
            "http",
            "127.0.0.1",
            1,
        )
        assert device.user_agent.startswith("Yealink SIP-T54W")


@pytest.mark.parametrize("option", ["--basic", "--digest", "--anyauth"])
def test_curl_logs_in_by_basic_and_digest(phones, option):
    phones.fleet.add_phone(content=b"server=pbx\n")

    assert curl(phones, FILE, option) == (200, "server=pbx\n")
    assert curl(phones, FILE + "?a=b%20c", option) == (200, "server=pbx\n")
    assert curl(phones, FILE, option, login="phones:wrong")[0] == 401


def test_401_comes_before_any_look_up_and_is_equal_for_all(phones):
    phones.fleet.add_phone()
    user, password = phones.fleet.settings.http_user, phones.fleet.settings.http_password
    logins = [None, basic(user, "wrong"), basic("wrong", password), basic("", ""), "Basic !", "Bearer x", "Digest x"]
    names = [FILE, "/provisioning/805ec0999999.cfg", "/provisioning/", "/provisioning/../secret.key"]

    answers = {phones.ask(name, login=login).constant for name in names for login in logins[: 7 if name == FILE else 3]}

    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_404_is_equal_for_unknown_disabled_gone_and_refused_names(phones):
    phones.fleet.add_phone()
    disabled = phones.fleet.add_device("805EC0000001", enabled=False)
    phones.fleet.add_file("805ec0000001.cfg", device_id=disabled)
    gone = phones.fleet.add_device("805EC0000002")
    phones.fleet.add_file("805ec0000002.cfg", device_id=gone).unlink()
    names = ["805ec0000001.cfg", "805ec0000002.cfg", "nothing.cfg", "", "a/b", "x" * 3000, "%00", "%ff", "../x"]

    answers = {phones.ask("/provisioning/" + name).constant for name in names}
    answers |= {phones.ask(path, login=login).constant for path in ("/login", "/", "/x") for login in ("right", None)}

    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_the_case_of_a_name_makes_no_difference(phones):
    phones.fleet.add_phone(content=b"mine\n")

    assert phones.ask("/provisioning/805EC0123456.CFG").body == b"mine\n"
    assert phones.ask("/provisioning/%38%30%35ec0123456.cfg").body == b"mine\n"
    assert phones.ask("/PROVISIONING/805ec0123456.cfg").status == 404


def test_files_below_a_segment_are_found_there_only(phones):
    device_id = phones.fleet.add_device()
    phones.fleet.add_file("805ec0123456.cfg", b"external\n", device_id=device_id, segment="Acme-T54W")

    assert phones.ask("/provisioning/acme-t54w/805ec0123456.cfg").body == b"external\n"
    assert phones.ask(FILE).status == 404


def test_head_has_the_headers_and_no_body(phones):
    phones.fleet.add_phone(content=b"0123456789")

    answer = phones.ask(FILE, method="HEAD")

    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "10")
    assert phones.ask(FILE, method="HEAD", login=None).body == b""


def test_an_unchanged_file_is_304_by_etag_or_date(phones):
    phones.fleet.add_phone()
    first = phones.ask(FILE)
    etag, modified = first.header("ETag"), first.header("Last-Modified")

    assert len(etag) == 34
    assert phones.ask(FILE, If_None_Match=etag).status == 304
    assert phones.ask(FILE, If_None_Match=f'"other", W/{etag}').status == 304
    assert phones.ask(FILE, If_None_Match='"other"', If_Modified_Since=modified).status == 200
    assert phones.ask(FILE, If_Modified_Since=modified).status == 304
    assert phones.ask(FILE, If_Modified_Since="Mon, 01 Jan 2001 00:00:00 GMT").status == 200
    assert phones.ask(FILE, If_Modified_Since="nonsense").status == 200
    assert phones.ask(FILE, If_None_Match=etag, login=None).status == 401


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "PROPFIND", "PATCH", "MKCOL", "MOVE", "LOCK"])
def test_ph15_other_methods_are_405_without_detail(phones, method):
    phones.fleet.add_phone()

    answers = {
        phones.ask(path, method=method, login=login).constant for path in (FILE, "/x") for login in ("right", None)
    }

    assert len(answers) == 1
    assert answers.pop()[0] == 405


def test_a_stale_nonce_is_asked_again_and_no_failure(phones):
    phones.fleet.add_phone()
    nonces = Nonces(keyring().session_key)
    old, fresh = nonces.make(time.time() - 400), nonces.make(time.time())

    stale = phones.ask(FILE, login=digest(phones, old))
    forged = phones.ask(FILE, login=digest(phones, "AAAA" * 10))
    wrong = phones.ask(FILE, login=digest(phones, old, password="wrong"))

    assert (stale.status, "stale=true" in stale.header("WWW-Authenticate")) == (401, True)
    assert "stale=true" in forged.header("WWW-Authenticate")
    assert "stale=true" not in wrong.header("WWW-Authenticate")
    assert phones.ask(FILE, login=digest(phones, fresh)).status == 200
    assert [fetch.reason for fetch in phones.settle()] == ["nonce too old", "nonce too old", "wrong credentials", ""]


def digest(phones, nonce, password=None):

    settings = phones.fleet.settings
    secret = md5(f"{settings.http_user}:webprov:{password or settings.http_password}".encode()).hexdigest()
    asked = md5(f"GET:{FILE}".encode()).hexdigest()
    answer = md5(f"{secret}:{nonce}:00000001:abc:auth:{asked}".encode()).hexdigest()
    return (
        f'Digest username="{settings.http_user}", realm="webprov", nonce="{nonce}", uri="{FILE}", qop=auth,'
        f' nc=00000001, cnonce="abc", response="{answer}"'
    )


def test_fs06_a_deleted_device_is_gone_at_once(phones):
    device_id = phones.fleet.add_phone()
    assert phones.ask(FILE).status == 200

    with phones.fleet.instance.sessions() as session, writing(session):
        session.delete(session.get(Device, device_id))
        bump(session, "files")
    time.sleep(0.01)

    assert phones.ask(FILE).status == 404


def test_a_new_file_is_served_at_once_and_new_credentials_hold_at_once(phones):
    assert phones.ask(FILE).status == 404
    phones.fleet.add_phone(content=b"new\n")
    time.sleep(0.01)
    assert phones.ask(FILE).body == b"new\n"

    before = phones.basic
    phones.fleet.change(http_password="another-password")
    time.sleep(0.01)

    assert phones.ask(FILE, login=before).status == 401
    assert phones.ask(FILE).status == 200


def test_only_listed_networks_are_served_whatever_headers_say(phones):
    phones.fleet.add_phone()
    phones.fleet.change(phone_networks="127.0.0.2/32, 10.0.0.0/8")
    time.sleep(0.01)

    assert phones.ask(FILE, source="127.0.0.2").status == 200
    refused = [
        phones.ask(
            FILE, source="127.0.0.3", X_Forwarded_For="10.1.2.3", Forwarded="for=10.1.2.3", X_Real_IP="10.1.2.3"
        ),
        phones.ask(FILE, source="127.0.0.3", login=None),
    ]

    assert {answer.constant for answer in refused} == {phones.ask("/nothing", source="127.0.0.2").constant}


def test_requests_that_are_no_http_are_refused_and_harm_nobody(phones):
    phones.fleet.add_phone()
    junk = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET " + FILE.encode() + b" HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET ".ljust(16 * 1024, b"A"),
        b"POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n",
    ]

    answers = [talk(phones, data).split(b"\r\n")[0] for data in junk]

    assert [answer.split(b" ")[1] for answer in answers] == [b"400", b"400", b"431", b"413"]
    assert phones.ask(FILE).status == 200


def test_connections_are_kept_for_the_next_request(phones):
    phones.fleet.add_phone()
    connection = http.client.HTTPConnection("127.0.0.1", phones.port, timeout=5)

    statuses = []
    for login in (None, phones.basic, phones.basic):
        connection.request("GET", FILE, headers={"Authorization": login} if login else {})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        used = connection.sock.getsockname()
    connection.close()

    assert statuses == [401, 200, 200]
    assert used is not None


def hostile_names():
    targets = ["secret.key", "webprov.sqlite3", "webprov.cfg", "user_provisioning/models.txt", "provisioning-old/a.cfg"]
    ups = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "%252e%252e%252f", "..%c0%af", "..;/"]
    names = [up * depth + target for target in targets for up in ups for depth in (1, 2)]
    names += [
        f"{prefix}{target}" for target in targets for prefix in ("/", "//", "./", "%00", "x/../../", "file:///", "%2f")
    ]
    names += [
        f"805ec0123456.cfg{tail}"
        for tail in ("%00", "%00.xml", "/", "/.", "/..", ".bak", ".orig", "~", "::$DATA", ".tmp", "%20", ";x")
    ]
    names += [".", "..", ".git/config", ".tmp", "link", "folder/link", "folder", "folder/", "*", "%2a", "CON", "a:b"]
    names += [
        "%u002e%u002e/secret.key",
        "\\\\host\\share",
        "C:\\secret.key",
        "%e2%80%ae",
        "%ef%bc%8e%ef%bc%8e/secret.key",
    ]
    names += ["x" * length for length in (255, 256, 1024, 4096)] + [f"%{number:02x}" for number in range(1, 33)]
    return names


def test_hostile_names_never_leak_a_file(phones):
    fleet = phones.fleet
    device_id = fleet.add_phone()
    for name in (
        "webprov.cfg",
        "user_provisioning/models.txt",
        "provisioning-old/a.cfg",
        "provisioning/805ec0999998.cfg",
    ):
        path = fleet.instance.config.instance / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("CANARY")
    (fleet.root / "link").symlink_to(fleet.instance.config.key_file)
    fleet.add_file("folder/inside.cfg", device_id=device_id)
    (fleet.root / "folder/inside.cfg").unlink()
    (fleet.root / "folder/inside.cfg").symlink_to(fleet.instance.config.instance / "webprov.cfg")
    names = [*hostile_names(), "805ec0999998.cfg", "folder/inside.cfg"]

    statuses = {}
    for name in names:
        sent = f"GET /provisioning/{name} HTTP/1.0\r\nAuthorization: {phones.basic}\r\n\r\n"
        statuses[name] = talk(phones, sent.encode("latin-1", "replace")).split(b" ")[1]

    assert len(names) >= 200
    assert {name: status for name, status in statuses.items() if status not in (b"404", b"400")} == {}


def test_a_record_with_an_unclean_path_is_never_opened(phones):
    with phones.fleet.instance.sessions() as session, writing(session):
        for path in ("../secret.key", "a/../../secret.key"):
            session.add(RenderedFileRecord(path=path, path_key=path, sha256="", size=1, masked=b""))
        bump(session, "files")
    time.sleep(0.01)

    assert (
        talk(phones, f"GET /provisioning/../secret.key HTTP/1.0\r\nAuthorization: {phones.basic}\r\n\r\n".encode())[
            9:12
        ]
        == b"404"
    )


def test_names_and_agents_of_records_cannot_steer_a_terminal(phones):
    phones.ask("/provisioning/805ec0999999%0a%1b[31m.cfg", User_Agent="x\xe2\x80\xae" + "y" * 400)

    (fetch,) = phones.settle()

    assert fetch.path == "/provisioning/805ec0999999\\n\\x1b[31m.cfg"
    assert fetch.user_agent.startswith("x\\u202ey")
    assert len(fetch.user_agent) == 250
    assert (fetch.mac, fetch.device_id, fetch.reason) == ("805EC0999999", None, "unknown name")


def test_phones_are_served_while_the_database_cannot_be_used(phones, monkeypatch):
    phones.fleet.add_phone()
    assert phones.ask(FILE).status == 200
    expected = phones.basic

    def broken(*_args, **_kwargs):
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    phones.fetching.log.settle(5)
    wait_for(lambda: phones.fetching._index.knows(MAC))
    monkeypatch.setattr(phones.fetching._index._engine, "connect", broken)
    monkeypatch.setattr(phones.fetching._index._engine, "begin", broken)
    phones.fetching._watch._counts = {"files": 10_000, "settings": 10_000, "lockouts": 10_000}
    phones.fetching._watch._due = float("inf")

    assert phones.ask(FILE, login=expected).status == 200
    assert phones.ask("/provisioning/other.cfg", login=expected).status == 404


@examples(200, 20_000)
@given(
    st.text(max_size=40)
    | st.builds("bytes={}-{}".format, st.integers(0, 10**19) | st.just(""), st.integers(0, 10**19) | st.just("")),
    st.integers(0, 10**12),
)
def test_any_range_header_stays_within_the_file(header, size):
    part = parse_range(header, size)

    assert part is None or (part.start >= 0 and part.stop <= size and part.step == 1)


# fmt: off
SENSITIVE = [
    ".env", ".git/HEAD", ".git/config", ".htaccess", ".htpasswd", ".svn/entries", ".DS_Store", "secret.key",
    "webprov.cfg", "webprov.sqlite3", "webprov.sqlite3-wal", "queue.sqlite3", "models.d", "models.d/yealink.ini",
    "user_provisioning", "user_provisioning/models.txt", "instance", "instance/secret.key", "uploads",
    "uploads/805EC0123456", "tls", "tls/phones.key", "scripts", "phone_templates", "backup.zip", "index.html",
    "index.php", "robots.txt", "favicon.ico", "healthz", "metrics", "login", "setup", "settings", "devices", "admin",
    "server-status", "wp-login.php", "CONTACTS", "CONTACTS/", "CONTACTS/acme", "CONTACTS/acme/", "Config", "Config/",
    "FIRMWARE-x", "FIRMWARE-x/", ".", "..", "./", "%2e",
]
# fmt: on


def test_ph16_sensitive_names_and_folders_are_not_there(phones):
    phones.fleet.add_phone()
    phones.fleet.add_asset("Config/logo.png")
    phones.fleet.add_file("CONTACTS/acme/yealink.xml", owner="CONTACTS/acme")
    names = [*SENSITIVE, *(f"{MAC}.cfg{tail}" for tail in (".bak", ".tmp", "~", ".swp", ".orig", ".old", "/"))]

    answers = {phones.ask(f"/provisioning/{name}").constant for name in names}

    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_ph17_pages_of_the_admin_ui_are_not_on_this_port(phones):
    paths = ["/", "/login", "/setup", "/settings/", "/devices/", "/healthz", "/metrics", "/static/theme.css", "/x"]

    answers = {phones.ask(path, login=login).constant for path in paths for login in ("right", None)}

    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_ph03_refusals_look_the_same_in_every_byte(phones):
    """Whatever differs in them would be an oracle: 200 samples of each class."""
    fleet = phones.fleet
    fleet.add_phone(own_login_at=utc_now())
    fleet.change(device_credentials=True)
    disabled = fleet.add_device("805EC0000001", enabled=False)
    fleet.add_file("805ec0000001.cfg", device_id=disabled)
    far = fleet.add_device("805EC0000002", tenant="far", shared_names="")
    fleet.add_file("805ec0000002.cfg", device_id=far)
    fleet.change_tenant("far", networks="10.0.0.0/8")
    time.sleep(0.01)
    classes = {
        "of its own": FILE,
        "disabled": "/provisioning/805ec0000001.cfg",
        "elsewhere": "/provisioning/805ec0000002.cfg",
        "optional": f"/provisioning/{MAC}.boot",
        "no name": "/provisioning/nothing",
    }

    answers = {phones.ask(path).constant for _ in range(40) for path in classes.values()}

    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_ph07_empty_and_well_known_credentials_open_nothing(phones):
    phones.fleet.add_phone(prov_user="", prov_password="")
    phones.fleet.change(device_credentials=True, http_password="")
    time.sleep(0.01)
    pairs = [("", ""), (phones.fleet.settings.http_user, ""), ("PlcmSpIp", "PlcmSpIp"), ("admin", "admin"), ("", "x")]

    assert {phones.ask(FILE, login=basic(*pair)).status for pair in pairs} == {401}
