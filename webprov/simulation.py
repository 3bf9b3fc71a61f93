"""What a phone would get: its model's boot sequence, played by its own protocol and with its own credentials (spec 8).

`plan_boot` reads everything that is needed; `play` then only talks to the server, so that no database waits for it.
"""

import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.downloads import Download, Server, download
from webprov.enums import FileState, Protocol, ProvisioningMode
from webprov.errors import InvalidValue, NotFound
from webprov.fleet import state_of
from webprov.mac import format_mac
from webprov.phones.modelkeys import model_segment
from webprov.phones.phonemodel import BootRequest, PhoneModel
from webprov.rendering.paths import output_path
from webprov.rendering.servers import Delivery, delivery_of, host_of
from webprov.rendering.variables import device_variables
from webprov.serving.simulated import make_mark
from webprov.serving.tlscontexts import phone_pair
from webprov.site import Site
from webprov.store.devicedata import DeviceData
from webprov.store.models import Device, PushRecord, RenderedFileRecord

_LONGEST_SECONDS = 25.0
_ENDS = {0: "the request before got no answer", 401: "the sign-in was refused, and trying on would lock it out"}
_WORDS = {
    401: "The server refused the user or the password.",
    403: "The server did not allow it.",
    404: "It is not there.",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded of a file that provisioning made."""

    sha256: str
    older: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """A boot sequence about to be played. `requests` have their names filled in; `files` is by folded name."""

    server: Server
    requests: tuple[BootRequest, ...]
    files: Mapping[str, Known]
    revision: int
    state: FileState
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request and what became of it. `status` as in HTTP, whatever the protocol; 0: no answer, or not asked.

    `expected`: provisioning made this file, so it should be there; `current`: what came is just that.
    """

    request: str
    status: int
    bytes: int
    required: bool
    note: str
    expected: bool = False
    current: bool = False
    asked: bool = True

    @property
    def failed(self) -> bool:
        """Whether the phone cannot go on without this file, and has not got it."""
        return self.required and self.status != 200

    @property
    def differs(self) -> bool:
        """Whether the phone would get something else than what should be there."""
        return self.failed or (self.expected and not self.current)


def plan_boot(
    session: Session, site: Site, device: DeviceData, *, url: str = "", protocol: Protocol | None = None
) -> Plan:
    """What `device` will ask for, and where: at `url`, or where its files point it, by `protocol` or its own.

    Raises NotFound for a missing model, InvalidValue for a URL or protocol that cannot be asked.
    """
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        raise NotFound(f"The model “{device.model}” is missing. Choose another model or put it back.")
    row = session.get_one(Device, device.id)
    segment = model_segment(model.key) if site.settings.mode is ProvisioningMode.EXTERNAL else ""
    server, remarks = _server(site, device, model, url, protocol)
    return Plan(
        server=replace(server, user_agent=row.user_agent or user_agent(model, device.mac)),
        requests=_requests(site, device, model),
        files=_files(session, segment, device.id),
        revision=row.revision,
        state=state_of(session, site, row),
        remarks=remarks,
    )


def play(plan: Plan, seconds: float = _LONGEST_SECONDS) -> Iterator[Step]:
    """Each request as it is answered. Once nothing answers, the sign-in is refused or the time is over, no more is
    asked."""
    end, gone = time.monotonic() + seconds, ""
    for request in plan.requests:
        left = end - time.monotonic()
        gone = gone or ("" if left > 0.5 else f"the {seconds:.0f} s of a simulation are over")
        known = plan.files.get(request.name.casefold())
        step = Step(request.name, 0, 0, not request.optional, f"Not asked: {gone}.", known is not None, asked=not gone)
        if gone:
            yield step
            continue
        got = download(plan.server, request.name, left)
        yield replace(
            step,
            status=got.status,
            bytes=got.size,
            note=_note(plan, request, got),
            current=known is not None and not got.trouble and got.sha256 == known.sha256,
        )
        if got.status in _ENDS:
            gone = _ENDS[got.status]


def user_agent(model: PhoneModel, mac: str) -> str:
    """What a phone of `model` calls itself, by the model's pattern; webprov's own name where that is not known."""
    if not model.user_agent:
        return "webprov simulate"
    version = re.search(r"\d+(?:\.\d+){1,4}", model.firmware, re.ASCII)
    said = {
        "model": model.label.removeprefix(model.brand).strip().replace(" ", "_"),
        "firmware": version[0] if version else "0.0.0.0",  # noqa: S104 - a version, not an address
        "mac": format_mac(mac).lower(),
    }
    return re.sub(r"\{([a-z_]+)\}", lambda name: said.get(name[1], ""), model.user_agent).replace("*", "").strip()


def _requests(site: Site, device: DeviceData, model: PhoneModel) -> tuple[BootRequest, ...]:
    """The boot sequence; for a model that states none, its files in the order in which they are written."""
    made = [rule.output for rule in model.shared] + [rule.output for rule in reversed(model.files)]
    boot = model.boot or tuple(BootRequest(name) for name in made)
    values = device_variables(device, model, site.system).context.values
    return tuple(replace(request, name=output_path(request.name, values, site.library)) for request in boot)


def _files(session: Session, segment: str, device_id: int) -> dict[str, Known]:
    """The device's own and the shared files, with the checksums of what was carried to the DMS before."""
    owned = or_(RenderedFileRecord.device_id == device_id, RenderedFileRecord.device_id.is_(None))
    rows = session.scalars(select(RenderedFileRecord).where(owned, RenderedFileRecord.segment == segment)).all()
    pushed: dict[Any, set[str]] = {}
    of = or_(PushRecord.device_id == device_id, PushRecord.device_id.is_(None))
    for push in session.scalars(select(PushRecord).where(of, PushRecord.sha256 != "")):
        pushed.setdefault((push.segment, push.path), set()).add(push.sha256)
    found = {}
    for row in rows:
        older = pushed.get((row.segment, row.path), set()) - {row.sha256}
        found[row.path_key] = Known(row.sha256, frozenset(older))
    return found


def _server(
    site: Site, device: DeviceData, model: PhoneModel, url: str, protocol: Protocol | None
) -> tuple[Server, tuple[str, ...]]:
    settings = site.settings
    own = (device.prov_user, device.prov_password) if settings.device_credentials else ("", "")
    told = delivery_of(settings, replace(model, protocol=protocol or model.protocol), own)
    if url:
        return _server_at(url, protocol, told), ()
    if settings.mode is ProvisioningMode.EXTERNAL:
        return _dms(told, protocol), ()
    chosen = Protocol(told.protocol.value)
    if not settings.enabled(chosen):
        raise InvalidValue(f"{chosen.upper()} is switched off here. Switch it on in the settings, or choose another.")
    return _here(site.config, settings.port(chosen), told)


def _dms(told: Delivery, protocol: Protocol | None) -> Server:
    """The external DMS. Its certificate must be good: it is given its password."""
    chosen = protocol or Protocol(told.protocol.value)
    if chosen not in (Protocol.HTTP, Protocol.HTTPS):
        raise InvalidValue(f"Phones reach an external DMS by HTTP or HTTPS, not by {chosen.upper()}.")
    host = host_of(told.server.value)
    port = host.port or chosen.standard_port
    return Server(chosen, host.name, port, told.path, user=told.login.user.value, password=told.login.password.value)


def _server_at(url: str, protocol: Protocol | None, told: Delivery) -> Server:
    try:
        parts = urlsplit(url)
        chosen, port, name = Protocol(parts.scheme), parts.port, parts.hostname or ""
    except ValueError:
        chosen, port, name = None, None, ""
    if chosen is None or not name or parts.query or parts.fragment:
        raise InvalidValue(
            f"“{url[:80]}” is no address to ask. Write one like http://pbx.acme.example:8081/provisioning."
        )
    if parts.username or parts.password:
        raise InvalidValue("Leave user and password out of the URL: the device's own are used.")
    if protocol not in (None, chosen):
        raise InvalidValue(f"The URL is one of {chosen.upper()}. Leave --protocol out.")
    login = told.ftp if chosen in (Protocol.FTP, Protocol.FTPS) else told.http
    return Server(
        chosen,
        name,
        port or chosen.standard_port,
        parts.path.rstrip("/"),
        user=login.user.value,
        password=login.password.value,
    )


def _here(config: Config, port: int, told: Delivery) -> tuple[Server, tuple[str, ...]]:
    """This server under the address that phones are told; where that is not known here, this machine itself."""
    address, remarks = host_of(told.server.value).name, []
    host = address
    try:
        socket.getaddrinfo(address, port)
    except OSError:
        host = "127.0.0.1" if config.phone_address in ("0.0.0.0", "::") else config.phone_address  # noqa: S104
        remarks.append(
            f"The name {address} is not known on this machine, so it asked itself at {host}. Phones need it."
        )
    chosen = Protocol(told.protocol.value)
    trusted = ""
    if chosen in (Protocol.HTTPS, Protocol.FTPS):
        pair = phone_pair(config)
        with suppress(OSError):
            trusted = pair.certificate.read_text()
        if pair.own:
            remarks.append("The certificate is webprov's own: phones accept it only when they are told to trust it.")
    login = told.login
    server = Server(
        chosen,
        host,
        port,
        told.path,
        name=address,
        user="" if chosen is Protocol.TFTP else login.user.value,
        password="" if chosen is Protocol.TFTP else login.password.value,
        mark=make_mark(),
        trusted=trusted,
    )
    return server, tuple(remarks)


def _note(plan: Plan, request: BootRequest, got: Download) -> str:
    """What the answer means to a technician."""
    known = plan.files.get(request.name.casefold())
    if got.trouble:
        return got.trouble
    if got.status == 200:
        return _compared(plan, known, got.sha256)
    words = _WORDS.get(got.status, f"The server answered {got.status}.")
    if got.status == 401 and not plan.server.user:
        return "The server asks for a user and a password, and phones are told none."
    if got.status == 404 and request.optional and known is None:
        return "It is not there; the phone can do without it."
    if got.status == 404:
        return f"{words} {_why_missing(plan, known)}"
    return words


def _compared(plan: Plan, known: Known | None, checksum: str) -> str:
    if known is None:
        return "There; a file that provisioning did not make."
    if checksum == known.sha256:
        stale = plan.state is FileState.STALE
        return f"The current revision, {plan.revision}." + (
            " Changes saved since wait to be provisioned." if stale else ""
        )
    if checksum in known.older:
        return "Older content: the newest file has not arrived there yet."
    if plan.server.mark:
        return "Other content than webprov last made: provision the device, or see who else writes there."
    return "Other content than webprov last made: that server keeps old copies, or somebody else writes there."


def _why_missing(plan: Plan, known: Known | None) -> str:
    if plan.state is FileState.DISABLED:
        return "The device is disabled and gets nothing. Enable it first."
    if known is None:
        return "It has not been made: provision the device."
    if plan.server.mark:
        return (
            "webprov has it, but does not give it out here: see the networks allowed, its provisioning window, and the"
            " fetch log for why."
        )
    return "webprov has made it: see whether it was carried to that server, into this very folder."
