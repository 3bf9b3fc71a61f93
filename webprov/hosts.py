"""Host names, ports and URLs: parse, normalise, compose. Pure functions; nothing is looked up."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from webprov.enums import Protocol
from webprov.errors import InvalidValue

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Host:
    """A host name or address with an optional port; IPv6 without brackets."""

    name: str
    port: int | None = None

    @property
    def in_url(self) -> str:
        """The name as it stands in a URL: IPv6 in brackets."""
        return f"[{self.name}]" if ":" in self.name else self.name

    def __str__(self) -> str:
        return f"{self.in_url}:{self.port}" if self.port else self.name


def parse_host(text: str, *, port_allowed: bool = True) -> Host:
    """Read `name`, `name:port`, `10.0.0.1`, `2001:db8::1` or `[2001:db8::1]:8443`.

    Raises InvalidValue with what is wrong and what to enter (ui guide 16).
    """
    text = text.strip()
    if "/" in text:
        raise InvalidValue(f"“{text[:60]}”: leave out http:// and the path. Enter a name like pbx.acme.example.")
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in name or (rest and not rest.startswith(":")):
            raise InvalidValue(f"“{text}” is not an address. Write IPv6 like [2001:db8::1] or [2001:db8::1]:8443.")
        port_text = rest[1:] if rest else None
    elif text.count(":") == 1:
        name, _, port_text = text.partition(":")
    else:
        name, port_text = text, None
    if port_text is not None and not port_allowed:
        raise InvalidValue(f"“{text}”: leave out the port here, only the name or address.")
    return Host(_check_name(name), None if port_text is None else parse_port(port_text))


def parse_port(text: str | int) -> int:
    """A TCP or UDP port, 1 to 65535; raises InvalidValue."""
    try:
        port = int(str(text).strip()) if str(text).strip().isascii() else 0
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise InvalidValue(f"“{text}” is not a port. Enter a number from 1 to 65535.")
    return port


def parse_network(text: str) -> str:
    """A network like `10.20.0.0/16` or `2001:db8::/32`, normalised; raises InvalidValue."""
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise InvalidValue(f"“{text.strip()}” is not a network. Write it like 10.20.0.0/16.") from None


def compose_url(
    protocol: Protocol, host: Host, path: str, *, user: str = "", password: str = "", file_name: str = ""
) -> str:
    """`proto://user:password@server[:port]/path`, without a trailing slash (spec 3, PROTO_URL; security TP-10).

    User, password and path are percent-encoded; TFTP knows no login; the protocol's own port is left out.
    """
    login = ""
    if user and protocol is not Protocol.TFTP:
        login = quote(user, safe="") + (":" + quote(password, safe="") if password else "") + "@"
    port = f":{host.port}" if host.port and host.port != protocol.standard_port else ""
    whole = "/".join(part.strip("/") for part in (path, file_name) if part.strip("/"))
    return f"{protocol}://{login}{host.in_url}{port}" + (f"/{quote(whole, safe='/')}" if whole else "")


def _check_name(name: str) -> str:
    if ":" in name or re.fullmatch(r"[0-9.]+", name, re.ASCII):
        return _check_address(name)
    if not name:
        raise InvalidValue("Enter a name like pbx.acme.example or an IP address.")
    if "_" in name:
        raise InvalidValue(
            f"“{name}” is not a host name: underscores are not allowed."
            " Enter a name like pbx.acme.example or an IP address."
        )
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split(".")):
        raise InvalidValue(f"“{name[:60]}” is not a host name. Enter a name like pbx.acme.example or an IP address.")
    return name.removesuffix(".").lower()


def _check_address(name: str) -> str:
    if "%" in name:
        raise InvalidValue(f"“{name}”: leave out the zone after “%”; phones cannot use it.")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        raise InvalidValue(f"“{name}” is not an IP address. Enter one like 192.168.20.5 or 2001:db8::1.") from None
