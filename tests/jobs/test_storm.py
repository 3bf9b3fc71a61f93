"""A boot storm (security R1): many phones with addresses of their own ask at once, by every protocol, for their files.

Each gets its own file whole, at the first try or one of two more, as phones do; people go on working meanwhile.
WEBPROV_LONG=1 sends 5,000 phones instead of 200, then 5,000 by HTTP alone and 2,000 by HTTPS.
"""

import base64
import ftplib
import http.client
import io
import socket
import ssl
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from sqlalchemy import select

from tests.factories import make_tenant
from tests.properties import LONG
from tests.service import Service, eventually, free_port, status
from tests.webprov.serving.tftpclient import Client, Reply, fetch
from webprov.deviceimport import import_devices
from webprov.enums import Protocol
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import Device, RenderedFileRecord
from webprov.store.settings import load_settings

PHONES = 5_000 if LONG else 200
TRIES = 3
MIX = [Protocol.HTTP] * 13 + [Protocol.HTTPS] * 3 + [Protocol.FTP] * 2 + [Protocol.FTPS, Protocol.TFTP]
STORMS = {"mixed": (MIX, PHONES)}
if LONG:
    STORMS |= {"http": ([Protocol.HTTP], PHONES), "https": ([Protocol.HTTPS], 2_000)}


@pytest.fixture
def service(tmp_path):
    running = Service(tmp_path)
    running.ports = {protocol: free_port() for protocol in Protocol if protocol is not Protocol.HTTP}
    running.change(
        server_address="127.0.0.1",
        **{f"{protocol}_enabled": True for protocol in running.ports},
        **{f"{protocol}_port": port for protocol, port in running.ports.items()},
        tftp_networks="127.0.0.0/8",
    )
    yield running
    running.close()


@pytest.fixture
def files(service):
    """The file of each phone, by name, with the checksum of what was provisioned."""
    loader = SiteLoader(service.instance.config)
    with service.instance.sessions() as session:
        make_tenant(session)
        rows = [f"acme,{0x805EC0200000 + number:012X},yealink-t31p,{number},secret" for number in range(PHONES)]
        text = "\n".join(["tenant,mac,model,line1_userid,line1_password", *rows])
        import_devices(session, loader.load(session), text, CONSOLE)
        provision_devices(session, loader.load(session), session.scalars(select(Device.id)).all())
        own = select(RenderedFileRecord.path, RenderedFileRecord.sha256).where(
            RenderedFileRecord.device_id.is_not(None)
        )
        return {row.path: row.sha256 for row in session.execute(own.order_by(RenderedFileRecord.path))}


class Phone:
    """One phone: its address, its protocol, and the file that it wants."""

    def __init__(self, service: Service, settings, number: int, protocol: Protocol) -> None:
        self.source = f"127.{1 + number // 60_000}.{number // 250 % 240}.{1 + number % 250}"
        self.settings, self.service = settings, service
        self.protocol = protocol

    def fetch(self, name: str) -> bytes:
        return getattr(self, f"_by_{self.protocol}")(name)

    def _by_http(self, name: str, connection: http.client.HTTPConnection | None = None) -> bytes:
        """A boot file that nobody made, the shared file and its own, each by a connection of its own."""
        kept = connection or http.client.HTTPConnection("127.0.0.1", self.service.port, 20, (self.source, 0))
        pair = f"{self.settings.http_user}:{self.settings.http_password}"
        login = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        statuses = []
        for asked in (name.replace(".cfg", ".boot"), "y000000000123.cfg", name):
            try:
                kept.request("GET", f"/provisioning/{asked}", headers=login)
                answer = kept.getresponse()
                content = answer.read()
            finally:
                kept.close()
            statuses.append(answer.status)
        return content if statuses == [404, 200, 200] else b""

    def _by_https(self, name: str) -> bytes:
        trusting = ssl._create_unverified_context()
        port = self.service.ports[Protocol.HTTPS]
        kept = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=20, source_address=(self.source, 0), context=trusting
        )
        return self._by_http(name, kept)

    def _by_ftp(self, name: str) -> bytes:
        return self._over(ftplib.FTP(timeout=20), self.service.ports[Protocol.FTP], name)

    def _by_ftps(self, name: str) -> bytes:
        session = ftplib.FTP_TLS(timeout=20, context=ssl._create_unverified_context())
        return self._over(session, self.service.ports[Protocol.FTPS], name)

    def _over(self, session: ftplib.FTP, port: int, name: str) -> bytes:
        with session:
            session.connect("127.0.0.1", port, source_address=(self.source, 0))
            session.login(self.settings.ftp_user, self.settings.ftp_password)
            if isinstance(session, ftplib.FTP_TLS):
                session.prot_p()
            received = io.BytesIO()
            session.retrbinary(f"RETR {name}", received.write)
            return received.getvalue()

    def _by_tftp(self, name: str) -> bytes:
        with Client(self.service.ports[Protocol.TFTP], self.source, timeout=20) as client:
            got = fetch(client, name)
            return b"" if isinstance(got, Reply) else got


@pytest.mark.parametrize("storm", STORMS)
def test_every_phone_of_a_storm_gets_its_own_file_whole(service, files, storm):
    protocols, count = STORMS[storm]
    with service.instance.sessions() as session:
        settings = load_settings(session)
    service.start()
    assert eventually(lambda: status(service.port, "/provisioning/x"), 20)
    for protocol, port in service.ports.items():
        assert protocol is Protocol.TFTP or eventually(lambda port=port: takes_connections(port), 20)
    assert eventually(lambda: status(service.admin, "/setup") == 200, 20)
    tries: Counter[int] = Counter()
    wrong: list[str] = []

    def boot(number: int, name: str, expected: str) -> None:
        phone = Phone(service, settings, number, protocols[number % len(protocols)])
        for attempt in range(1, TRIES + 1):
            try:
                content = phone.fetch(name)
            except (OSError, EOFError, AssertionError, ftplib.Error, http.client.HTTPException):
                time.sleep(0.2 * attempt)
                continue
            if sha256(content).hexdigest() == expected:
                tries[attempt] += 1
                return
        wrong.append(f"{phone.protocol} {name}")

    pages: list[int | None] = []
    done = threading.Event()
    person = threading.Thread(target=lambda: look_on(service.admin, pages, done))
    person.start()
    began = time.monotonic()
    with ThreadPoolExecutor(64) as phones:
        for number, (name, expected) in enumerate(list(files.items())[:count]):
            phones.submit(boot, number, name, expected)
    seconds = time.monotonic() - began
    done.set()
    person.join()

    print(f"{storm}: {dict(tries)} in {seconds:.1f} s, {len(pages)} pages")
    assert wrong == []
    assert sum(tries.values()) == count
    assert sum(those for attempt, those in tries.items() if attempt > 1) <= max(2, count // 200)
    assert pages.count(200) >= 0.99 * len(pages)


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def look_on(port: int, seen: list[int | None], done: threading.Event) -> None:
    """Somebody who opens a page again and again."""
    while not done.wait(0.2):
        seen.append(status(port, "/setup"))
    seen.append(status(port, "/setup"))
