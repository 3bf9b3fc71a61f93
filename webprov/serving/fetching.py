"""`fetch_file` for every protocol: name -> record -> bytes, and the FetchRecord left behind (spec 8)."""

import os
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import IO, BinaryIO, NamedTuple

from webprov.delivery.mediatypes import asset_type, content_type
from webprov.enums import ProvisioningWindow
from webprov.mac import find_mac
from webprov.serving.access import Access, tenant_of_contacts
from webprov.serving.askers import Asker, Reason
from webprov.serving.assets import Assets
from webprov.serving.fetch import Fetch
from webprov.serving.fetchlog import FetchLog
from webprov.serving.gatekeeper import Gatekeeper
from webprov.serving.guessing import Guesses
from webprov.serving.index import FileIndex, ServedDevice, ServedFile, http_date
from webprov.serving.ownlogins import OwnLogins
from webprov.serving.safeguards import Safeguards
from webprov.serving.uploads import Uploads
from webprov.store.instance import Instance
from webprov.store.watch import CounterWatch

_LARGEST = 16 * 1024 * 1024
_LONGEST_NAME = 1024


class FetchedFile(NamedTuple):
    """What an asker gets, or the reason why not (then all else is empty and the same for all).

    A file that provisioning made is whole in `content`; an asset is an open `file` of `size` bytes, to be sent in
    pieces and closed by whoever called; `path` is where it lies below the provisioning directory. Only assets may be
    sent in ranges.
    """

    reason: Reason
    content: bytes = b""
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""
    size: int = 0
    file: BinaryIO | None = None
    path: str = ""

    @property
    def found(self) -> bool:
        """Whether there is content, even if the asker has it already."""
        return self.reason in (Reason.DELIVERED, Reason.UNCHANGED)

    @property
    def is_asset(self) -> bool:
        """Whether it is firmware or the like: large perhaps, and the same for everybody."""
        return self.file is not None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file is not None:
            self.file.close()


_NOT_THERE = FetchedFile(Reason.UNKNOWN_NAME)


class Condition(NamedTuple):
    """What an HTTP request says it has already; the two headers as sent."""

    if_none_match: str = ""
    if_modified_since: str = ""


