"""The mark on requests of `webprov simulate`: served like a phone, recorded as tried, never taken for the phone itself.

Without it a simulation would say that the phone has its newest files, and end its previous credentials.
"""

import hmac
import time

from webprov.serving.credentials import Nonces
from webprov.store.secrets import keyring

HEADER = "X-Webprov-Simulation"
TFTP_OPTION = "x-webprov-simulation"
FTP_CLIENT = "webprov-simulation"


def make_mark() -> str:
    """A mark that this instance believes for five minutes."""
    return _nonces().make(time.time())


def is_mark(text: str) -> bool:
    """Whether `text` is a mark of ours."""
    return bool(text) and _nonces().fresh(text, time.time())


def _nonces() -> Nonces:
    return Nonces(hmac.digest(keyring().session_key, b"webprov simulation", "sha256"))
