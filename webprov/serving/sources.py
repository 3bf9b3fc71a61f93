"""Where a request comes from: the address behind trusted proxies, the source it counts for, the networks allowed."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """One address as the rules see it: `key` counts guesses (IPv6 per /64), `allowed`: phones may be there, `exempt`:
    its guesses do not count. `ip` is None where the text is no address."""

    address: str
    key: str
    allowed: bool
    exempt: bool = False
    ip: Address | None = None

    def within(self, networks: Iterable[Network]) -> bool:
        """Whether the address is in one of `networks`."""
        return self.ip is not None and _in(self.ip, networks)


class Sources:
    """Reads addresses; those seen are remembered, because a fleet asks again and again from the same ones."""

    def __init__(
        self, allowed: str, trusted_proxies: Iterable[Network], *, exempt: str = "", only: str | None = None
    ) -> None:
        """`allowed`: networks as the settings keep them; "" allows every address. `only` narrows that further, and ""
        allows none then. `exempt`: networks whose guesses do not count."""
        self._everybody = not allowed.strip()
        self._allowed = tuple(parse_networks(allowed))
        self._only = None if only is None else tuple(parse_networks(only))
        self._exempt = tuple(parse_networks(exempt))
        self._proxies = tuple(trusted_proxies)
        self._known: dict[str, Source] = {}

    def source(self, address: str) -> Source:
        """The source behind `address` (text); what is no address is never allowed."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._read(address)
        return known

    def behind(self, peer: str, forwarded_for: str) -> str:
        """The client's address: `peer`, or what trusted proxies in a row say in X-Forwarded-For (security PH-11)."""
        if not forwarded_for or not self._proxies:
            return peer
        address = peer
        for hop in reversed(forwarded_for.split(",")):
            before = _parse(hop)
            if not self.is_proxy(address) or before is None:
                break
            address = str(before)
        return address

    def is_proxy(self, address: str) -> bool:
        """Whether the address (text) is one of a trusted proxy."""
        parsed = _parse(address)
        return parsed is not None and _in(parsed, self._proxies)

    def _read(self, address: str) -> Source:
        parsed = _parse(address)
        if parsed is None:
            return Source(address, address, allowed=False)
        allowed = self._everybody or _in(parsed, self._allowed)
        if self._only is not None:
            allowed = allowed and _in(parsed, self._only)
        return Source(str(parsed), source_key(parsed), allowed, _in(parsed, self._exempt), parsed)


def source_key(address: Address) -> str:
    """What guesses of this address count for: itself, or its /64 (security PH-05)."""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def parse_networks(text: str) -> list[Network]:
    """Networks from a saved setting, separated by commas or blanks; entries that are none are left out."""
    found = []
    for item in text.replace(",", " ").split():
        try:
            found.append(ipaddress.ip_network(item, strict=False))
        except ValueError:
            continue
    return found


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
