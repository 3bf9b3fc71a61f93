"""Devices and files as provisioning leaves them, and a client that asks for them over real sockets."""

import base64
import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sqlalchemy import select, update

from webprov.serving.fetching import Fetching
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.models import Device, FetchRecord, RenderedFileRecord, Tenant
from webprov.store.settings import ProvisioningSettings, load_settings, store_settings

MAC = "805EC0123456"


class Fleet:
    """Writes what provisioning would: rows, files on disk, the counter `files`."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.root = instance.config.provisioning_dir

    def add_device(
        self, mac: str = MAC, *, enabled: bool = True, revision: int = 1, tenant: str = "acme", **values: object
    ) -> int:
        with self.instance.sessions() as session, writing(session):
            found = session.scalar(select(Tenant).where(Tenant.name == tenant)) or Tenant(name=tenant)
            device = Device(mac=mac, tenant=found, model="yealink-t54w", enabled=enabled, revision=revision, **values)
            session.add(device)
            session.flush()
            bump(session, "files")
            return device.id

    def change_device(self, device_id: int, **values: object) -> None:
        self._change(Device, Device.id == device_id, values)

    def change_tenant(self, name: str, **values: object) -> None:
        self._change(Tenant, Tenant.name == name, values)

    def _change(self, table, where, values) -> None:
        with self.instance.sessions() as session, writing(session):
            session.execute(update(table).where(where).values(**values))
            bump(session, "files")
            bump(session, "logins")

    def add_asset(self, path: str, content: bytes = b"firmware"):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def add_file(
        self,
        path: str,
        content: bytes = b"#hello\n",
        *,
        device_id: int | None = None,
        segment: str = "",
        owner: str = "",
    ):
        file = self.root / segment / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        record = RenderedFileRecord(
            device_id=device_id,
            owner=owner,
            path=path,
            path_key=path.casefold(),
            segment=segment,
            sha256=sha256(content).hexdigest(),
            size=len(content),
            masked=b"",
        )
        with self.instance.sessions() as session, writing(session):
            session.add(record)
            bump(session, "files")
        return file

    def add_phone(self, mac: str = MAC, content: bytes = b"#hello\n", **values: object) -> int:
        device_id = self.add_device(mac, **values)
        self.add_file(f"{mac.lower()}.cfg", content, device_id=device_id)
        return device_id

    def change(self, **values: object) -> None:
        with self.instance.sessions() as session, writing(session):
            store_settings(session, replace(load_settings(session), **values), by="")
            bump(session, "settings")

    @property
    def settings(self) -> ProvisioningSettings:
        with self.instance.sessions() as session:
            return load_settings(session)

    def fetches(self) -> list[FetchRecord]:
        with self.instance.sessions() as session:
            return list(session.scalars(select(FetchRecord).order_by(FetchRecord.id)))


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def constant(self) -> tuple[object, ...]:
        """All that must be equal between answers that must not be told apart: no date, no nonce."""
        kept = [(key, value.partition("nonce=")[0]) for key, value in self.headers if key != "Date"]
        return self.status, tuple(kept), self.body


@dataclass
class Phones:
    """A running HTTP listener and a client for it; `source` is the loopback address that the client calls from."""

    port: int
    fetching: Fetching
    fleet: Fleet
    source: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    servers: list[object] = field(default_factory=list)

    @property
    def basic(self) -> str:
        settings = self.fleet.settings
        return basic(settings.http_user, settings.http_password)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        login: str | None = "right",
        source: str = "",
        body: bytes | None = None,
        **headers: str,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, 5, source_address=(source or self.source, 0))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if login is not None:
            sent["Authorization"] = self.basic if login == "right" else login
        connection.request(method, path, body, headers=sent)
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return answer

    def settle(self) -> list[FetchRecord]:
        self.fetching.log.settle(5)
        return self.fleet.fetches()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until `condition` holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