class Fetching:
    """Everything that the listeners of one process share: rules, index, log. `close` writes what is left."""

    def __init__(self, instance: Instance) -> None:
        self._watch = CounterWatch(instance.engine)
        self._guesses = Guesses(instance, self._watch)
        self._index = FileIndex(instance.engine, self._watch)
        self._access = Access(self._index)
        self._root = str(instance.config.provisioning_dir) + "/"
        self.accel_redirect = instance.config.accel_redirect
        self._assets = Assets(instance.config.provisioning_dir, self._index.is_segment)
        self._uploads = Uploads(instance)
        self._own_logins = OwnLogins(instance)
        self._safeguards = Safeguards(instance)
        self.gatekeeper = Gatekeeper(instance, self._watch, self._guesses, self._index)
        self.log = FetchLog(instance, self._keeps_windows)

    def fetch_file(
        self, name: str, asker: Asker, condition: Condition | None = None, *, head: bool = False
    ) -> FetchedFile:
        """The file that `asker`, who passed the gatekeeper, means by `name`; percent-escapes are decoded already.

        A leading `provisioning/` and the case of letters make no difference. Whatever is not there, gone or not for
        this asker is answered alike.
        """
        record, fetched = self._look_up(name, asker)
        if condition and fetched.reason is Reason.DELIVERED and _has_already(fetched, condition):
            fetched.close()
            fetched = fetched._replace(reason=Reason.UNCHANGED, file=None)
        if asker.identity.fresh and fetched.found and not asker.simulated:
            self._own_logins.note(asker.identity.device_id)
        self._record(name, asker, record, fetched, head=head)
        return fetched

    def begin_fetch(self, name: str, asker: Asker) -> tuple[FetchedFile, Callable[[bool], None]]:
        """As `fetch_file`, where sending takes a while and may fail: what is to be sent, and what to call once with
        whether the asker has got it all. Only then is it recorded, so that a forged request counts for nothing."""
        record, fetched = self._look_up(name, asker)

        def finish(complete: bool) -> None:
            broken = fetched.found and not complete
            self._record(name, asker, record, fetched._replace(reason=Reason.BROKEN_OFF) if broken else fetched)

        return fetched, finish

    def refuse(self, name: str, asker: Asker, status: int, reason: Reason, size: int = 0) -> None:
        """Leave a record of a request that fetched nothing: refused, or an upload."""
        source = asker.source
        self.log.add(
            Fetch(time.time(), asker.protocol, source.address, source.key, asker.agent, name, status, reason, size)
        )

    def is_directory_file(self, name: str) -> bool:
        """Whether `name` is a contact directory, which some phones ask for by POST."""
        record = self._index.find(bare_name(name))
        return record is not None and bool(tenant_of_contacts(record))

    def may_upload(self, name: str, asker: Asker) -> Reason:
        """DELIVERED where `asker`, who passed the gatekeeper, may send a file called `name`, or why not."""
        if not self.gatekeeper.rules.settings.uploads_enabled:
            return Reason.UPLOADS_OFF
        if self.gatekeeper.guessed_names(asker):
            return Reason.LOCKED_OUT
        bare = bare_name(name)
        mac = find_mac(bare[:_LONGEST_NAME])
        device = self._index.device(mac) if mac else None
        if device is None:
            self._note_unknown(bare, asker)
            return Reason.UNKNOWN_NAME
        if not device.enabled or not device.may_upload(bare.casefold()) or self._index.find(bare) is not None:
            return Reason.UNKNOWN_NAME
        return self._access.judge_upload(device, asker, own_credentials=self._own_credentials)

    def store_upload(self, name: str, asker: Asker, body: IO[bytes], size: int | None = None) -> Reason:
        """Keep what `asker` sends as `name`: STORED, or why not. `size`: bytes to read from `body`, None: to its end.

        Never parsed; at most 1 MiB each and 20 files a device; given back to the device that sent it alone (PH-15).
        """
        reason = self.may_upload(name, asker)
        bare = bare_name(name)
        device = self._index.device(find_mac(bare) or "") if reason is Reason.DELIVERED else None
        if device is not None:
            reason = self._uploads.store(device, bare, asker, body, size)
        status = {Reason.STORED: 201, Reason.TOO_LARGE: 413}.get(reason, 404)
        self.refuse(name, asker, status, reason, size or 0)
        return reason

    def close(self) -> None:
        """Write what is left and end the threads."""
        self.log.close()
        self._own_logins.close()
        self._guesses.close()
        self._assets.close()
        self._index.close()
        self._watch.close()

    @property
    def _own_credentials(self) -> bool:
        return self.gatekeeper.rules.settings.device_credentials

    def _keeps_windows(self) -> bool:
        return self.gatekeeper.rules.settings.provisioning_window is not ProvisioningWindow.ALWAYS

    def _look_up(self, name: str, asker: Asker) -> tuple[ServedFile | None, FetchedFile]:
        if self.gatekeeper.guessed_names(asker):
            return None, FetchedFile(Reason.LOCKED_OUT)
        bare = bare_name(name)
        if len(bare) > _LONGEST_NAME:
            return None, _NOT_THERE
        record, settings = self._index.find(bare), self.gatekeeper.rules.settings
        guarded = self._safeguards.judge(record, asker, settings) if settings.guards_files else Reason.DELIVERED
        if record is None:
            return None, self._other(bare, asker)
        reason = self._access.judge(record, asker, own_credentials=settings.device_credentials)
        reason = guarded if reason is Reason.DELIVERED else reason
        if reason is Reason.DELIVERED:
            return record, self._read(record)
        self._assets.find(record.key)  # takes as long as for a name that nobody has (PH-03)
        return record, FetchedFile(reason)

    def _other(self, name: str, asker: Asker) -> FetchedFile:
        """What provisioning did not make: something that a device sent, or an asset."""
        mac = find_mac(name)
        device = self._index.device(mac) if mac else None
        if device is not None and device.enabled and device.may_upload(name.casefold()):
            return self._sent_back(device, name, asker)
        path = self._assets.find(name.casefold())
        if path is not None:
            return open_asset(self._root + path)._replace(path=path)
        if mac and device is None and not self._index.knows(mac):
            self.gatekeeper.note_unknown(asker, mac)
        return _NOT_THERE

    def _sent_back(self, device: ServedDevice, name: str, asker: Asker) -> FetchedFile:
        reason = self._access.judge_upload(device, asker, own_credentials=self._own_credentials)
        if reason is Reason.DELIVERED and self.gatekeeper.rules.settings.guards_files:
            reason = self._safeguards.judge_device(device, asker, self.gatekeeper.rules.settings)
        if reason is not Reason.DELIVERED:
            return FetchedFile(reason)
        found = self._uploads.find(device, name, asker)
        content = read_plain_file(str(found.path)) if found else None
        if found is None or content is None:
            return _NOT_THERE
        return FetchedFile(
            Reason.DELIVERED,
            content,
            f'"{sha256(content).hexdigest()[:32]}"',
            http_date(found.at),
            content_type(name),
            len(content),
        )

    def _note_unknown(self, name: str, asker: Asker) -> None:
        mac = find_mac(name[:_LONGEST_NAME])
        if mac and not self._index.knows(mac):
            self.gatekeeper.note_unknown(asker, mac)

    def _read(self, record: ServedFile) -> FetchedFile:
        content = read_plain_file(self._root + record.disk_path)
        if content is None:
            return FetchedFile(Reason.FILE_GONE)
        size = len(content)
        digest = record.sha256 if size == record.size else sha256(content).hexdigest()
        return FetchedFile(
            Reason.DELIVERED, content, f'"{digest[:32]}"', record.last_modified, record.content_type, size
        )

    def _record(
        self, name: str, asker: Asker, record: ServedFile | None, fetched: FetchedFile, *, head: bool = False
    ) -> None:
        reason = fetched.reason
        status = {Reason.DELIVERED: 200, Reason.UNCHANGED: 304, Reason.BROKEN_OFF: 499}.get(reason, 404)
        device = record.device if record else None
        self.log.add(
            Fetch(
                time.time(),
                asker.protocol,
                asker.source.address,
                asker.source.key,
                asker.agent,
                name,
                status,
                reason,
                fetched.size if status == 200 and not head else 0,
                device.mac if device else "",
                device.revision if device else 0,
                fetched.found and not head and not asker.simulated,
            )
        )


