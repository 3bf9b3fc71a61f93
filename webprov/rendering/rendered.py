"""What rendering yields, before anything is written."""

from dataclasses import dataclass
from hashlib import sha256

from webprov.enums import FileFormat


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file that a phone will fetch. `path` is relative, without the External segment.

    `masked` is its content for those who may not see secrets, where rendering came to it along the way.
    """

    path: str
    content: bytes
    format: FileFormat
    encoding: str
    template: str
    warnings: tuple[str, ...] = ()
    owner: str = ""  # the family of a shared file; "" = the device's own
    masked: bytes | None = None

    @property
    def sha256(self) -> str:
        """What records and ETags know the content by."""
        return sha256(self.content).hexdigest()

    @property
    def text(self) -> str:
        """The content as people read it."""
        return self.content.decode(self.encoding)
