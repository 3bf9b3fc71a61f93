"""HTTP to an endpoint that a person typed: bounded in time, verified, and only where it may go (TR-05 to TR-07).

Addresses are checked after the name was looked up, and the connection goes to the very address that was checked, so a
name that changes its answer in between gains nothing. Certificates are verified for the name. No redirect is followed.
"""

import io
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn
from xml.parsers import expat

import certifi
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.response import BaseHTTPResponse

CONNECT_SECONDS = 3
READ_SECONDS = 7
LONGEST_ANSWER_BYTES = 8 * 1024 * 1024
"""A listing of a thousand objects has less than one; what goes on longer is no storage."""
_SENT_TOGETHER_BYTES = 64 * 1024
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_METADATA = {ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")}


class AddressRefused(HTTPError):
    """The name leads to an address that this server must not talk to, or not without TLS; the text is a sentence."""


class AnswerTooLong(HTTPError):
    """The server sends more than any answer of a storage holds."""


class DoctypeRefused(HTTPError):
    """The answer is XML with a DTD, which no storage sends: it is not read (security RL-06)."""


class GuardedPool(PoolManager):
    """A pool whose connections keep the rules above. `abort` ends requests under way, thread by thread."""

    def __init__(self, trust: ssl.SSLContext | None = None, *, connections: int = 8) -> None:
        """`trust`: verifies certificates; by default the system's authorities and certifi's."""
        super().__init__(
            maxsize=connections,
            timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=False,
            ssl_context=trust or _system_trust(),
        )
        self.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._latest: tuple[str, HTTPConnectionPool] | None = None
        self._never = Retry.from_int(retries=False, redirect=False)

    def urlopen(  # type: ignore[override]
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: ARG002
        *,
        preload_content: bool = True,
        **kw: Any,
    ) -> BaseHTTPResponse:
        """As PoolManager's, but a redirect is an answer like any other, and no answer is read without end."""
        pool, target = self._place(url)
        options = {"retries": self._never, "headers": self.headers, **kw}
        answer = pool.urlopen(method, target, redirect=False, assert_same_host=False, preload_content=False, **options)
        if not preload_content:
            return answer
        answer = _read(answer)
        if answer.status < 300 or "xml" in answer.headers.get("content-type", ""):  # else nobody parses it
            _refuse_dtd(answer.data)
        return answer

    def clear(self) -> None:
        """Close all connections that wait."""
        self._latest = None
        super().clear()

    def _place(self, url: str) -> tuple[HTTPConnectionPool, str]:
        """The connections to the server of `url`, and what to ask it for. Nearly always it is the server of last time,
        and to find it anew takes a twentieth of an upload."""
        scheme, _, rest = url.partition("://")
        netloc, slash, target = rest.partition("/")
        origin = f"{scheme}://{netloc}"
        latest = self._latest
        if latest is None or latest[0] != origin:
            latest = self._latest = origin, self.connection_from_url(origin)
        return latest[1], slash + target or "/"

    def abort(self, threads: Collection[int]) -> None:
        """Break off what these threads (their identifiers) have under way: they get an error at once."""
        for key in self.pools.keys():  # noqa: SIM118 - urllib3's container iterates over keys only by this
            pool: Any = self.pools.get(key)
            if isinstance(pool, _Abortable):
                pool.abort(threads)


def _read(answer: BaseHTTPResponse) -> BaseHTTPResponse:
    """The same answer with its body in memory and its connection given back."""
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= LONGEST_ANSWER_BYTES:  # nearly always, and then it is the quick way
        answer.read(cache_content=True)
        answer.release_conn()
        return answer
    body = answer.read(LONGEST_ANSWER_BYTES + 1)
    if len(body) > LONGEST_ANSWER_BYTES:
        answer.close()
        raise AnswerTooLong("the answer does not end")
    answer.drain_conn()
    return HTTPResponse(
        io.BytesIO(body),
        headers=answer.headers,
        status=answer.status,
        version=answer.version,
        reason=answer.reason,
        decode_content=False,
    )


def _refuse_dtd(body: bytes) -> None:
    """Raise DoctypeRefused where a DTD begins, before anything in it is heeded; other faults are left to the reader.

    Looked at as it calls itself and as UTF-8: whoever reads it may go by either.
    """
    for encoding in (None, "utf-8") if body else ():
        parser = expat.ParserCreate(encoding)
        parser.StartDoctypeDeclHandler = _refuse
        with suppress(expat.ExpatError, LookupError, ValueError):  # the latter two: an encoding that is none
            parser.Parse(body, True)


def _refuse(*_: Any) -> NoReturn:
    raise DoctypeRefused("the answer has a DTD")


class _Connecting:
    """What both kinds of connection do instead of urllib3's own connecting, and how they send: headers and body of a
    small file together. That is one turn at the interpreter and one packet, where 32 uploads contend for both."""

    _head: bytes | None = None  # while a request is made: its headers, once they are known

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send a request."""
        self._head = b""
        try:
            super().request(*arguments, **options)  # type: ignore[misc]
            if self._head:
                super().send(self._head)  # type: ignore[misc]
        finally:
            self._head = None

    def send(self, data: Any) -> None:
        """Send bytes, or keep them until more come: the first ones of a request are its headers."""
        if self._head == b"":
            self._head = data
            return
        head, self._head = self._head or b"", None
        if head and len(data) > _SENT_TOGETHER_BYTES:
            super().send(head)  # type: ignore[misc]
            head = b""
        super().send(head + data if head else data)  # type: ignore[misc]

    def _guarded(self, connection: Any, *, plain: bool) -> socket.socket:
        try:
            found = checked_addresses(connection._dns_host, connection.port, plain=plain)
        except (socket.gaierror, UnicodeError) as e:
            reason = e if isinstance(e, socket.gaierror) else socket.gaierror(str(e))
            raise NameResolutionError(connection.host, connection, reason) from e
        error: OSError = OSError("no address")
        for family, address in found:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(CONNECT_SECONDS / len(found))
                sock.connect(address)
            except OSError as e:
                sock.close()
                error = e
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(connection.timeout)
                return sock
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(connection, f"connecting to {connection.host} timed out") from error
        raise NewConnectionError(connection, f"{connection.host}: {error}") from error


class _PlainConnection(_Connecting, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return self._guarded(self, plain=True)


class _TlsConnection(_Connecting, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return self._guarded(self, plain=False)


class _Abortable:
    """Remembers which thread uses which connection, so that those in use can be ended too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._in_use: dict[int, HTTPConnection] = {}
        super().__init__(*arguments, **options)

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        self._in_use[threading.get_ident()] = connection
        return connection

    def _put_conn(self, connection: Any) -> None:
        self._in_use.pop(threading.get_ident(), None)
        super()._put_conn(connection)  # type: ignore[misc]

    def abort(self, threads: Collection[int]) -> None:
        for sock in (connection.sock for thread in threads if (connection := self._in_use.get(thread))):
            if sock is not None:
                shut(sock)


class _PlainPool(_Abortable, HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(_Abortable, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def shut(sock: socket.socket) -> None:
    """End this connection, whichever thread waits for it."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # closed already


def checked_addresses(host: str, port: int, *, plain: bool) -> list[tuple[int, Any]]:
    """(family, socket address) of every address of `host`; raises AddressRefused if any may not be used."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    for *_, address in found:
        _check(host, _plain_address(ipaddress.ip_address(str(address[0]).partition("%")[0])), plain=plain)
    return [(int(family), address) for family, _, _, _, address in found]


def _plain_address(address: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _check(host: str, address: _Address, *, plain: bool) -> None:
    refused = address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA
    if refused or (address.is_reserved and not address.is_loopback):
        raise AddressRefused(f"{host} leads to {address}, which no storage has. Enter the address of your storage.")
    if plain and not (address.is_loopback or address.is_private):
        raise AddressRefused(
            f"{host} is a public address, and http:// would send keys and SIP passwords readable. Use https://."
        )


@cache
def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
