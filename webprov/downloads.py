"""One download as a phone does it, by each protocol: first without credentials, then with them, as they are asked for.

Everything is bounded in time and bytes, nothing is kept but size and checksum, and redirects are not followed.
"""

import ftplib
import hashlib
import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any
from urllib.parse import quote

from webprov.delivery.guardedhttp import AddressRefused, checked_addresses, shut
from webprov.enums import Protocol
from webprov.errors import WebprovError
from webprov.hosts import Host, compose_url
from webprov.serving.simulated import FTP_CLIENT, HEADER, TFTP_OPTION
from webprov.tftpclient import TftpRefused, fetch_tftp

_ANSWER_SECONDS = 5.0
_GRACE_SECONDS = 0.5
_LARGEST = 256 * 1024 * 1024
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Server:
    """Where a simulated phone downloads: `path` begins with `/`. `host` is whom it connects to, `name` how it calls it.

    `mark` tells our own server that it is no real phone; `trusted` is a certificate that is believed besides the usual
    authorities, whatever name it is for: our own.
    """

    protocol: Protocol
    host: str
    port: int
    path: str
    name: str = ""
    user: str = ""
    password: str = ""
    user_agent: str = ""
    mark: str = ""
    trusted: str = ""

    @property
    def url(self) -> str:
        """Without credentials."""
        return compose_url(self.protocol, Host(self.name or self.host, self.port), self.path)


@dataclass(frozen=True)
class Download:
    """How it ended. `status` as in HTTP for every protocol: 200, 401 (sign-in refused), 403, 404, …; 0: no answer.

    `trouble` says what happened where `status` does not, `remark` what a technician should know besides.
    """

    status: int
    size: int = 0
    sha256: str = ""
    trouble: str = ""
    remark: str = ""


class _TooLarge(WebprovError):
    """More bytes, or more time, than a simulation may take."""


class _Sink:
    """Counts and hashes what comes."""

    def __init__(self, seconds: float) -> None:
        self._hash = hashlib.sha256()
        self._end = time.monotonic() + seconds
        self.size = 0

    def take(self, piece: bytes) -> None:
        """Take a piece; raises _TooLarge when it is enough."""
        self.size += len(piece)
        self._hash.update(piece)
        if self.size > _LARGEST or time.monotonic() > self._end:
            raise _TooLarge("It takes longer, or is larger, than a simulation downloads; a phone would go on.")

    def download(self, remark: str = "") -> Download:
        """What came, as a whole."""
        return Download(200, self.size, self._hash.hexdigest(), remark=remark)


class _Deadline:
    """Ends the connections of one download when its time is over: bytes that drip in keep any other limit waiting."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._connected: list[Callable[[], socket.socket | None]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="Deadline of a download", daemon=True)
        self.over = False

    def __enter__(self) -> "_Deadline":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def watch(self, connected: Callable[[], socket.socket | None]) -> None:
        """Whatever socket that gives when the time is over is ended; others that follow it too."""
        self._connected.append(connected)

    def _run(self) -> None:
        pause = self._seconds
        while not self._done.wait(pause):
            self.over, pause = True, _GRACE_SECONDS
            for connected in self._connected:
                sock = connected()
                if sock is not None:
                    shut(sock)


def download(server: Server, name: str, seconds: float) -> Download:
    """Fetch `name` below the server's path, in at most about `seconds`; never raises for what a server does."""
    with _Deadline(seconds + _GRACE_SECONDS) as deadline:
        got = _download(server, name, seconds, deadline)
    if deadline.over and not got.status:
        return Download(0, trouble=f"The answer was not complete within {seconds:.0f} s.")
    return got


def _download(server: Server, name: str, seconds: float, deadline: _Deadline) -> Download:
    sink = _Sink(seconds)
    answer_seconds = min(_ANSWER_SECONDS, seconds)
    try:
        if server.protocol is Protocol.TFTP:
            return _tftp(server, name, sink, answer_seconds)
        if server.protocol in (Protocol.FTP, Protocol.FTPS):
            return _ftp(server, name, sink, answer_seconds, deadline)
        return _http(server, name, sink, answer_seconds, deadline)
    except AddressRefused:
        return Download(0, trouble=f"The name {server.host} leads to an address that no server for phones has.")
    except _TooLarge as e:
        return Download(200, sink.size, trouble=str(e))
    except ssl.SSLError as e:
        return Download(0, trouble=f"TLS failed: {_tls_reason(e)}.")
    except TimeoutError:
        return Download(0, trouble=f"No answer within {answer_seconds:.0f} s.")
    except ConnectionRefusedError:
        return Download(0, trouble=f"Nothing listens at {Host(server.host, server.port)}.")
    except socket.gaierror:
        return Download(0, trouble=f"The name {server.host} is not known here.")
    except http.client.HTTPException as e:
        return Download(0, trouble=f"The answer is not HTTP as it should be ({type(e).__name__}).")
    except (OSError, EOFError, ValueError) as e:
        return Download(0, trouble=f"The connection failed: {e}.")


