"""Names that nobody would type, over raw sockets (security PH-14, figure R9). WEBPROV_LONG=1 asks for a million."""

import os
import random
import socket

from tests.webprov.serving.fleet import MAC
from webprov.store.models import FetchRecord

COUNT = 1_000_000 if os.environ.get("WEBPROV_LONG") else 10_000
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


def names(source: random.Random):
    for _ in range(COUNT):
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


def plant(phones) -> None:
    """A phone with its files, and canaries wherever a name might get to."""
    fleet, instance = phones.fleet, phones.fleet.instance.config.instance
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


def test_r9_no_name_gets_anything_but_the_files_meant_for_phones(phones):
    plant(phones)
    phones.fleet.change(exempt_networks="127.0.0.0/8")  # names with other MACs would lock this source out
    seed = random.SystemRandom().randrange(2**32)
    talker = Talker(phones)
    found: dict[int, int] = {}

    for number, name in enumerate(names(random.Random(seed))):
        status, body = talker.ask(name)
        found[status] = found.get(status, 0) + 1
        assert CANARY not in body, f"seed {seed}: {name!r}"
        assert status < 500, f"seed {seed}: {name!r}"
        if number % 1_000 == 0:
            assert talker.ask(GOOD[0]) == (200, b"#hello\n"), f"seed {seed}"
    talker.close()

    assert set(found) <= {0, 200, 400, 404, 431}, f"seed {seed}: {found}"
    assert found[404] > COUNT / 3
    phones.settle()
    with phones.fleet.instance.sessions() as session:
        assert session.query(FetchRecord).filter(FetchRecord.status >= 500).count() == 0
