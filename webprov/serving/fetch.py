"""One request of a phone, as the listeners hand it to the log."""

from typing import NamedTuple

from webprov.enums import Protocol


class Fetch(NamedTuple):
    """One request and how it ended. `mac` and `revision` are those of the file's device, if it has one."""

    at: float  # seconds since the epoch
    protocol: Protocol
    address: str
    source: str
    user_agent: str
    path: str
    status: int
    reason: str
    size: int
    mac: str = ""
    revision: int = 0
    delivered: bool = False  # the phone now has the content: sent whole, or unchanged
