"""Asks a phone to fetch its files again: SIP NOTIFY over UDP (RFC 3261, RFC 6665), without a SIP stack."""

import re
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote

from webprov.errors import InvalidValue
from webprov.hosts import Host, parse_host, parse_port
from webprov.phones.modelkeys import check_event
from webprov.texts import safe_text

WAITS_SECONDS = (0.5, 1.0, 2.0, 0.5)
"""How long to wait for an answer after each sending."""

_LONGEST_ANSWER = 4096
_LONGEST_REASON = 80
_USER_CHARACTERS = "-_.!~*'()&=+$,;?/"  # RFC 3261, 25.1
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.ASCII)
_SENTENCES = {
    401: "The phone wants a password for check-sync. Let it accept NOTIFY from this server, or send it by the PBX.",
    403: "The phone accepts check-sync from its registrar only. Send it by the PBX.",
    404: "The phone does not know this user. Correct the user of its first line.",
    481: "The phone takes check-sync within a subscription only. Send it by the PBX.",
    489: "The phone does not know this event. Correct check_sync of its model.",
}
_SENTENCES |= {405: _SENTENCES[489], 407: _SENTENCES[401], 501: _SENTENCES[489]}


@dataclass(frozen=True, slots=True)
class CheckSyncResult:
    """What was sent to whom, and what came back. `status` 0 = no answer, and `reason` says why."""

    target: str  # 192.0.2.7:5060
    event: str
    status: int = 0
    reason: str = ""
    milliseconds: int = 0  # from the first sending to the answer

    @property
    def accepted(self) -> bool:
        """Did the phone say that it will?"""
        return 200 <= self.status < 300

    @property
    def sentence(self) -> str:
        """For people: what happened, and what to do where it failed."""
        if self.accepted:
            return f"{self.target} will fetch its files again."
        if not self.status:
            return (
                f"No answer from {self.target} ({self.reason}). See that the phone is on and can be reached from here."
            )
        answer = f"{self.target} answered {self.status} {self.reason}".rstrip()
        return f"{answer}. {_SENTENCES.get(self.status, 'Send it by the PBX, or restart the phone.')}"


def send_check_sync(
    address: str,
    port: int = 5060,
    *,
    user: str = "",
    event: str = "check-sync",
    from_host: str = "",
    waits_seconds: Sequence[float] = WAITS_SECONDS,
) -> CheckSyncResult:
    """Send NOTIFY to the phone at this IP address and wait for its answer, 4 s at most.

    `event` is the model's `check_sync`, `user` that of the first line, `from_host` how phones know this server.
    Raises InvalidValue where one of them cannot stand in a SIP message; trouble on the way is a result.
    """
    target = Host(_phone_address(address), parse_port(port))
    call_id = secrets.token_hex(16)
    headers = _Headers(target, user, check_event(event), from_host and parse_host(from_host).in_url, call_id)
    started = time.monotonic()
    try:
        with _connect(target) as phone:
            status, reason = _exchange(phone, headers.message(Host(*phone.getsockname()[:2])), call_id, waits_seconds)
    except OSError as e:
        return CheckSyncResult(str(target), event, reason=(e.strerror or str(e)).lower())
    milliseconds = round((time.monotonic() - started) * 1000) if status else 0
    return CheckSyncResult(str(target), event, status, reason, milliseconds)


@dataclass(frozen=True, slots=True)
class _Headers:
    """What a NOTIFY says; all of it checked."""

    target: Host
    user: str
    event: str
    from_host: str
    call_id: str

    def message(self, own: Host) -> bytes:
        """The request as it goes out from our `own` address and port."""
        user = quote(self.user, safe=_USER_CHARACTERS)
        uri = f"sip:{user}@{self.target}" if user else f"sip:{self.target}"
        lines = [
            f"NOTIFY {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{self.call_id[:16]};rport",
            "Max-Forwards: 70",
            f"From: <sip:webprov@{self.from_host or own.in_url}>;tag={self.call_id[16:]}",
            f"To: <{uri}>",
            f"Contact: <sip:webprov@{own}>",
            f"Call-ID: {self.call_id}",
            "CSeq: 1 NOTIFY",
            f"Event: {self.event}",
            "Subscription-State: terminated",
            "User-Agent: webprov",
            "Content-Length: 0",
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def _phone_address(text: str) -> str:
    """The one address of a phone; an IPv4 address in IPv6 dress comes out plain."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise InvalidValue(f"“{text[:60]}” is not an IP address. Enter the address of the phone.") from None
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255" or "%" in str(address):
        raise InvalidValue(f"{address} is not the address of a single phone. Enter the address of the phone.")
    return str(address)


def _connect(target: Host) -> socket.socket:
    """A socket that hears this address only; nobody else can answer for the phone."""
    phone = socket.socket(socket.AF_INET6 if ":" in target.name else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        phone.connect((target.name, target.port))
    except OSError:
        phone.close()
        raise
    return phone


def _exchange(phone: socket.socket, message: bytes, call_id: str, waits_seconds: Sequence[float]) -> tuple[int, str]:
    """Send until a final answer comes; status 0 when none did."""
    for wait in waits_seconds:
        phone.send(message)
        for datagram in _datagrams(phone, time.monotonic() + wait):
            answer = _read_answer(datagram, call_id)
            if answer:
                return answer
    return 0, f"within {sum(waits_seconds):g} s"


def _datagrams(phone: socket.socket, until: float) -> Iterator[bytes]:
    while (left := until - time.monotonic()) > 0:
        phone.settimeout(left)
        try:
            yield phone.recv(_LONGEST_ANSWER)
        except TimeoutError:
            return


def _read_answer(datagram: bytes, call_id: str) -> tuple[int, str] | None:
    """Status and reason of the final answer to our request; None for whatever else comes in."""
    head = datagram.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    first, *lines = head.split("\r\n")
    status = _STATUS_LINE.fullmatch(first)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    ours = headers.get("call-id", headers.get("i")) == call_id and headers.get("cseq", "").split() == ["1", "NOTIFY"]
    if not status or not ours or status[1].startswith("1"):
        return None
    return int(status[1]), safe_text((status[2] or "").strip(), _LONGEST_REASON)