def bare_name(name: str) -> str:
    """The name below `provisioning/`, which phones may say or leave out."""
    bare = name.lstrip("/")
    return bare[13:] if bare[:13].lower() == "provisioning/" else bare


def open_asset(path: str) -> FetchedFile:
    """The regular file at `path`, open; a symbolic link or anything else is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return FetchedFile(Reason.FILE_GONE)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return FetchedFile(Reason.FILE_GONE)
    return FetchedFile(
        Reason.DELIVERED,
        etag=f'"{status.st_size:x}-{status.st_mtime_ns:x}"',
        last_modified=http_date(datetime.fromtimestamp(int(status.st_mtime), UTC)),
        content_type=asset_type(path),
        size=status.st_size,
        file=os.fdopen(descriptor, "rb", buffering=0),
    )


def read_plain_file(path: str) -> bytes | None:
    """The content of a regular file that is no symbolic link, or None when it is gone or something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return None
        return os.read(descriptor, status.st_size + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _has_already(fetched: FetchedFile, condition: Condition) -> bool:
    """Whether the conditional headers make this a 304 (RFC 9110 13.2.2: an entity tag outweighs a date)."""
    if condition.if_none_match:
        given = [tag.strip().removeprefix("W/") for tag in condition.if_none_match.split(",")]
        return fetched.etag in given or "*" in given
    if condition.if_modified_since:
        since, modified = _parse_date(condition.if_modified_since), _parse_date(fetched.last_modified)
        return since is not None and modified is not None and modified <= since
    return False


def _parse_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
