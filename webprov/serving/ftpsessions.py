"""One FTP or FTPS session of a phone: the commands of pyftpdlib over `fetch_file` instead of a file system (FT-01).

There is nothing to list and nowhere to go: folders exist as soon as they are named, files are found by name alone,
with and without `provisioning/` before it. Bytes are sent as they are, in either TYPE.
"""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pyftpdlib.exceptions import AuthenticationFailed
from pyftpdlib.handlers import TLS_FTPHandler

from webprov.enums import Protocol
from webprov.serving.askers import NOBODY, Asker, Identity, Reason
from webprov.serving.fetchedfile import FetchedFile
from webprov.serving.ftpdata import IDLE_SECONDS, PhoneData, Pieces, Upload
from webprov.serving.simulated import FTP_CLIENT, is_mark

if TYPE_CHECKING:
    from webprov.serving.ftp import FtpServer

SIGN_IN_SECONDS = 20
_KEPT = (
    *("USER", "PASS", "QUIT", "REIN", "SYST", "FEAT", "OPTS", "NOOP", "HELP", "STAT", "AUTH", "PBSZ", "PROT"),
    *("TYPE", "MODE", "STRU", "ALLO", "PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP", "LIST", "NLST"),
    *("RETR", "STOR", "SIZE", "MDTM", "REST", "ABOR", "PASV", "EPSV", "PORT", "EPRT"),
)
_BEGINNING = ("USER", "RETR", "STOR", "LIST", "NLST")
_LONGEST_FOLDER = 1024
_SIGN_IN = "(sign-in)"


class Nowhere:
    """What pyftpdlib wants as a file system; only the current folder's name is kept."""

    def __init__(self, _root: str, cmd_channel: Any) -> None:
        self.cwd = "/"
        self.cmd_channel = cmd_channel


class Doorman:
    """What pyftpdlib wants as an authorizer: the gatekeeper, asked at every sign-in."""

    def validate_authentication(self, username: str, password: str, handler: "PhoneSession") -> None:
        """Let in or raise AuthenticationFailed, with one sentence for every reason."""
        if not handler.sign_in(username, password):
            raise AuthenticationFailed("Authentication failed.")

    def get_home_dir(self, _username: str) -> str:
        """Not used."""
        return "/"

    def get_msg_login(self, _username: str) -> str:
        """Said after 230."""
        return "Signed in."

    def get_msg_quit(self, _username: str) -> str:
        """Said after 221."""
        return "Goodbye."


