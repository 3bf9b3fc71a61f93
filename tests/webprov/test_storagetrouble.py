"""Each way in which a storage can fail (security, figure R4): saving says why, bulk work goes on, all arrives later.

WEBPROV_LONG=1 takes 200 devices instead of a few, and a job of 1,000, with the product's own limits.
"""

import ssl
import struct
import subprocess
import time
from hashlib import md5, sha256

import pytest
from sqlalchemy import select

from tests.factories import make_device, make_tenant, small_config
from tests.properties import LONG
from tests.storage import SECRET_KEY, fault_server, free_port
from webprov.changes.settings import save_settings
from webprov.delivery import breaker
from webprov.delivery.guardedhttp import GuardedPool
from webprov.delivery.s3 import S3Transport
from webprov.errors import InvalidInput
from webprov.jobruns import run_next_batch
from webprov.jobs import start_provision_job
from webprov.provisioning import provision_device, provision_devices
from webprov.redelivery import due_count, redeliver
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.jobrecords import JobRecord
from webprov.store.leases import Lease
from webprov.store.models import Device, PushRecord
from webprov.store.settings import load_settings

DEVICES = 200 if LONG else 6
MANY = 1_000 if LONG else 40
LIMIT_SECONDS = 10.0 if LONG else 0.6
SAVE_SECONDS = 11 if LONG else 8
MORE_SECONDS, MANY_MORE_SECONDS = (60, 120) if LONG else (20, 30)
FILES = 2 * DEVICES + 1
NO_ANSWER = "did not answer in time" if LONG else "took longer"
"""The connection's own limit for reading is shorter than that of the whole, but for the shortened one."""


class Bucket:
    """What a storage that behaves keeps."""

    def __init__(self, server):
        self.server = server
        self.objects = {}
        server.behaves = self.take

    def take(self, handler, length):
        content = handler.rfile.read(length)
        if handler.command == "PUT":
            self.objects[handler.path] = content
        elif handler.command == "DELETE":
            self.objects.pop(handler.path, None)
        answer(handler, 200, md5(content).hexdigest())


def answer(handler, status, etag="", body=b"", **headers):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), "ETag": f'"{etag}"', **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def silent(handler, length, bucket):
    handler.server.released.wait(20)


def dripping(handler, length, bucket):
    handler.rfile.read(length)
    handler.close_connection = True
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" * 20:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.server.released.wait(1):
            return


def saying(status, code):
    def behave(handler, length, bucket):
        handler.rfile.read(length)
        body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
        answer(handler, status, body=body, Content_Type="application/xml")

    return behave


