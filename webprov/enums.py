"""The closed vocabularies of webprov; each value is the spelling used in forms, CSV files, INI files and JSON."""

from enum import StrEnum


class ProvisioningMode(StrEnum):
    """Who serves the files: this server, or an external Device Management System (spec 2)."""

    LOCAL = "local"
    EXTERNAL = "external"


class Protocol(StrEnum):
    """How a phone downloads its files (spec 1)."""

    HTTP = "http"
    HTTPS = "https"
    FTP = "ftp"
    FTPS = "ftps"
    TFTP = "tftp"

    @property
    def standard_port(self) -> int:
        """The port a phone uses when the URL names none."""
        return {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "tftp": 69}[self.value]


class TransportMethod(StrEnum):
    """How generated files reach the external DMS (spec 6)."""

    NONE = "none"
    S3 = "s3"
    SCRIPT = "script"


class ProvisioningWindow(StrEnum):
    """When phones get their own files: always, or until a day after they first fetched them (security PH-06)."""

    ALWAYS = "always"
    FIRST_FETCH = "first-fetch"


class UserAgentCheck(StrEnum):
    """What happens where a phone calls itself another one than its file's device: nothing, the device's page tells, or
    it is refused too (security PH-13)."""

    OFF = "off"
    LOG = "log"
    REFUSE = "refuse"


class Role(StrEnum):
    """What a signed-in person may do (spec 9)."""

    ADMINISTRATOR = "administrator"
    TENANT_ADMINISTRATOR = "tenant-administrator"
    SUPPORT = "support"


class KeyType(StrEnum):
    """What a programmable key does; each brand's map says how it codes that (spec 4)."""

    LINE = "line"
    BLF = "blf"
    SPEEDDIAL = "speeddial"
    PARK = "park"
    PICKUP = "pickup"
    INTERCOM = "intercom"
    VOICEMAIL = "voicemail"
    DTMF = "dtmf"
    TRANSFER = "transfer"
    DIRECTORY = "directory"
    URL = "url"
    NONE = "none"


class FileFormat(StrEnum):
    """The syntax of a rendered file; values are escaped for it (spec 4)."""

    KEYVALUE = "keyvalue"
    XML = "xml"
    JSON = "json"
    INI = "ini"
    CSV = "csv"
    TEXT = "text"


class FileState(StrEnum):
    """Does what lies on disk match settings, templates and data? (spec 5, ui guide 7)"""

    CURRENT = "current"
    STALE = "stale"
    FAILED = "failed"
    MODEL_MISSING = "model missing"
    DISABLED = "disabled"


class PushState(StrEnum):
    """What became of the last push or removal of an object (spec 6)."""

    OK = "ok"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """The file is gone here; the object still has to be removed."""


class JobState(StrEnum):
    """What becomes of a background job; the first two are under way."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemOutcome(StrEnum):
    """What became of one item of a job; skipped: its device was disabled or deleted."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