class PhoneSession(TLS_FTPHandler):  # type: ignore[misc]
    """The control connection. On an FTPS port nothing is said or signed in in clear text."""

    server: "FtpServer"
    authorizer = Doorman()
    abstracted_fs = Nowhere
    dtp_handler = PhoneData
    banner = "webprov"
    timeout = SIGN_IN_SECONDS
    max_login_attempts = 3
    auth_failed_timeout = 1
    identity: Identity = NOBODY
    _idler: Any
    _restart_position: int
    proto_cmds = {
        **{name: {**TLS_FTPHandler.proto_cmds[name], "perm": None} for name in _KEPT},
        "CLNT": {"perm": None, "auth": True, "arg": True, "help": "Syntax: CLNT <SP> name (say who calls)."},
    }
    simulated = False

    def __init__(self, conn: Any, server: "FtpServer", ioloop: Any = None) -> None:
        super().__init__(conn, server, ioloop)
        self._current_type = "i"
        if self.connected:
            self.ssl_context = server.tls_context()
            if self.ssl_context is None:
                self._extra_feats: list[str] = []

    def __repr__(self) -> str:
        return "FTP session"  # pyftpdlib asks for it several times a file, for debugging output that nobody sees

    @classmethod
    def get_ssl_context(cls) -> None:
        """None: each session takes the context of its moment."""
        return

    @property
    def tls_control_required(self) -> bool:
        """Whether USER and PASS need TLS."""
        return self.server.protocol is Protocol.FTPS

    tls_data_required = tls_control_required

    @property
    def passive_ports(self) -> range | None:
        """The ports of the settings; None: any."""
        return self.server.passive_ports

    @property
    def masquerade_address(self) -> str | None:
        """What PASV names instead of the address that this session came to."""
        return self.server.outside_address(self.remote_ip)

    @property
    def asker(self) -> Asker:
        """Who asks, by the rules of this moment."""
        protocol = self.server.protocol
        source = self.server.gatekeeper.source(protocol, self.remote_ip)
        return Asker(protocol, source, identity=self.identity, simulated=self.simulated)

    def sign_in(self, user: str, password: str) -> bool:
        """Whether the gatekeeper lets this user in; a refusal leaves a record."""
        asker = self.asker
        verdict = self.server.gatekeeper.check_ftp(asker.source, user, password)
        self.identity = verdict.identity
        if not verdict.passed:
            self.server.fetching.refuse(_SIGN_IN, asker, 530, verdict.reason)
        return verdict.passed

    def on_login(self, username: str) -> None:  # noqa: ARG002
        """From now on this session has more time between commands."""
        self.timeout = IDLE_SECONDS
        if self._idler is not None and not self._idler.cancelled:
            self._idler.cancel()
        self._idler = self.ioloop.call_later(self.timeout, self.handle_timeout, _errback=self.handle_error)

    def process_command(self, cmd: str, *arguments: Any, **options: Any) -> None:
        """Do a command; nothing new begins where this listener has moved or was switched off."""
        if cmd in _BEGINNING and self.server.retiring.is_set():
            self.respond("421 Moving. Connect again.")
            self.close_when_done()
        else:
            super().process_command(cmd, *arguments, **options)

    # --- commands

    def ftp_RETR(self, file: str) -> None:
        """Send a file, from the position that REST named."""
        start, self._restart_position = self._restart_position, 0
        fetched = self._fetch(file)
        if not fetched.found:
            self._not_found()
        elif start > fetched.size:
            fetched.close()
            self.respond("554 The file is shorter than that.")
        elif fetched.file is None:
            self.push_dtp_data(fetched.content[start:], cmd="RETR")
        else:
            fetched.file.seek(start)
            producer = Pieces(fetched.file)
            self.push_dtp_data(producer, isproducer=True, file=fetched.file, cmd="RETR")

    def ftp_SIZE(self, path: str) -> None:
        """Its size in bytes."""
        fetched = self._fetch(path, head=True)
        fetched.close()
        if fetched.found:
            self.respond(f"213 {fetched.size}")
        else:
            self._not_found()

    def ftp_MDTM(self, path: str) -> None:
        """When it was last changed."""
        fetched = self._fetch(path, head=True)
        fetched.close()
        if fetched.found:
            changed = parsedate_to_datetime(fetched.last_modified).astimezone(UTC)
            self.respond(f"213 {changed:%Y%m%d%H%M%S}")
        else:
            self._not_found()

    def ftp_STOR(self, file: str, mode: str = "w") -> None:  # noqa: ARG002
        """Take a file that the phone's model may send, whole."""
        start, self._restart_position = self._restart_position, 0
        name, asker = self._name(file), self.asker
        reason = self.server.fetching.may_upload(name, asker) if asker.source.allowed else Reason.NETWORK
        if reason is not Reason.DELIVERED or start:
            self.server.fetching.refuse(name, asker, 550, reason or Reason.METHOD)
            self._not_found()
            return
        self._in_dtp_queue = (Upload(name), "STOR")
        self.respond("150 Send it.")
        if self.data_channel is not None:
            self._on_dtp_connection()

    def keep(self, upload: Upload) -> str:
        """Store what has come whole; the answer to the phone."""
        reason = self.server.fetching.store_upload(upload.name, self.asker, upload.content)
        answers = {Reason.STORED: "226 Stored.", Reason.TOO_LARGE: "552 Too large.", Reason.TOO_MANY: "552 Too many."}
        return answers.get(reason, "550 Not found.")

    def ftp_CLNT(self, line: str) -> None:
        """Who calls: of interest only where it is webprov itself, in the place of a phone."""
        name, _, mark = line.partition(" ")
        self.simulated = name == FTP_CLIENT and is_mark(mark)
        self.respond("200 Hello.")

    def ftp_CWD(self, path: str) -> None:
        """Any folder will do: which ones there are is nobody's business."""
        parts: list[str] = []
        for part in self._name(path).split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        folder = "/" + "/".join(parts)
        if len(folder) > _LONGEST_FOLDER:
            self._not_found()
            return
        self.fs.cwd = folder
        self.respond("250 Done.")

    def ftp_CDUP(self, path: str) -> None:  # noqa: ARG002
        """One up."""
        self.ftp_CWD("..")

    def ftp_LIST(self, path: str) -> None:  # noqa: ARG002
        """An empty list, always."""
        self.push_dtp_data(b"", cmd="LIST")

    ftp_NLST = ftp_LIST

    def ftp_STAT(self, path: str) -> None:  # noqa: ARG002
        """The same answer for everything."""
        self.respond("211 Ready.")

    def ftp_TYPE(self, line: str) -> None:
        """Taken and not acted on: a file has the same bytes for everybody."""
        if line.upper().replace(" ", "")[:1] in ("A", "I", "L"):
            self.respond(f"200 Type set to: {'ASCII' if line.upper().startswith('A') else 'Binary'}.")
        else:
            self.respond("504 Unsupported type.")

    def ftp_AUTH(self, line: str) -> None:
        """Go on in TLS."""
        if self.ssl_context is None:
            self.respond("502 No TLS here.")
        else:
            super().ftp_AUTH(line)

    def _name(self, path: str) -> str:
        """The name that a phone means by `path`; nothing is resolved, names are looked up as they are."""
        return path if path.startswith("/") or self.fs.cwd == "/" else f"{self.fs.cwd}/{path}"

    def _fetch(self, path: str, *, head: bool = False) -> FetchedFile:
        asker = self.asker
        if not asker.source.allowed:
            self.server.fetching.refuse(self._name(path), asker, 550, Reason.NETWORK)
            return FetchedFile(Reason.NETWORK)
        return self.server.fetching.fetch_file(self._name(path), asker, head=head)

    def _not_found(self) -> None:
        self.respond("550 Not found.")

    # --- what pyftpdlib would log of each session and command; fetches are recorded elsewhere

    def log(self, msg: str, logfun: Any = None) -> None:
        """Not here."""

    logline = log

    def log_cmd(self, *_arguments: Any) -> None:
        """Not here."""

    def log_transfer(self, **_facts: Any) -> None:
        """Not here."""