def resetting(handler, length, bucket):
    handler.rfile.read(length // 2)
    handler.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close with a reset
    handler.connection.close()
    handler.close_connection = True


def lying(handler, length, bucket):
    handler.rfile.read(length)
    answer(handler, 200, md5(b"something else").hexdigest())


def redirecting(handler, length, bucket):
    handler.rfile.read(length)
    answer(handler, 307, Location="http://127.0.0.1:9/elsewhere")


def endless(handler, length, bucket):
    handler.rfile.read(length)
    handler.send_response(500)
    handler.send_header("Content-Type", "application/xml")
    handler.end_headers()
    handler.close_connection = True
    for _ in range(64):
        handler.wfile.write(b"x" * 1024 * 1024)


def alternating(handler, length, bucket):
    bucket.turn = getattr(bucket, "turn", 0) + 1
    (bucket.take if bucket.turn % 2 else saying(503, "SlowDown"))(
        *((handler, length) if bucket.turn % 2 else (handler, length, bucket))
    )


MODES = {
    "accepts but silent": (silent, "s3_endpoint", NO_ANSWER),
    "a byte a second": (dripping, "s3_endpoint", "took longer"),
    "500": (saying(500, "InternalError"), "s3_endpoint", "reports an error of its own"),
    "503": (saying(503, "SlowDown"), "s3_endpoint", "slow down"),
    "unknown key": (saying(403, "InvalidAccessKeyId"), "s3_access_key", "does not know this access key"),
    "expired": (saying(403, "ExpiredToken"), "s3_secret_key", "have expired"),
    "wrong secret": (saying(403, "SignatureDoesNotMatch"), "s3_secret_key", "refused these keys"),
    "no bucket": (saying(404, "NoSuchBucket"), "s3_bucket", "There is no bucket"),
    "clock": (saying(403, "RequestTimeTooSkewed"), "s3_endpoint", "clock"),
    "reset": (resetting, "s3_endpoint", "broke the connection off"),
    "wrong ETag": (lying, "s3_endpoint", "confirmed another content"),
    "redirect": (redirecting, "s3_endpoint", "sends us elsewhere"),
    "huge body": (endless, "s3_endpoint", "does not answer like S3 storage"),
}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The limits of the product, shortened; what they do stays the same."""
    original = S3Transport.__init__

    def shorter(self, *arguments, **options):
        original(self, *arguments, **{**options, "limit_seconds": LIMIT_SECONDS})

    monkeypatch.setattr(S3Transport, "__init__", shorter)
    monkeypatch.setattr("webprov.delivery.s3.LIMIT_SECONDS", LIMIT_SECONDS)


@pytest.fixture
def fleet(config, session):
    """Devices without files; gives the site of this moment."""
    loader = SiteLoader(config)
    make_tenant(session)
    for number in range(DEVICES):
        make_device(session, loader.load(session), f"805EC0{number:06X}")
    return lambda: loader.load(session)


def provision_all(session, fleet):
    return provision_devices(session, fleet(), list(session.scalars(select(Device.id))))


def rows(session):
    session.expire_all()
    return session.scalars(select(PushRecord)).all()


@pytest.fixture
def bucket(session, faults, storage, fleet):
    """The settings push to a storage that behaves, till it is told otherwise."""
    made = Bucket(faults)
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    made.objects.clear()
    return made


def break_it(bucket, behave):
    bucket.server.behaves = lambda handler, length: behave(handler, length, bucket)


def heal(bucket):
    bucket.server.released.set()
    bucket.server.behaves = bucket.take


@pytest.mark.parametrize("name", MODES)
def test_a_save_says_what_is_wrong_and_stores_nothing(session, bucket, storage, name):
    behave, field, part = MODES[name]
    break_it(bucket, behave)
    before = load_settings(session)

    began = time.monotonic()
    with pytest.raises(InvalidInput) as caught:
        save_settings(session, {"s3_prefix": "new/"}, CONSOLE)

    assert time.monotonic() - began < SAVE_SECONDS
    assert part in caught.value.errors[field]
    assert SECRET_KEY not in str(caught.value)
    assert load_settings(session) == before


@pytest.mark.parametrize("name", MODES)
def test_bulk_work_goes_on_and_all_arrives_once_the_storage_is_well(session, bucket, fleet, caplog, name):
    break_it(bucket, MODES[name][0])
    began = time.monotonic()

    results = provision_all(session, fleet)

    assert time.monotonic() - began < MORE_SECONDS
    assert [result.error for result in results] == [""] * DEVICES
    assert all(result.written and result.push_errors for result in results)
    failed = rows(session)
    assert {(row.state, bool(row.error), bool(row.failing_since)) for row in failed} == {("failed", True, True)}
    assert len(failed) == due_count(session, fleet()) == FILES
    heal(bucket)
    began = time.monotonic()
    assert delivered(session, fleet, bucket)
    assert time.monotonic() - began < MORE_SECONDS
    assert SECRET_KEY not in caplog.text


def delivered(session, fleet, bucket):
    """Carry what waits; whether each object is then just what lies here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaker, "PAUSE_SECONDS", 0.0)
        site = SiteLoader(fleet().config).load(session)  # the worker's own
        while redeliver(session, site).left:
            time.sleep(0.05)
    wanted = {row.key: row.sha256 for row in rows(session)}
    there = {
        path.removeprefix("/acme-phones/"): sha256(content).hexdigest() for path, content in bucket.objects.items()
    }
    return len(wanted) == FILES and wanted == there


@pytest.mark.parametrize("name", ["accepts but silent", "a byte a second", "503"])
def test_tr05_a_job_takes_little_longer_because_of_the_storage(session, instance, config, bucket, fleet, name):
    lease = Lease(instance.sessions, "jobs")
    assert lease.hold()
    loader = SiteLoader(config)
    for number in range(MANY - DEVICES):
        make_device(session, fleet(), f"805EC1{number:06X}")
    ids = list(session.scalars(select(Device.id)))
    usual = seconds_of_a_job(session, loader, lease, ids)
    break_it(bucket, MODES[name][0])
    session.expire_all()
    save_settings_unprobed(
        session, ntp_server="other.example", s3_endpoint=bucket.server.endpoint
    )  # so that each has new files

    took = seconds_of_a_job(session, loader, lease, ids)

    print(f"{name}: {MANY} devices in {took:.1f} s, usually {usual:.1f} s")
    assert took < usual + MANY_MORE_SECONDS


