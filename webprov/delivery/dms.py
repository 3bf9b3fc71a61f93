"""Fetching from the external DMS as a phone would: over its URL, with the phones' credentials."""

import urllib.request
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote
from urllib.request import parse_http_list, parse_keqv_list

from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from webprov.delivery.crew import Crew, Late
from webprov.delivery.guardedhttp import AddressRefused, GuardedPool
from webprov.store.settings import ProvisioningSettings

LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one GET came to: `status` 0 and an `error` where there was no answer."""

    url: str
    status: int = 0
    content: bytes = b""
    error: str = ""


def fetch_from_dms(settings: ProvisioningSettings, segment: str, path: str, pool: GuardedPool) -> Fetched:
    """GET one file like a phone: without credentials first, then as the answer asks for (Basic or Digest)."""
    folder = quote(f"{settings.external_path}/{segment}/{path}")
    url = f"{settings.external_protocol}://{settings.external_server}{folder}"
    ((found,),) = Crew(1, LIMIT_SECONDS, pool.abort).run([[partial(_fetch, settings, url, folder, pool)]])
    return Fetched(url, error="it did not answer in time") if isinstance(found, Late) else found


def _fetch(settings: ProvisioningSettings, url: str, folder: str, pool: GuardedPool) -> Fetched:
    try:
        answer = pool.urlopen("GET", url)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status == 401 and settings.external_user:
            answer = pool.urlopen("GET", url, headers=_authorization(settings, challenge, url, folder))
    except AddressRefused as e:
        return Fetched(url, error=str(e))
    except (HTTPError, OSError, ValueError) as e:
        return Fetched(url, error=f"no answer ({type(e).__name__})")
    return Fetched(url, answer.status, answer.data or b"")


def _authorization(settings: ProvisioningSettings, challenge: str, url: str, folder: str) -> dict[str, str]:
    user, password = settings.external_user, settings.external_password
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "digest":
        return dict(make_headers(basic_auth=f"{user}:{password}"))
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, url, user, password)
    handler = urllib.request.HTTPDigestAuthHandler(manager)
    request = urllib.request.Request(url)  # noqa: S310 - only signed, never opened
    request.selector = folder
    answer = handler.get_authorization(request, parse_keqv_list(parse_http_list(rest)))
    return {"Authorization": f"Digest {answer}"}
