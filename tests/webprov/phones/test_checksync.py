import socket
import threading
import time
from contextlib import contextmanager

import pytest

from webprov.errors import InvalidValue
from webprov.phones.checksync import CheckSyncResult, send_check_sync

QUICK = (0.1, 0.2, 0.3)


@contextmanager
def phone_answering(answer, family=socket.AF_INET, address="127.0.0.1"):
    """A phone on a UDP port of its own; `answer(request text, count)` gives the datagrams to send back."""
    requests = []
    with socket.socket(family, socket.SOCK_DGRAM) as phone:
        phone.bind((address, 0))

        def serve():
            while True:
                data, sender = phone.recvfrom(4096)
                if not data:
                    return
                requests.append(data.decode())
                for datagram in answer(requests[-1], len(requests)):
                    phone.sendto(datagram, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        port = phone.getsockname()[1]
        yield port, requests
        with socket.socket(family, socket.SOCK_DGRAM) as closer:
            closer.sendto(b"", (address, port))
        thread.join(5)


def headers_of(request):
    first, *lines = request.removesuffix("\r\n\r\n").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines)


def reply(request, status_line, **changed):
    """A proper answer to that request, with some headers changed."""
    _, headers = headers_of(request)
    kept = {name: headers[name] for name in ("Via", "From", "To", "Call-ID", "CSeq")} | changed
    lines = [f"SIP/2.0 {status_line}", *(f"{name}: {value}" for name, value in kept.items()), "Content-Length: 0"]
    return "\r\n".join([*lines, "", ""]).encode()


def test_notify_says_who_asks_whom_for_what():
    with phone_answering(lambda request, _: [reply(request, "200 OK")]) as (port, requests):
        result = send_check_sync(
            "127.0.0.1", port, user="101", event="check-sync;reboot=false", from_host="pbx.acme.example"
        )

    first, headers = headers_of(requests[0])
    assert first == f"NOTIFY sip:101@127.0.0.1:{port} SIP/2.0"
    assert headers["To"] == f"<sip:101@127.0.0.1:{port}>"
    assert headers["From"].startswith("<sip:webprov@pbx.acme.example>;tag=")
    assert headers["Event"] == "check-sync;reboot=false"
    assert headers["CSeq"] == "1 NOTIFY"
    assert "branch=z9hG4bK" in headers["Via"]
    assert (result.status, result.reason, result.accepted) == (200, "OK", True)
    assert result.sentence == f"127.0.0.1:{port} will fetch its files again."
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("401 Unauthorized", "wants a password"),
        ("407 Proxy Authentication Required", "wants a password"),
        ("403 Forbidden", "registrar only"),
        ("489 Bad Event", "Correct check_sync"),
        ("486", "answered 486. Send it by the PBX"),
        ("500 \x1b[31mred", "\\x1b[31mred"),
        ("500 " + "x" * 3000, "x" * 80 + "."),
    ],
)
def test_a_refusal_says_what_to_do(status, said):
    with phone_answering(lambda request, _: [reply(request, status)]) as (port, _):
        result = send_check_sync("127.0.0.1", port)

    assert (result.status, result.accepted) == (int(status[:3]), False)
    assert said in result.sentence
    assert len(result.sentence) < 300


def test_what_is_no_answer_to_this_request_is_passed_over():
    def answer(request, _):
        return [
            b"\xff\xfe\x00junk",
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"SIP/2.0 999 No\r\n\r\n",
            reply(request, "200 OK", **{"Call-ID": "another"}),
            reply(request, "200 OK", CSeq="2 NOTIFY"),
            reply(request, "200 OK", CSeq="1 OPTIONS"),
            reply(request, "100 Trying"),
            reply(request, "202 Accepted").replace(b"Call-ID:", b"i :").replace(b"CSeq", b"cseq"),
            reply(request, "500 Too Late"),
        ]

    with phone_answering(answer) as (port, _):
        result = send_check_sync("127.0.0.1", port)

    assert (result.status, result.reason) == (202, "Accepted")


def test_another_source_cannot_answer_for_the_phone():
    def answer(request, _):
        port = int(headers_of(request)[1]["Contact"].rpartition(":")[2].rstrip(">"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(reply(request, "200 OK"), ("127.0.0.1", port))
        return []

    with phone_answering(answer) as (port, _):
        result = send_check_sync("127.0.0.1", port, waits_seconds=QUICK)

    assert result.status == 0


def test_silence_is_asked_again_and_then_told():
    with phone_answering(lambda *_: []) as (port, requests):
        result = send_check_sync("127.0.0.1", port, waits_seconds=QUICK)

    assert len(requests) == len(QUICK)
    assert len(set(requests)) == 1, "the same request each time"
    assert (result.status, result.reason, result.milliseconds) == (0, "within 0.6 s", 0)
    assert "See that the phone is on" in result.sentence


def test_an_answer_to_the_second_sending_counts():
    with phone_answering(lambda request, count: [reply(request, "200 OK")] if count == 2 else []) as (port, requests):
        result = send_check_sync("127.0.0.1", port, waits_seconds=(0.1, 30))

    assert result.accepted
    assert len(requests) == 2
    assert result.milliseconds >= 100


def test_a_late_answer_counts_within_the_time():
    def answer(request, _):
        time.sleep(0.15)
        return [reply(request, "200 OK")]

    with phone_answering(answer) as (port, _):
        assert send_check_sync("127.0.0.1", port, waits_seconds=(0.1, 30)).accepted


def test_nothing_there_is_a_result():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    result = send_check_sync("127.0.0.1", port, waits_seconds=QUICK)

    assert result == CheckSyncResult(f"127.0.0.1:{port}", "check-sync", reason="connection refused")
    assert "(connection refused)" in result.sentence


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6_phones_are_asked_too():
    with phone_answering(lambda request, _: [reply(request, "200 OK")], socket.AF_INET6, "::1") as (port, requests):
        result = send_check_sync("::1", port, user="a b\r\n")

    assert requests[0].startswith(f"NOTIFY sip:a%20b%0D%0A@[::1]:{port} SIP/2.0\r\n")
    assert result.target == f"[::1]:{port}"
    assert result.accepted


def test_an_ipv4_address_in_ipv6_dress_is_plain():
    with phone_answering(lambda request, _: [reply(request, "200 OK")]) as (port, _):
        assert send_check_sync("::ffff:127.0.0.1", port).target == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "phone.example"},
        {"address": "224.0.1.75"},
        {"address": "255.255.255.255"},
        {"address": "0.0.0.0"},
        {"address": "fe80::1%eth0"},
        {"address": "127.0.0.1\r\nEvil: 1"},
        {"event": "check-sync\r\nEvil: 1"},
        {"event": "check-sync\n"},
        {"event": ""},
        {"event": "é"},
        {"from_host": "pbx\r\nEvil: 1"},
        {"port": 0},
    ],
)
def test_what_cannot_stand_in_a_message_is_refused(wrong):
    arguments = {"address": "127.0.0.1", **wrong}

    with pytest.raises(InvalidValue):
        send_check_sync(**arguments)
