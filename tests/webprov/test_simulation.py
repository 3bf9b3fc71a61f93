"""The boot sequence of a real model against a running webprov, by every protocol, and against servers that are none."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.factories import make_device, make_tenant
from tests.service import Service, eventually, free_port, status
from tests.webprov.serving.fleet import Fleet
from webprov.changes.devices import change_device
from webprov.deviceinput import DeviceInput
from webprov.enums import FileState, Protocol
from webprov.errors import InvalidValue
from webprov.phones.phonemodel import PhoneModel
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.simulation import Plan, plan_boot, play, user_agent
from webprov.site import Site, SiteLoader
from webprov.store.devicedata import read_device
from webprov.store.models import Device, FetchRecord

MAC = "805EC0123456"
BOOT = ["805ec0123456.boot", "y000000000000.boot", "y000000000096.cfg", "805ec0123456.cfg"]


class Simulated:
    """A running service with one provisioned Yealink."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ports = {protocol: free_port() for protocol in Protocol if protocol is not Protocol.HTTP}
        service.change(
            server_address="127.0.0.1",
            **{f"{protocol}_enabled": True for protocol in self.ports},
            **{f"{protocol}_port": port for protocol, port in self.ports.items()},
            tftp_networks="127.0.0.0/8",
        )
        with service.instance.sessions() as session:
            make_tenant(session)
            make_device(session, self.site(session), MAC, model="yealink-t54w")
            provision_device(session, self.site(session), MAC)
        service.start()
        assert eventually(lambda: status(service.port, "/provisioning/x"))

    def site(self, session) -> Site:
        return SiteLoader(self.service.instance.config, recheck_seconds=0).load(session)

    def plan(self, **wanted: object) -> Plan:
        with self.service.instance.sessions() as session:
            return plan_boot(session, self.site(session), read_device(session, MAC), **wanted)

    def steps(self, **wanted: object) -> dict[str, tuple[int, str]]:
        return {step.request: (step.status, step.note) for step in play(self.plan(**wanted))}

    @property
    def device(self) -> Device:
        with self.service.instance.sessions() as session:
            return session.scalars(select(Device)).one()

    def by(self, protocol: str) -> list[FetchRecord]:
        """What was recorded of this protocol, but for the test's own first question whether it listens."""
        with self.service.instance.sessions() as session:
            found = session.scalars(select(FetchRecord).where(FetchRecord.protocol == protocol))
            return [fetch for fetch in found if fetch.path != "/provisioning/x"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Iterator[Simulated]:
    service = Service(tmp_path_factory.mktemp("simulated"))
    yield Simulated(service)
    service.close()


@pytest.mark.parametrize("protocol", Protocol)
def test_a_provisioned_phone_gets_its_current_files_by_every_protocol(simulated, protocol):
    assert eventually(lambda: simulated.steps(protocol=protocol)[BOOT[0]][0], 15)  # it listens

    steps = simulated.steps(protocol=protocol)

    assert list(steps) == BOOT
    assert steps[BOOT[0]] == steps[BOOT[1]] == (404, "It is not there; the phone can do without it.")
    assert steps[BOOT[2]] == steps[BOOT[3]] == (200, "The current revision, 1.")
    assert eventually(lambda: {fetch.user_agent[-11:] for fetch in simulated.by(protocol)} == {"(simulated)"})
    assert (simulated.device.last_fetch_at, simulated.device.fetched_revision) == (None, 0)


def test_a_simulation_calls_itself_what_the_phone_would(simulated):
    plan = simulated.plan()

    list(play(plan))

    assert plan.server.user_agent == "Yealink SIP-T54W 0.0.0.0 80:5e:c0:12:34:56"
    assert eventually(lambda: f"{plan.server.user_agent} (simulated)" in {f.user_agent for f in simulated.by("http")})


def test_the_webprov_own_certificate_is_accepted_and_said(simulated):
    plan = simulated.plan(protocol=Protocol.HTTPS)

    assert plan.remarks == ("The certificate is webprov's own: phones accept it only when they are told to trust it.",)
    assert simulated.steps(url=plan.server.url)[BOOT[0]] == (
        0,
        "TLS failed: the certificate is not trusted here (self-signed certificate).",
    )


def test_a_wrong_password_is_said(simulated):
    plan = simulated.plan()
    wrong = replace(plan, server=replace(plan.server, password="wrong-password"))

    steps = list(play(wrong))

    assert [step.status for step in steps] == [401, 0, 0, 0]
    assert steps[3].failed
    assert steps[0].note == "The server refused the user or the password."
    assert "the sign-in was refused" in steps[3].note


def test_other_and_stale_content_is_told_apart(simulated):
    file = simulated.service.instance.config.provisioning_dir / BOOT[3]
    content = file.read_bytes()

    file.write_bytes(b"changed by hand")
    other = simulated.steps()[BOOT[3]][1]
    file.write_bytes(content)
    plan = simulated.plan()
    stale = {step.request: step.note for step in play(replace(plan, state=FileState.STALE))}[BOOT[3]]

    assert other == "Other content than webprov last made: provision the device, or see who else writes there."
    assert stale == "The current revision, 1. Changes saved since wait to be provisioned."


def test_a_disabled_device_gets_nothing_and_is_told_why(simulated):
    with simulated.service.instance.sessions() as session:
        change_device(session, simulated.site(session), MAC, DeviceInput(MAC, {"enabled": False}), CONSOLE)

    steps = list(play(simulated.plan()))
    with simulated.service.instance.sessions() as session:
        change_device(session, simulated.site(session), MAC, DeviceInput(MAC, {"enabled": True}), CONSOLE)
        provision_device(session, simulated.site(session), MAC)

    assert [step.failed for step in steps] == [False, False, False, True]
    assert steps[3].note == "It is not there. The device is disabled and gets nothing. Enable it first."


def test_nothing_that_listens_ends_the_simulation_at_once(simulated):
    port = free_port()

    steps = list(play(simulated.plan(url=f"http://127.0.0.1:{port}/provisioning")))

    assert steps[0].note == f"Nothing listens at 127.0.0.1:{port}."
    assert {step.note for step in steps[1:]} == {"Not asked: the request before got no answer."}
    assert [step.status for step in steps] == [0] * 4


@pytest.mark.parametrize("protocol", ["http", "ftp", "tftp"])
def test_a_silent_server_does_not_hold_it_for_long(simulated, protocol):
    kind = socket.SOCK_DGRAM if protocol == "tftp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as silent:
        silent.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            silent.listen()
        url = f"{protocol}://127.0.0.1:{silent.getsockname()[1]}"
        steps = list(play(simulated.plan(url=url), seconds=1))

    assert steps[0].note == "No answer within 1 s."
    assert steps[3].failed


@pytest.mark.parametrize("protocol", ["http", "https", "ftp"])
def test_a_server_that_drips_does_not_hold_it_for_long(simulated, protocol):
    with socket.create_server(("127.0.0.1", 0)) as dripping:
        thread = threading.Thread(target=drip, args=(dripping,))
        thread.start()
        began = time.monotonic()
        steps = list(play(simulated.plan(url=f"{protocol}://127.0.0.1:{dripping.getsockname()[1]}"), seconds=1))
        took = time.monotonic() - began
    thread.join()

    assert steps[0].note in ("The answer was not complete within 1 s.", "No answer within 1 s.")
    assert took < 8


def test_a_tftp_server_that_repeats_another_block_does_not_hold_it_for_long(simulated):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(2)
        thread = threading.Thread(target=repeat, args=(server,))
        thread.start()
        began = time.monotonic()
        steps = list(play(simulated.plan(url=f"tftp://127.0.0.1:{server.getsockname()[1]}"), seconds=1))
        took = time.monotonic() - began
        thread.join()

    assert steps[0].note[:15] in ("It takes longer", "No answer withi")
    assert took < 8


def repeat(server: socket.socket) -> None:
    with suppress(TimeoutError):
        while True:
            _, sender = server.recvfrom(1_000)
            server.sendto(b"\0\3\0\7other", sender)


def drip(server: socket.socket) -> None:
    """Take one connection and send it a byte every tenth of a second, of something that never ends."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x3f\xff" if b"\x16" in peek(connection) else b"2")
        for _ in range(100):
            connection.sendall(b"2")
            time.sleep(0.1)


def peek(connection: socket.socket) -> bytes:
    """What the client says first, if it does."""
    connection.settimeout(0.3)
    try:
        return connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return b""
    finally:
        connection.settimeout(5)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"url": "gopher://x/"}, "is no address to ask"),
        ({"url": "http://"}, "is no address to ask"),
        ({"url": "http://user:secret@pbx/"}, "Leave user and password out of the URL"),
        ({"url": "http://pbx/", "protocol": Protocol.FTP}, "The URL is one of HTTP"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_remedy(simulated, wanted, sentence):
    with pytest.raises(InvalidValue, match=sentence) as caught:
        simulated.plan(**wanted)

    assert "secret" not in str(caught.value)


def test_in_external_mode_the_dms_is_asked_below_the_models_folder(simulated):
    fleet = Fleet(simulated.service.instance)
    fleet.change(mode="external", external_server="dms.invalid", external_user="dms", external_password="dms-pw")
    plan = simulated.plan()
    fleet.change(mode="local")

    assert plan.server.url == "https://dms.invalid/provisioning/yealink-t54w"
    assert (plan.server.user, plan.server.password, plan.server.mark, plan.server.trusted) == ("dms", "dms-pw", "", "")
    assert next(play(plan)).note == "The name dms.invalid is not known here."


def test_user_agent_fills_the_models_pattern():
    pattern = "Yealink SIP-{model} {firmware} {mac}*"
    model = PhoneModel("yealink-t54w", "Yealink", "Yealink T54W", user_agent=pattern, firmware="T54W-96.86.0.45.rom")

    assert user_agent(model, MAC) == "Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56"
