"""Who asks, what it proved, and what became of that: the words that every protocol shares (spec 8)."""

from enum import StrEnum
from typing import NamedTuple

from webprov.enums import Protocol
from webprov.serving.sources import Source


class Reason(StrEnum):
    """Why a request ended as it did; kept with its FetchRecord, never told to the asker."""

    DELIVERED = ""
    UNCHANGED = "unchanged"
    NETWORK = "network not allowed"
    TENANT_NETWORK = "network not allowed by the tenant"
    NO_CREDENTIALS = "no credentials"
    WRONG_CREDENTIALS = "wrong credentials"
    STALE_NONCE = "nonce too old"
    NO_CERTIFICATE = "no client certificate"
    FOREIGN_CERTIFICATE = "client certificate of no known device"
    LOCKED_OUT = "locked out"
    UNKNOWN_NAME = "unknown name"
    NOT_OWN = "belongs to another device"
    OWN_NEEDED = "device has credentials of its own"
    WINDOW_CLOSED = "provisioning window closed"
    OTHER_PHONE = "user agent of another phone"
    FILE_GONE = "file gone"
    OUTSIDE = "outside provisioning"
    METHOD = "method not allowed"
    BROKEN_OFF = "broken off"
    BUSY = "too many transfers at once"
    STORED = "stored"
    UPLOADS_OFF = "uploads are off"
    TOO_LARGE = "too large"
    TOO_MANY = "too many uploads"
    NOT_KEPT = "could not be stored"


class Proven(StrEnum):
    """What an asker proved: nothing (TFTP), that it knows the shared sign-in, or that it is one device."""

    NOTHING = "nothing"
    SHARED = "shared"
    DEVICE = "device"


class Identity(NamedTuple):
    """Whom the gatekeeper let in; `device_id` only with Proven.DEVICE. `fresh`: the device uses its newest credentials
    for the first time, so those before can end (PH-09)."""

    proven: Proven = Proven.NOTHING
    device_id: int = 0
    fresh: bool = False


NOBODY = Identity()


class Asker(NamedTuple):
    """Who asks: how, from where, what it calls itself, and what it proved; `simulated`: webprov itself, in the place of
    a phone."""

    protocol: Protocol
    source: Source
    user_agent: str = ""
    identity: Identity = NOBODY
    simulated: bool = False

    @property
    def agent(self) -> str:
        """What it calls itself, for the log."""
        return f"{self.user_agent} (simulated)".lstrip() if self.simulated else self.user_agent


class Verdict(NamedTuple):
    """What the gatekeeper says before any look-up: DELIVERED (go on, as `identity`), or why not."""

    reason: Reason
    identity: Identity = NOBODY

    @property
    def passed(self) -> bool:
        """Whether the asker may go on and ask for a name."""
        return self.reason is Reason.DELIVERED