def _http(server: Server, name: str, sink: _Sink, seconds: float, deadline: _Deadline) -> Download:
    url = f"{compose_url(server.protocol, Host(server.host, server.port), server.path)}/{quote(name)}"
    headers = {"User-Agent": server.user_agent, "Host": _host_header(server), "Accept": "*/*"}
    if server.mark:
        headers[HEADER] = server.mark
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http or https, see Protocol
    try:
        with _opener(server, deadline).open(request, timeout=seconds) as response:
            while piece := response.read(_PIECE):
                sink.take(piece)
            if response.length:
                return Download(0, trouble="The connection ended in the middle of the file.")
            return sink.download()
    except urllib.error.HTTPError as e:
        with e:
            where = e.headers.get("Location", "") if 300 <= e.code < 400 else ""
        return Download(e.code, trouble=f"Redirected to {where[:200]}; not every phone follows." if where else "")
    except urllib.error.URLError as e:
        if isinstance(e.reason, OSError):
            raise e.reason from e
        return Download(0, trouble=f"The connection failed: {e.reason}.")


def _host_header(server: Server) -> str:
    host = Host(server.name or server.host, server.port)
    return host.in_url if server.port == server.protocol.standard_port else str(host)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are told, not followed: credentials stay where they belong."""

    def redirect_request(self, *_args: Any) -> None:
        """None: the answer itself counts."""


class _DigestOnce(urllib.request.HTTPDigestAuthHandler):
    """Answers a challenge once: a wrong password that is tried again and again would lock this machine out."""

    def http_error_401(self, req: Any, *args: Any) -> Any:
        """None where the request carried credentials already."""
        return None if req.has_header("Authorization") else super().http_error_401(req, *args)


class _BasicOnce(urllib.request.HTTPBasicAuthHandler):
    """As _DigestOnce."""

    def http_error_401(self, req: Any, *args: Any) -> Any:
        """None where the request carried credentials already."""
        return None if req.has_header("Authorization") else super().http_error_401(req, *args)


class _Connection(http.client.HTTPConnection):
    """To an address that was checked where the server is not our own (TR-07), and not for longer than the deadline."""

    def __init__(self, server: Server, deadline: _Deadline, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._server, self._deadline = server, deadline

    def connect(self) -> None:
        """As phones do; over TLS where the server's protocol says so."""
        self._deadline.watch(lambda: self.sock)
        self.sock = _connected(self._server, self.timeout or _ANSWER_SECONDS)
        if self._server.protocol is Protocol.HTTPS:
            context, host = tls_context(self._server), self._server.host
            self.sock = context.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
            self.sock.do_handshake()


def _connected(server: Server, seconds: float) -> socket.socket:
    if server.mark:
        return socket.create_connection((server.host, server.port), seconds)
    error: OSError = OSError("no address")
    found = checked_addresses(server.host, server.port, plain=False)
    for _, address in found:
        try:
            return socket.create_connection(address[:2], seconds / len(found))
        except OSError as e:
            error = e
    raise error


class _Connecting(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens each URL by a _Connection."""

    def __init__(self, server: Server, deadline: _Deadline) -> None:
        super().__init__()
        self._connection: Any = partial(_Connection, server, deadline)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """By plain HTTP."""
        return self.do_open(self._connection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """By TLS."""
        return self.do_open(self._connection, req)


def _opener(server: Server, deadline: _Deadline) -> urllib.request.OpenerDirector:
    """Answers Digest and Basic challenges, once each; no proxies of this machine's environment."""
    logins = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    logins.add_password(None, f"{server.protocol}://{Host(server.host, server.port)}/", server.user, server.password)
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.ProxyHandler({}),
        _NoRedirect(),
        _Connecting(server, deadline),
    ]
    if server.user:
        handlers += [_DigestOnce(logins), _BasicOnce(logins)]
    return urllib.request.build_opener(*handlers)


def tls_context(server: Server) -> ssl.SSLContext:
    """The usual authorities; where it is our own server, its certificate too, whatever name that is for."""
    context = ssl.create_default_context()
    if server.trusted:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=server.trusted)
    return context


def _ftp(server: Server, name: str, sink: _Sink, seconds: float, deadline: _Deadline) -> Download:
    client = ftplib.FTP_TLS(context=tls_context(server)) if server.protocol is Protocol.FTPS else ftplib.FTP()  # noqa: S321
    try:
        deadline.watch(lambda: client.sock)
        client.connect(server.host, server.port, seconds)
        client.login(server.user, server.password)
        if isinstance(client, ftplib.FTP_TLS):
            client.prot_p()
        _introduce(client, server)
        client.retrbinary(f"RETR {server.path.strip('/')}/{name}", sink.take)
    except ftplib.error_perm as e:
        code = str(e)[:3]
        return Download({"530": 401, "550": 404}.get(code, 403), trouble="" if code in ("530", "550") else str(e)[:200])
    except ftplib.Error as e:
        return Download(0, trouble=f"The server said: {str(e)[:200]}.")
    finally:
        client.close()
    return sink.download()


def _introduce(client: ftplib.FTP, server: Server) -> None:
    """Say who is calling, where it is our own server; others do not know the word."""
    if server.mark:
        try:
            client.sendcmd(f"CLNT {FTP_CLIENT} {server.mark}")
        except ftplib.error_perm:
            return


def _tftp(server: Server, name: str, sink: _Sink, seconds: float) -> Download:
    options = {TFTP_OPTION: server.mark} if server.mark else {}
    whole = f"{server.path.strip('/')}/{name}".lstrip("/")
    try:
        fetch_tftp(server.host, server.port, whole, sink.take, seconds=seconds, options=options)
    except TftpRefused as e:
        return Download({1: 404, 2: 403}.get(e.code, 400), trouble="" if e.code in (1, 2) else str(e))
    return sink.download()


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted here ({error.verify_message})"
    return (error.reason or "no common version or cipher").replace("_", " ").lower()
