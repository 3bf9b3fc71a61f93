"""The data connection of an FTP session: what is sent in pieces, what comes in, and when it counts as kept."""

import io
import logging
from typing import BinaryIO

from pyftpdlib.handlers import TLS_DTPHandler
from sqlalchemy.exc import SQLAlchemyError

from webprov.errors import WebprovError
from webprov.serving.uploads import LARGEST_BYTES

log = logging.getLogger(__name__)

IDLE_SECONDS = 60
_PIECE_BYTES = 64 * 1024


class Pieces:
    """An open file, piece by piece, as pyftpdlib takes it; where it can, it sends `file` by sendfile instead."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def more(self) -> bytes:
        """The next piece; b"" at the end."""
        return self.file.read(_PIECE_BYTES)


class PhoneData(TLS_DTPHandler):  # type: ignore[misc]
    """The data connection; one on which nothing moves for a minute is closed."""

    timeout = IDLE_SECONDS

    def __repr__(self) -> str:
        return "FTP data"

    def handle_read_event(self) -> None:
        """Read; there is no need to wait for the end of what is too large."""
        super().handle_read_event()
        if isinstance(self.file_obj, Upload) and self.file_obj.is_too_large:
            self.close()

    def close(self) -> None:
        """End the transfer; what was sent whole is kept before the phone is told so."""
        upload = self.file_obj if isinstance(self.file_obj, Upload) else None
        if upload and not self._closed and (self.transfer_finished or upload.is_too_large):
            upload.close()
            try:
                self._resp = (self.cmd_channel.keep(upload), log.debug)
            except (WebprovError, SQLAlchemyError) as e:
                log.error("%s could not be kept: %s", upload.name, e)
                self._resp = ("451 Try again later.", log.debug)
        super().close()


class Upload:
    """A file on its way in, held in memory; transfers end where it becomes too large."""

    closed = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.content = io.BytesIO()

    @property
    def is_too_large(self) -> bool:
        """Whether more has come than is ever kept."""
        return self.content.getbuffer().nbytes > LARGEST_BYTES

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self.content.write(data)

    def close(self) -> None:
        """Let `content` be read from its start."""
        self.closed = True
        self.content.seek(0)