def seconds_of_a_job(session, loader, lease, ids):
    start_provision_job(session, CONSOLE, ids, "Provision all")
    began = time.monotonic()
    while run_next_batch(session, loader, lease):
        pass
    job = session.scalars(select(JobRecord).order_by(JobRecord.id.desc())).first()
    assert (job.state, job.done, job.failed) == ("done", len(ids), 0)
    return time.monotonic() - began


def test_a_storage_that_fails_every_other_time_gets_everything(session, bucket, fleet):
    break_it(bucket, alternating)

    provision_all(session, fleet)

    waiting = due_count(session, fleet())
    assert 0 < waiting < FILES
    heal(bucket)
    assert delivered(session, fleet, bucket)


def test_a_refused_connection_and_the_newest_content_wins(session, config, bucket, fleet, storage):
    provision_all(session, fleet)
    port = free_port()
    save_settings_unprobed(session, s3_endpoint=f"http://127.0.0.1:{port}")
    provision_all(session, fleet)
    save_settings_unprobed(session, ntp_server="newest.example", s3_endpoint=bucket.server.endpoint)
    provision_device(session, fleet(), "805EC0000000")

    assert delivered(session, fleet, bucket)
    assert b"newest.example" in bucket.objects["/acme-phones/test-desk/common.cfg"]


def save_settings_unprobed(session, **typed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Transport, "probe", lambda self: [])
        save_settings(session, {**typed, "s3_access_key": "k", "s3_secret_key": SECRET_KEY}, CONSOLE)


def test_a_dead_storage_is_tried_a_few_times_and_then_left_alone(session, bucket, fleet):
    tried = []

    def count(handler, length, _):
        tried.append(handler.path)
        saying(503, "SlowDown")(handler, length, bucket)

    break_it(bucket, count)
    for _ in range(3):
        provision_all(session, fleet)

    assert breaker.FAILURES <= len(tried) < FILES + 32
    assert {row.error for row in rows(session)} == {"The storage asks to slow down. Try again in a minute."}


def test_a_slow_storage_is_left_to_the_worker(session, bucket, fleet, monkeypatch):
    monkeypatch.setattr("webprov.delivery.s3._SLOW_SECONDS", 0.0)
    monkeypatch.setattr("webprov.delivery.s3._AT_ONCE", 1)

    results = provision_all(session, fleet)

    assert due_count(session, fleet()) == FILES - breaker.FAILURES
    assert any("so slowly" in sentence for result in results for sentence in result.push_errors)
    assert delivered(session, fleet, bucket)


def test_one_device_has_one_limit_for_shared_files_and_its_own(session, bucket, fleet, monkeypatch):
    limits = []
    original = S3Transport.push_all

    def recorded(self, groups, haste, limit_seconds, hear):
        limits.append(limit_seconds)
        return original(self, groups, haste, limit_seconds, hear)

    monkeypatch.setattr(S3Transport, "push_all", recorded)
    monkeypatch.setattr("webprov.pushing.LIMIT_SECONDS", LIMIT_SECONDS)
    break_it(bucket, silent)

    result = provision_device(session, fleet(), "805EC0000000")

    assert result.written
    assert NO_ANSWER in result.push_errors[0]
    assert limits[1] < LIMIT_SECONDS / 2 < limits[0]


def test_a_certificate_for_another_name_is_refused(session, fleet, storage, tmp_path):
    certificate = tmp_path / "other.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other.example",
               "-addext", "subjectAltName=DNS:other.example", "-keyout", str(tmp_path / "k.pem"), "-out",
               str(tmp_path / "c.pem")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    certificate.write_text((tmp_path / "k.pem").read_text() + (tmp_path / "c.pem").read_text())
    trust = ssl.create_default_context(cafile=str(tmp_path / "c.pem"))

    with fault_server(certificate) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "webprov.delivery.s3.GuardedPool", lambda connections: GuardedPool(trust, connections=connections)
        )
        endpoint = server.endpoint.replace("http:", "https:")
        with pytest.raises(InvalidInput) as caught:
            save_settings(session, storage.settings(s3_endpoint=endpoint), CONSOLE)

    assert "is not trusted" in caught.value.errors["s3_endpoint"]
    assert load_settings(session).mode == "local"
