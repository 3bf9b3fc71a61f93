"""TFTP datagrams: what is read from them, what is agreed on (RFC 1350, 2347-2349, 7440)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.serving.tftppackets import (
    Agreed,
    BadRequest,
    ErrorCode,
    Opcode,
    Request,
    acknowledged,
    agree,
    as_netascii,
    data,
    error,
    is_error,
    option_ack,
    parse_request,
)


def read(*fields: bytes) -> bytes:
    return b"\0\1" + b"\0".join(fields) + b"\0"


def test_parse_request_reads_name_mode_and_options():
    request = parse_request(read(b"/provisioning/a.cfg", b"OCTET", b"BlkSize", b"1428", b"tsize", b"0"))

    assert request == Request(Opcode.READ, "/provisioning/a.cfg", False, {"blksize": "1428", "tsize": "0"})


def test_parse_request_takes_a_request_padded_with_zeros():
    assert parse_request(read(b"a.cfg", b"netascii") + bytes(400)) == Request(Opcode.READ, "a.cfg", True, {})


def test_parse_request_escapes_what_is_no_utf8():
    assert parse_request(read(b"\xff\xfe.cfg", b"octet")).name == "\\xff\\xfe.cfg"


@pytest.mark.parametrize(
    "datagram", [b"", b"\0", b"\0\3\0\1x", b"\0\4\0\1", b"\0\5\0\1x\0", b"\1\1a\0octet\0", b"\0\0"]
)
def test_parse_request_leaves_other_datagrams(datagram):
    assert parse_request(datagram) is None


@pytest.mark.parametrize(
    "datagram",
    [
        b"\0\1",
        b"\0\1a.cfg",
        b"\0\1a.cfg\0octet",
        read(b"", b"octet"),
        read(b"a.cfg", b"mail"),
        read(b"a.cfg", b""),
        read(b"a" * 1100, b"octet"),
    ],
)
def test_parse_request_refuses_broken_requests(datagram):
    with pytest.raises(BadRequest):
        parse_request(datagram)


@examples(300, 200_000)
@given(st.binary(max_size=1200).map(lambda tail: b"\0\1" + tail) | st.binary(max_size=64))
@example(b"\0\1a\0octet\0blksize\0" + "٥".encode() + b"\0")
def test_parse_request_never_fails_otherwise(datagram):
    try:
        request = parse_request(datagram)
    except BadRequest:
        return
    if request is not None:
        agree(request.options, 100)


@pytest.mark.parametrize(
    ("options", "confirmed"),
    [
        ({}, ()),
        ({"blksize": "1428", "tsize": "0"}, (("blksize", 1428), ("tsize", 9000))),
        ({"tsize": "0", "blksize": "8"}, (("tsize", 9000), ("blksize", 8))),
        ({"windowsize": "8", "timeout": "3"}, (("windowsize", 8), ("timeout", 3))),
        ({"blksize": "65464", "windowsize": "65535"}, (("blksize", 65464), ("windowsize", 2))),
        ({"windowsize": "65535"}, (("windowsize", 64),)),
        ({"multicast": "", "rollover": "0"}, ()),
        *(({"blksize": bad}, ()) for bad in ("0", "1", "7", "65465", "abc", "-8", "", "٨", "9" * 5000)),
        *(({"timeout": bad}, ()) for bad in ("0", "7", "256", "1.5")),
        *(({"windowsize": bad}, ()) for bad in ("0", "65536", "+1")),
        *(({"tsize": bad}, ()) for bad in ("abc", "-1")),
    ],
)
def test_agree_confirms_possible_options_alone(options, confirmed):
    assert agree(options, 9000).confirmed == confirmed


def test_agree_leaves_out_a_size_that_is_not_known():
    assert agree({"tsize": "0"}, None) == Agreed()


def test_answers_are_what_the_rfcs_say():
    agreed = agree({"blksize": "1024", "tsize": "0"}, 5)

    assert option_ack(agreed) == b"\0\6blksize\x001024\0tsize\x005\0"
    assert data(65_537, b"x") == b"\0\3\0\1x"
    assert error(ErrorCode.NOT_FOUND, "File not found") == b"\0\5\0\1File not found\0"


def test_acks_and_errors_are_told_apart():
    assert acknowledged(b"\0\4\1\0") == 256
    assert acknowledged(b"\0\4\1") is None
    assert acknowledged(b"\0\3\0\1") is None
    assert is_error(b"\0\5\0\0\0")


def test_netascii_ends_lines_and_keeps_bare_returns():
    assert as_netascii(b"a\nb\rc\r\n") == b"a\r\nb\r\0c\r\0\r\n"
