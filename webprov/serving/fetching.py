"""`fetch_file` for every protocol: name -> record -> bytes, and the FetchRecord left behind (spec 8)."""

import os
import stat
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import NamedTuple

from webprov.mac import find_mac
from webprov.serving.fetch import Fetch
from webprov.serving.fetchlog import FetchLog
from webprov.serving.gatekeeper import Asker, Gatekeeper, Reason
from webprov.serving.guessing import Guesses
from webprov.serving.index import FileIndex, ServedFile
from webprov.store.instance import Instance
from webprov.store.watch import CounterWatch

_LARGEST = 16 * 1024 * 1024
_LONGEST_NAME = 1024


class FetchedFile(NamedTuple):
    """What an asker gets: the content, or the reason why not (then all else is empty and the same for all)."""

    reason: Reason
    content: bytes = b""
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""

    @property
    def found(self) -> bool:
        """Whether there is content, even if the asker has it already."""
        return self.reason in (Reason.DELIVERED, Reason.UNCHANGED)


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
        self._root = str(instance.config.provisioning_dir) + "/"
        self.log = FetchLog(instance)
        self.gatekeeper = Gatekeeper(instance, self._watch, self._guesses)

    def fetch_file(
        self, name: str, asker: Asker, condition: Condition | None = None, *, head: bool = False
    ) -> FetchedFile:
        """The file that `asker`, who passed the gatekeeper, means by `name`; percent-escapes are decoded already.

        A leading `provisioning/` and the case of letters make no difference. Whatever is not there, gone or not for
        this asker is answered alike.
        """
        record, fetched = self._look_up(name, asker)
        if condition and fetched.reason is Reason.DELIVERED and _has_already(fetched, condition):
            fetched = fetched._replace(reason=Reason.UNCHANGED)
        self._record(name, asker, record, fetched, head=head)
        return fetched

    def refuse(self, name: str, asker: Asker, status: int, reason: Reason) -> None:
        """Leave a record of a request that the gatekeeper or the protocol refused."""
        source = asker.source
        self.log.add(
            Fetch(time.time(), asker.protocol, source.address, source.key, asker.user_agent, name, status, reason, 0)
        )

    def close(self) -> None:
        """Write what is left and end the threads."""
        self.log.close()
        self._guesses.close()
        self._index.close()
        self._watch.close()

    def _look_up(self, name: str, asker: Asker) -> tuple[ServedFile | None, FetchedFile]:
        if self.gatekeeper.guessed_names(asker):
            return None, FetchedFile(Reason.LOCKED_OUT)
        bare = name.lstrip("/")
        if bare[:13].lower() == "provisioning/":
            bare = bare[13:]
        record = self._index.find(bare) if len(bare) <= _LONGEST_NAME else None
        if record is None:
            self._note_unknown(bare, asker)
            return None, FetchedFile(Reason.UNKNOWN_NAME)
        return record, self._read(record)

    def _note_unknown(self, name: str, asker: Asker) -> None:
        mac = find_mac(name[:_LONGEST_NAME])
        if mac and not self._index.knows(mac):
            self.gatekeeper.note_unknown(asker, mac)

    def _read(self, record: ServedFile) -> FetchedFile:
        content = read_plain_file(self._root + record.disk_path)
        if content is None:
            return FetchedFile(Reason.FILE_GONE)
        digest = record.sha256 if len(content) == record.size else sha256(content).hexdigest()
        return FetchedFile(Reason.DELIVERED, content, f'"{digest[:32]}"', record.last_modified, record.content_type)

    def _record(self, name: str, asker: Asker, record: ServedFile | None, fetched: FetchedFile, *, head: bool) -> None:
        reason = fetched.reason
        status = {Reason.DELIVERED: 200, Reason.UNCHANGED: 304}.get(reason, 404)
        self.log.add(
            Fetch(
                time.time(),
                asker.protocol,
                asker.source.address,
                asker.source.key,
                asker.user_agent,
                name,
                status,
                reason,
                len(fetched.content) if status == 200 and not head else 0,
                record.mac if record else "",
                record.revision if record else 0,
                fetched.found and not head,
            )
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
