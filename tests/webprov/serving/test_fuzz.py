"""Names that nobody would type, over raw sockets (security PH-14, figure R9). WEBPROV_LONG=1 asks for a million:
700,000 by HTTP, 200,000 by TFTP, 100,000 by FTP.
"""

import os
import random
import socket
import sys
import time
from pathlib import Path
from typing import ClassVar

from tests.properties import LONG
from tests.webprov.serving.fleet import MAC
from tests.webprov.serving.tftpclient import Client, request
from webprov.store.models import FetchRecord

COUNT = 700_000 if LONG else 10_000
TFTP_COUNT = 200_000 if LONG else 2_000
FTP_COUNT = 100_000 if LONG else 1_000
_LONGEST_LINE = 1_500
GROWTH_BYTES = 50 * 1024 * 1024
GOOD_SECONDS = 0.5 if LONG else 5.0
CANARY = b"CANARY-4711"
GOOD = [f"{MAC.lower()}.cfg", "FIRMWARE-yealink-t54w/a.rom", "Config/logo.png", f"{MAC.lower()}-local.cfg"]
# fmt: off
TARGETS = [
    "secret.key", "webprov.sqlite3", "webprov.cfg", "user_provisioning/models.txt", "provisioning-old/a.cfg", "link",
    "uploads/805EC0123456/805ec0123456-local.cfg", "Config/link", "805ec0000002.cfg", "x.tmp",
]
UPS = [
    "../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "%252e%252e%252f", "..%c0%af", "..;/", "/./",
    "//", "%c0%ae%c0%ae/", "%e3%80%82%e3%80%82/", "%ef%bc%8e%ef%bc%8e%ef%bc%8f", "%u002e%u002e/", "./", "",
]
STARTS = ["", "/", "//", "file:///", "C:\\", "\\\\host\\share\\", "%00", "~/", "%2f", "http://x/", "provisioning/"]
ENDS = [
    "", "%00", "%00.xml", "/", "/.", "/..", ".bak", "~", "::$DATA", ".tmp", "%20", ".", ";x", "?x", "#x", "%0a", "%ff",
    "%e2%80%ae", "x" * 255, "x" * 256, "x" * 4096, "x" * 20_000,
]
# fmt: on


def names(source: random.Random, count: int):
    for _ in range(count):
        if source.random() < 0.7:
            ups = "".join(source.choice(UPS) for _ in range(source.randint(0, 6)))
            yield source.choice(STARTS) + ups + source.choice(TARGETS) + source.choice(ENDS)
        else:
            yield mutated(source, source.choice(GOOD))


def mutated(source: random.Random, name: str) -> str:
    letters = list(name)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(letters))
        letters[place] = source.choice(["", "/", ".", "%", "%2", "\x01", "\xff", chr(source.randrange(256)), "%00"])
    return "".join(letters).replace("\r", "").replace("\n", "") or "%"


def plant(fleet) -> None:
    """A phone with its files, and canaries wherever a name might get to."""
    instance = fleet.instance.config.instance
    device_id = fleet.add_phone(upload_names=f"{MAC.lower()}-local.cfg")
    other = fleet.add_device("805EC0000002", enabled=False)
    fleet.add_file("805ec0000002.cfg", CANARY, device_id=other)
    assert device_id != other
    for name in ("webprov.cfg", "user_provisioning/models.txt", "provisioning-old/a.cfg", "provisioning/x.tmp",
                 "uploads/805EC0123456/805ec0123456-local.cfg", "provisioning/.git/config"):  # fmt: skip
        file = instance / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(CANARY)
    fleet.add_asset("FIRMWARE-yealink-t54w/a.rom")
    fleet.add_asset("Config/logo.png")
    for link in ("link", "Config/link"):
        (fleet.root / link).symlink_to(instance / "webprov.cfg")


class Talker:
    """Asks on one connection after another, each kept as long as the server keeps it."""

    def __init__(self, phones) -> None:
        self._phones = phones
        self._login = phones.basic
        self._file = None
        self._socket = None

    def ask(self, name: str) -> tuple[int, bytes]:
        """The status and the body; 0 where the server ended the connection, which junk may well be answered with."""
        head = f"GET /provisioning/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: {self._login}\r\n\r\n"
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._phones.port), timeout=20)
                self._file = self._socket.makefile("rb")
            self._socket.sendall(head.encode("latin-1", "replace"))
            return self._read()
        except (ConnectionError, ValueError, IndexError):
            self.close()
            return 0, b""

    def close(self) -> None:
        if self._socket is not None:
            self._file.close()
            self._socket.close()
            self._socket = None

    def _read(self) -> tuple[int, bytes]:
        status = int(self._file.readline().split(b" ")[1])
        length, closes = 0, status in (304, 400, 413, 431)
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            closes = closes or line.lower() == b"connection: close\r\n"
        body = self._file.read(length)
        if closes:
            self.close()
        return status, body


class Opened:
    """The files that this process opens below a folder, as Python's audit events tell it."""

    folder = ""
    paths: ClassVar[set[str]] = set()

    @classmethod
    def watch(cls, event: str, arguments: tuple[object, ...]) -> None:
        """Called by Python for whatever it does."""
        if cls.folder and event == "open" and str(arguments[0]).startswith(cls.folder):
            cls.paths.add(str(arguments[0]))


sys.addaudithook(Opened.watch)


