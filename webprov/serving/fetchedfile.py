"""What an asker gets: a file's content or an open file, its headers' values, or the reason why not (spec 8)."""

import os
import stat
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO, NamedTuple

from webprov.delivery.mediatypes import asset_type
from webprov.serving.askers import Reason
from webprov.serving.index import http_date

_LARGEST = 16 * 1024 * 1024


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


NOT_THERE = FetchedFile(Reason.UNKNOWN_NAME)


class Condition(NamedTuple):
    """What an HTTP request says it has already; the two headers as sent."""

    if_none_match: str = ""
    if_modified_since: str = ""


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


def has_already(fetched: FetchedFile, condition: Condition) -> bool:
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
