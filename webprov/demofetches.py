"""Three days of requests for the demo: phones that come each morning, trouble here and there, phones nobody entered.

They go through the fetch log's own tables as a listener leaves them.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.enums import Protocol
from webprov.serving.askers import Reason
from webprov.serving.fetch import Fetch
from webprov.serving.fetchcounts import STRANGERS, count_fetches
from webprov.serving.strangers import note_strangers
from webprov.store.database import writing
from webprov.store.models import Device, FetchRecord, utc_now
from webprov.store.uploadrecords import UploadRecord

_DAYS = 3
_STRANGERS = {  # MAC: user agent, address, file, how often
    "249AD8F00D01": ("Yealink SIP-T46U 108.86.0.20 24:9a:d8:f0:0d:01", "10.20.3.81", "249ad8f00d01.boot", 6),
    "249AD8F00D02": ("Yealink SIP-T46U 108.86.0.20 24:9a:d8:f0:0d:02", "10.20.3.82", "249ad8f00d02.boot", 4),
    "000B82ABCD01": ("Grandstream Model HW GXP2170 SW 1.0.11.79 DevId 000b82abcd01", "10.20.3.90",
                     "cfg000b82abcd01.xml", 2),
    "00041377AA10": ("", "10.20.3.95", "snom-00041377aa10.htm", 1),
    "3CD92B001122": ("curl/7.88.1", "203.0.113.77", "3cd92b001122.cfg", 1),
}  # fmt: skip
_LOG = "{at:%b %d %H:%M:%S} sua [{mac}]: registered line 1 at the server\n"


def add_fetches(session: Session, config: Config, chance: random.Random, agents: Mapping[str, str]) -> None:
    """Most phones have fetched in the last three days; `agents` are user agents by model, with `{mac}`."""
    now = utc_now()
    devices = session.scalars(select(Device).order_by(Device.id)).all()
    with writing(session):
        asked = [
            (device, fetch)
            for number, device in enumerate(devices)
            if number % 9 != 8
            for fetch in _visits(device, number, agents[device.model], now, chance)
        ]
        for device, fetch in sorted(asked, key=lambda pair: pair[1].at):
            session.add(_record(device, fetch))
            if fetch.delivered and fetch.revision:
                _remember(device, fetch)
        strangers = list(_stray(now, chance))
        note_strangers(session, strangers)
        session.add_all(_record(None, fetch, mac) for mac, fetch in strangers)
        count_fetches(
            session,
            [(device.tenant_id, one) for device, one in asked] + [(STRANGERS, one) for _, one in strangers],
        )
    _add_log(session, config, devices[0])


def _visits(device: Device, number: int, agent: str, now: datetime, chance: random.Random) -> Iterator[Fetch]:
    """What one phone asked on each of the days; the first file that day, later only whether it has changed."""
    address = f"10.20.{number % 4}.{number + 10}"
    protocol = Protocol.HTTPS if number % 5 == 1 else Protocol.HTTP
    last = now - timedelta(minutes=chance.randrange(3, 900))
    for day in reversed(range(_DAYS)):
        at = (last - timedelta(days=day)).timestamp()
        said = agent.format(mac=device.mac.lower())
        base = Fetch(at, protocol, address, address, said, "", 200, Reason.DELIVERED, 0, device.mac)
        is_new = day == _DAYS - 1
        if is_new:
            yield base._replace(path=_path(device.mac.lower() + ".boot"), status=404, reason=Reason.UNKNOWN_NAME)
        if number % 17 == 3 and not day:
            yield base._replace(path=_path(device.files[-1].path), status=401, reason=Reason.WRONG_CREDENTIALS)
        for place, file in enumerate(device.files):
            yield base._replace(
                at=at + 1 + place,
                path=_path(file.path),
                status=200 if is_new else 304,
                reason=Reason.DELIVERED if is_new else Reason.UNCHANGED,
                size=file.size if is_new else 0,
                revision=device.revision,
                delivered=True,
            )


def _stray(now: datetime, chance: random.Random) -> Iterator[tuple[str, Fetch]]:
    for mac, (agent, address, file, often) in _STRANGERS.items():
        last = now - timedelta(minutes=chance.randrange(4, 200))
        for time in reversed(range(often)):
            at = (last - timedelta(minutes=20 * time)).timestamp()
            yield (
                mac,
                Fetch(at, Protocol.HTTP, address, address, agent, _path(file), 401, Reason.NO_CREDENTIALS, 0, mac),
            )


def _path(name: str) -> str:
    return f"/provisioning/{name}"


def _record(device: Device | None, fetch: Fetch, mac: str = "") -> FetchRecord:
    return FetchRecord(
        at=datetime.fromtimestamp(fetch.at).astimezone(),
        protocol=str(fetch.protocol),
        address=fetch.address,
        user_agent=fetch.user_agent,
        path=fetch.path,
        mac=fetch.mac or mac,
        device_id=device.id if device else None,
        status=fetch.status,
        reason=str(fetch.reason),
        size=fetch.size,
        revision=fetch.revision,
    )


def _remember(device: Device, fetch: Fetch) -> None:
    device.last_fetch_at, device.last_fetch_protocol = (
        datetime.fromtimestamp(fetch.at).astimezone(),
        str(fetch.protocol),
    )
    device.last_fetch_address, device.user_agent = fetch.address, fetch.user_agent
    device.fetched_revision = fetch.revision


def _add_log(session: Session, config: Config, device: Device) -> None:
    """One phone has sent its log."""
    name = f"{device.mac.lower()}-boot.log"
    text = "".join(_LOG.format(at=utc_now() - timedelta(minutes=90 - 7 * line), mac=device.mac) for line in range(12))
    folder = config.uploads_dir / device.mac
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    with writing(session):
        session.add(
            UploadRecord(
                device_id=device.id, path=name, path_key=name, size=len(text), source="10.20.0.10", protocol="http"
            )
        )
