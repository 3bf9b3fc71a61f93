"""How phones are pointed at this system: address, DHCP option and menu path, per group of alike models (spec 8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.servers import delivery_of, protocol_warning
from webprov.store.settings import ProvisioningSettings

_SHARED_LOGIN = ("", "")  # not the own credentials of any device


@dataclass(frozen=True)
class Credentials:
    """A user and password that phones sign in with; `label` says which: "HTTP", "DMS"."""

    label: str
    user: str
    password: str


@dataclass(frozen=True)
class Pointing:
    """Models that are pointed here in the same way. `addresses` maps what to type (as such phones want it written) to
    the labels of the models it is for: one entry in Local mode, one per model where the DMS has a folder for each."""

    brand: str
    models: tuple[PhoneModel, ...]
    addresses: Mapping[str, tuple[str, ...]]
    setup: Mapping[str, str]  # menu, dhcp, url, note
    warning: str = ""


def pointings(settings: ProvisioningSettings, models: Iterable[PhoneModel]) -> list[Pointing]:
    """The groups of `models`, in their order; nothing in them is secret."""
    groups: dict[tuple[object, ...], list[PhoneModel]] = {}
    for model in models:
        key = (model.brand, model.protocol, model.external, tuple(sorted(model.setup.items())))
        groups.setdefault(key, []).append(model)
    return [_pointing(settings, tuple(group)) for group in groups.values()]


def credentials(settings: ProvisioningSettings, models: Iterable[PhoneModel]) -> list[Credentials]:
    """The shared credentials that `models` download with, each once; with their passwords."""
    logins = (delivery_of(settings, model, _SHARED_LOGIN).login for model in models)
    found = (
        Credentials(login.user.source.removesuffix(" user"), login.user.value, login.password.value) for login in logins
    )
    return [login for login in dict.fromkeys(found) if login.user or login.password]


def _pointing(settings: ProvisioningSettings, models: tuple[PhoneModel, ...]) -> Pointing:
    first = models[0]
    addresses: dict[str, tuple[str, ...]] = {}
    for model in models:
        address = _address(settings, model)
        addresses[address] = (*addresses.get(address, ()), model.label)
    return Pointing(first.brand, models, addresses, first.setup, protocol_warning(settings, first))


def _address(settings: ProvisioningSettings, model: PhoneModel) -> str:
    """The provisioning URL without credentials, in the form of `setup_form`: {url}, {address} without `http://`, or
    {host}, the server alone."""
    url = delivery_of(settings, model, _SHARED_LOGIN).plain_url
    form = model.setup.get("form") or "{url}"
    address, host = url.partition("://")[2], urlsplit(url).hostname or ""
    return form.replace("{url}", url).replace("{address}", address).replace("{host}", host) if url else ""
