import socket
import threading
import time
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, strategies

from tests.hostilexml import HOSTILE_XML
from tests.properties import examples
from tests.storage import ACCESS_KEY, SECRET_KEY, fault_server, free_port
from webprov.delivery.pushes import PushContext, PushedFile, object_key
from webprov.delivery.s3 import S3Transport, open_s3
from webprov.enums import ProvisioningMode, TransportMethod
from webprov.errors import TransportError
from webprov.store.settings import ProvisioningSettings

CONTEXT = PushContext("805EC0000001", "acme", "test-desk", "dms.example")
SETTINGS = ProvisioningSettings(
    mode=ProvisioningMode.EXTERNAL,
    transport=TransportMethod.S3,
    s3_bucket="acme-phones",
    s3_access_key=ACCESS_KEY,
    s3_secret_key=SECRET_KEY,
    s3_prefix="prov/",
)


@pytest.fixture
def opened():
    """Opens transports, and closes them at the end."""
    made = []

    def open_(**values):
        made.append(open_s3(replace(SETTINGS, **values)))
        return made[-1]

    yield open_
    for transport in made:
        transport.close()


@pytest.fixture
def file(tmp_path):
    def make(name="805ec0000001.cfg", content=b"account.1.user = 1000\n"):
        path = tmp_path / name
        path.write_bytes(content)
        return PushedFile("test-desk", name, path)

    return make


def refusal(transport):
    with pytest.raises(TransportError) as caught:
        transport.probe()
    assert SECRET_KEY not in str(caught.value)
    return caught.value.field, str(caught.value)


def test_probe_leaves_nothing_behind(opened, storage):
    before = storage.objects()

    assert opened(s3_endpoint=storage.endpoint).probe() == []

    assert storage.objects() == before


def test_push_puts_files_under_prefix_and_segment(opened, storage, file):
    pushed = [file(), file("übrig name.xml", b"<phone/>")]

    results = opened(s3_endpoint=storage.endpoint).push(pushed, CONTEXT)

    assert [(result.key, result.sha256, result.error) for result in results] == [
        ("prov/test-desk/805ec0000001.cfg", sha256(b"account.1.user = 1000\n").hexdigest(), ""),
        ("prov/test-desk/übrig name.xml", sha256(b"<phone/>").hexdigest(), ""),
    ]
    assert storage.objects()["prov/test-desk/805ec0000001.cfg"] == b"account.1.user = 1000\n"


def test_remove_takes_objects_away_and_does_not_mind_missing_ones(opened, storage, file):
    transport = opened(s3_endpoint=storage.endpoint)
    transport.push([file("gone.cfg")], CONTEXT)

    results = transport.remove(["prov/test-desk/gone.cfg", "prov/never/there.cfg"])

    assert [result.error for result in results] == ["", ""]
    assert "prov/test-desk/gone.cfg" not in storage.objects()


def test_tr09_put_sends_a_content_type_and_no_acl(opened, faults, file):
    opened(s3_endpoint=faults.endpoint).push([file("a.xml")], CONTEXT)

    (method, path, headers, _), *more = faults.seen

    names = {name.lower() for name in headers}
    assert (method, path, more) == ("PUT", "/acme-phones/prov/test-desk/a.xml", [])
    assert headers["Content-Type"] == "application/xml"
    assert not [name for name in names if "acl" in name or "grant" in name]


@pytest.mark.parametrize(
    ("values", "field", "part"),
    [
        ({"s3_access_key": "another-key"}, "s3_access_key", "does not know this access key"),
        ({"s3_secret_key": "another-secret"}, "s3_secret_key", "The server refused these keys."),
        ({"s3_bucket": "no-such-bucket"}, "s3_bucket", "There is no bucket “no-such-bucket” at this endpoint."),
    ],
)
def test_probe_says_what_a_real_server_refuses(opened, storage, values, field, part):
    found = refusal(opened(s3_endpoint=storage.endpoint, **values))

    assert found[0] == field
    assert part in found[1]