class Run:
    """Counts what came for names of a fresh seed, and sees that nothing leaks, slows down or grows."""

    def __init__(self, fleet) -> None:
        self._config = fleet.instance.config
        self.seed = random.SystemRandom().randrange(2**32)
        self.found: dict[int, int] = {}
        self.slowest = 0.0
        self._before = 0

    def through(self, count: int, ask, good) -> None:
        """`ask(name)` gives a status and a body, `good()` fetches the phone's own file."""
        Opened.folder, Opened.paths = str(self._config.instance), set()
        for number, name in enumerate(names(random.Random(self.seed), count)):
            status, body = ask(name)
            self.found[status] = self.found.get(status, 0) + 1
            assert CANARY not in body, f"seed {self.seed}: {name!r}"
            if number % 1_000 == 0:
                self._look(good, number)
        Opened.folder = ""
        self._check_opened()
        print(f"seed {self.seed}: {self.found}, slowest good fetch {self.slowest:.3f} s")

    def _check_opened(self) -> None:
        """Nothing of the instance was opened but what phones may see, or have sent."""
        seen = (self._config.provisioning_dir, self._config.uploads_dir / MAC)
        paths = [Path(path).resolve() for path in Opened.paths]
        assert [path for path in paths if not any(path.is_relative_to(one) for one in seen)] == []
        assert GOOD[0] in {path.name for path in paths}

    def _look(self, good, number: int) -> None:
        began = time.monotonic()
        assert good() == b"#hello\n", f"seed {self.seed}, name {number}"
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert self.slowest < GOOD_SECONDS, f"seed {self.seed}, name {number}"
        if number == 5_000:
            self._before = resident_bytes()
        assert not self._before or resident_bytes() < self._before + GROWTH_BYTES, f"seed {self.seed}, name {number}"


def resident_bytes() -> int:
    """The memory of this process, in which the listeners run, that is in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_r9_no_name_gets_anything_but_the_files_meant_for_phones(phones):
    plant(phones.fleet)
    phones.fleet.change(exempt_networks="127.0.0.0/8")  # names with other MACs would lock this source out
    talker, run = Talker(phones), Run(phones.fleet)

    run.through(COUNT, talker.ask, lambda: talker.ask(GOOD[0])[1])
    talker.close()

    assert set(run.found) <= {0, 200, 400, 404, 431}, f"seed {run.seed}: {run.found}"
    assert run.found[404] > COUNT / 3
    phones.settle()
    with phones.fleet.instance.sessions() as session:
        assert session.query(FetchRecord).filter(FetchRecord.status >= 500).count() == 0


def test_r9_nor_by_tftp(tftp, fleet):
    plant(fleet)
    fleet.change(exempt_networks="127.0.0.0/8")
    run = Run(fleet)
    with tftp.client() as client:
        run.through(TFTP_COUNT, lambda name: by_tftp(client, name), lambda: by_tftp(client, GOOD[0])[1])

    assert set(run.found) <= {3, 5}, f"seed {run.seed}: {run.found}"
    assert run.found[5] > TFTP_COUNT / 2


def by_tftp(client: Client, name: str) -> tuple[int, bytes]:
    """Opcode and content of the first datagram of an answer, which holds all of these files; acknowledged."""
    reply = client.ask(request(name.encode("latin-1", "replace")))
    assert reply is not None, f"no answer for {name!r}"
    if reply.opcode == 3:
        client.send(b"\0\4\0\1", reply.sender)
    return reply.opcode, reply.content


class FtpTalker:
    """Signs in, opens a data connection only where one is promised, and begins anew where the server ends it."""

    def __init__(self, server, fleet) -> None:
        self._port = server.socket.getsockname()[1]
        self._login = fleet.settings.ftp_user, fleet.settings.ftp_password
        self._control: socket.socket | None = None
        self._lines = None
        self._data: socket.socket | None = None

    def ask(self, name: str) -> tuple[int, bytes]:
        """The code of the answer to RETR, 0 where the connection ended; what came by the data connection."""
        try:
            if self._control is None:
                self._sign_in()
            if self._data is None:
                self._data = self._passive()
            code = self._say(f"RETR {name}")
            if len(name) > _LONGEST_LINE:  # what is left of it may be answered too
                self.close()
            return (code, self._received()) if code in (125, 150) else (code, b"")
        except (ConnectionError, ValueError):
            self.close()
            return 0, b""

    def close(self) -> None:
        for one in (self._data, self._lines, self._control):
            if one is not None:
                one.close()
        self._data = self._lines = self._control = None

    def _sign_in(self) -> None:
        self._control = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        self._lines = self._control.makefile("rb")
        self._answer()
        self._say(f"USER {self._login[0]}")
        assert self._say(f"PASS {self._login[1]}") == 230

    def _passive(self) -> socket.socket:
        assert self._say("EPSV") == 229
        return socket.create_connection(("127.0.0.1", int(self._text.split(b"|")[3])), timeout=20)

    def _received(self) -> bytes:
        content = b""
        while piece := self._data.recv(65_536):
            content += piece
        self._data.close()
        self._data = None
        self._answer()
        return content

    def _say(self, line: str) -> int:
        self._control.sendall(line.encode("latin-1", "replace") + b"\r\n")
        return self._answer()

    def _answer(self) -> int:
        while True:
            self._text = self._lines.readline()
            if not self._text:
                raise ConnectionError
            if self._text[3:4] == b" ":
                return int(self._text[:3])


def test_r9_nor_by_ftp(start_ftp, fleet):
    plant(fleet)
    fleet.change(exempt_networks="127.0.0.0/8")
    talker, run = FtpTalker(start_ftp(), fleet), Run(fleet)

    run.through(FTP_COUNT, talker.ask, lambda: talker.ask(GOOD[0])[1])
    talker.close()

    assert set(run.found) <= {0, 125, 150, 500, 501, 550}, f"seed {run.seed}: {run.found}"
    assert run.found[550] > FTP_COUNT / 3
