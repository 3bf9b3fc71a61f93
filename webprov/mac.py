"""MAC addresses: any spelling in, 12 upper-case hexadecimal digits inside the program, colons for eyes."""

import re

from webprov.errors import InvalidValue

_WITHIN = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])", re.ASCII)
_HEX = re.compile(r"[0-9A-F]{12}", re.ASCII)
_SEPARATORS = str.maketrans("", "", ":-. ")


def parse_mac(text: str) -> str:
    """Return `text` as 12 upper-case hex digits; separators `:`, `-`, `.` and blanks are ignored.

    Raises InvalidValue where something else remains, and for addresses that no phone has (all zero, multicast).
    """
    bare = text.translate(_SEPARATORS).upper()
    if not _HEX.fullmatch(bare):
        raise InvalidValue(
            f"“{text.strip()[:40]}” is not a MAC address. Enter 12 hexadecimal digits, like 80:5E:C0:12:34:56."
        )
    if bare == "000000000000" or int(bare[:2], 16) & 1:
        raise InvalidValue(f"{format_mac(bare)} is not the address of a single phone. Enter the MAC on its label.")
    return bare


def format_mac(mac: str) -> str:
    """`805EC0123456` as `80:5E:C0:12:34:56`, for people."""
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2))


def find_mac(text: str) -> str | None:
    """The MAC address inside a file name or user agent (`cfg805ec0123456.xml`), or None.

    Names like `y000000000096.cfg` carry a number, not an address: nothing with six leading zeros counts.
    """
    match = _WITHIN.search(text)
    if match is None or match[0].startswith("000000"):
        return None
    try:
        return parse_mac(match[0])
    except InvalidValue:
        return None