@pytest.mark.parametrize(
    ("status", "code", "message", "field", "part"),
    [
        (403, "AccessDenied", "", "s3_bucket", "may not write to “acme-phones”"),
        (403, "SignatureDoesNotMatch", "", "s3_secret_key", "type the secret key again"),
        (403, "InvalidAccessKeyId", "", "s3_access_key", "access key"),
        (403, "RequestTimeTooSkewed", "", "s3_endpoint", "clock"),
        (403, "", "", "s3_bucket", "may not write"),
        (404, "NoSuchBucket", "", "s3_bucket", "There is no bucket"),
        (404, "", "", "s3_bucket", "There is no bucket"),
        (400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-central-1'",
         "s3_region", "another region: eu-central-1."),
        (301, "PermanentRedirect", "", "s3_region", "another region"),
        (500, "InternalError", "body", "s3_endpoint", "reports an error of its own"),
        (418, "Teapot", "body", "s3_endpoint", "does not answer like S3 storage (Teapot)"),
        (418, "Teapot", "<script>", "s3_endpoint", "does not answer like S3 storage"),
        (403, "ExpiredToken", "", "s3_secret_key", "have expired"),
        (503, "SlowDown", "", "s3_endpoint", "slow down"),
        (400, "", "", "s3_endpoint", "does not answer like S3"),
    ],
)  # fmt: skip
def test_probe_has_a_sentence_for_each_answer(opened, faults, status, code, message, field, part):
    faults.fails(status, code, message)

    found = refusal(opened(s3_endpoint=faults.endpoint))

    assert found[0] == field
    assert part in found[1]
    assert "<" not in found[1]
    assert "body" not in found[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("kind", HOSTILE_XML)
def test_rl06_an_answer_with_a_dtd_is_not_read(opened, faults, kind, status, encoding):
    faults.answers["*"] = (status, {"Content-Type": "application/xml"}, HOSTILE_XML[kind].encode(encoding))
    began = time.monotonic()

    field, sentence = refusal(opened(s3_endpoint=faults.endpoint))

    assert time.monotonic() - began < 2
    assert (field, "does not answer like S3 storage. " in sentence) == ("s3_endpoint", True)


def test_a_probe_is_tried_again_where_the_storage_fails_once(opened, faults):
    asked = []

    def behaves(handler, length):
        handler.rfile.read(length)
        asked.append(handler.command)
        handler.send_response(500 if len(asked) == 1 else 200)
        handler.send_header("ETag", '"x"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    faults.behaves = behaves

    assert opened(s3_endpoint=faults.endpoint).probe() == []
    assert asked == ["PUT", "PUT", "DELETE"]


def test_a_page_of_a_proxy_is_told_by_its_status(opened, faults):
    faults.answers["*"] = (503, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><body>Busy</body></html>")

    assert "asks to slow down" in refusal(opened(s3_endpoint=faults.endpoint))[1]


def test_probe_follows_no_redirect(opened, faults):
    with fault_server() as elsewhere:
        faults.answers["*"] = (307, {"Location": f"{elsewhere.endpoint}/acme-phones/x"}, b"")

        field, sentence = refusal(opened(s3_endpoint=faults.endpoint))

        assert field == "s3_endpoint"
        assert "sends us elsewhere" in sentence
        assert elsewhere.seen == []


def test_probe_warns_where_the_object_stays(opened, faults):
    faults.fails(403, "AccessDenied", method="DELETE")

    (warning,) = opened(s3_endpoint=faults.endpoint).probe()

    assert "could not be removed" in warning


def test_probe_of_a_closed_port(opened):
    field, sentence = refusal(opened(s3_endpoint=f"http://127.0.0.1:{free_port()}"))

    assert field == "s3_endpoint"
    assert "connection refused" in sentence


def test_probe_of_an_unknown_host(opened):
    field, sentence = refusal(opened(s3_endpoint="https://no-such-host.invalid"))

    assert field == "s3_endpoint"
    assert "There is no host" in sentence


def test_probe_with_tls_against_a_plain_port(opened, faults):
    field, sentence = refusal(opened(s3_endpoint=faults.endpoint.replace("http:", "https:")))

    assert field == "s3_endpoint"
    assert "does not speak TLS" in sentence


def test_a_server_that_never_answers_is_given_up_in_time(faults, file):
    faults.silent = True
    source = open_s3(replace(SETTINGS, s3_endpoint=faults.endpoint))
    transport = S3Transport(source._client, source._pool, "acme-phones", endpoint="http://slow", limit_seconds=0.3)

    results = transport.push([file("a.cfg"), file("b.cfg")], CONTEXT)

    assert {result.error for result in results} == {"http://slow took longer than 0 seconds."}
    assert no_threads_left("push")
    transport.close()


def no_threads_left(prefix):
    for _ in range(200):
        if not [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]:
            return True
        time.sleep(0.02)
    return False


def test_a_server_that_hangs_up_is_an_error(opened):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=lambda: listening.accept()[0].close(), daemon=True).start()

        field, sentence = refusal(opened(s3_endpoint=f"http://127.0.0.1:{listening.getsockname()[1]}"))

    assert field == "s3_endpoint"
    assert "broke the connection off" in sentence


def test_push_of_a_file_that_is_gone_says_so(opened, storage, file):
    gone = file("gone.cfg")
    gone.disk.unlink()

    (result,) = opened(s3_endpoint=storage.endpoint).push([gone], CONTEXT)

    assert "Provision the device again" in result.error


@examples(100, 20_000)
@given(strategies.text(max_size=12), strategies.text(alphabet="a./\\\0\n% é", max_size=8))
def test_tr09_object_keys_stay_below_their_prefix(segment, path):
    try:
        key = object_key("prov/", segment, path)
    except TransportError:
        return

    parts = key.split("/")
    assert key.startswith("prov/")
    assert key == "prov/" + "/".join(part for part in (segment, path) if part)
    assert not [part for part in parts if part in ("", ".", "..") or not part.isprintable()]
