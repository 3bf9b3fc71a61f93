"""What can go wrong and is expected to: `str(error)` is the sentence that a person reads."""

from collections.abc import Mapping


class WebprovError(Exception):
    """Expected trouble. The message names the thing and says what to do."""


class InvalidValue(WebprovError):
    """One value is not acceptable; the message says what is wrong and what to enter."""


class InvalidInput(WebprovError):
    """Several values are not acceptable: `errors` maps a field's name (form, setting, CSV column) to its sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in errors.items()))
        self.errors = dict(errors)


class NotFound(WebprovError):
    """There is no such thing, or the asker may not know of it."""


class NotAllowed(WebprovError):
    """The person may not do this (spec 9)."""


class SignInRefused(WebprovError):
    """Name and password do not fit, or there were too many tries; the sentence never tells which account exists."""


class Conflict(WebprovError):
    """Somebody else changed the same thing in between; nothing was stored (security DB-04)."""


class KeyFileError(WebprovError):
    """The key file is missing, readable by others, or not the one that this database was encrypted with (SE-01)."""


class ConfigError(WebprovError):
    """An environment variable or a line of `webprov.cfg` cannot be used."""


class TemplateError(WebprovError):
    """A template cannot be used or did not render; `file` is relative to its root, `line` from 1 (0 = unknown)."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class CertificateError(WebprovError):
    """A certificate, its key or a CA cannot be used for TLS."""


class AlreadyRunning(WebprovError):
    """Another process does this for the same instance."""


class StorageError(WebprovError):
    """Files could not be written or read; the old ones are still in place (security FS-07)."""


class DiskError(StorageError):
    """The disk takes no files: it is full, read-only or failing, and may be well again later."""


class BackupError(WebprovError):
    """A file is no backup of webprov, is damaged, or is sealed with another passphrase (security DB-05)."""


class TransportError(WebprovError):
    """Files cannot go where the settings say; `field` is the setting to look at, "" where it is none's fault."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
