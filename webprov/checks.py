"""Whether one value is well-formed: the same checks for forms, CSV rows and the command line (security TP-05).

Each returns the value as it will be stored, or raises InvalidValue with what is wrong and what to enter.
"""

import re
from collections.abc import Iterable

from webprov.errors import InvalidValue
from webprov.hosts import parse_host, parse_network, parse_port
from webprov.rendering.names import BUILT_IN_NAMES

MAX_FIELD_BYTES = 4_000
MAX_OVERRIDE_BYTES = 64_000
_FIRST_FREE_PORT = 1024
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_LINE_BREAKS = "\n\r\x0b\x0c\x85\u2028\u2029"
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_NOT_IN_TEXT = re.compile(rf"[{_CONTROLS}\t\n\u2028\u2029]")
_NOT_IN_OVERRIDE = re.compile(rf"[{_CONTROLS}\u2028\u2029]")
_SECRET_PARTS = ("PASSW", "PASSPHRASE", "PASSCODE", "PWD", "SECRET", "TOKEN")
_SECRET_WORDS = ("PASS", "KEY", "PIN")
_VENDOR_DEFAULTS = {
    "admin",
    "plcmspip",
    "password",
    "456",
    "123",
    "1234",
    "12345678",
    "0000",
    "user",
    "guest",
    "phones",
}


def check_text(text: str) -> str:
    """One line of text: blanks at the ends go, line breaks and control characters are refused; at most 4 kB."""
    text = text.strip(" \t")
    if not text:
        return text  # most cells of a wide file
    if bad := _NOT_IN_TEXT.search(text):
        if bad[0] in _LINE_BREAKS:
            raise InvalidValue("Leave out the line break: this value stands on one line.")
        raise InvalidValue(f"Leave out the control character U+{ord(bad[0]):04X}.")
    return _bounded(text, MAX_FIELD_BYTES)


def check_override(text: str) -> str:
    """Text that goes into files as it is: several lines, without control characters but tabs; at most 64 kB."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if bad := _NOT_IN_OVERRIDE.search(text):
        raise InvalidValue(f"Leave out the control character U+{ord(bad[0]):04X}.")
    return _bounded(text, MAX_OVERRIDE_BYTES)


def _bounded(text: str, limit_bytes: int) -> str:
    if 4 * len(text) > limit_bytes and len(text.encode()) > limit_bytes:  # no character takes more than 4 bytes
        raise InvalidValue(f"This is too long: at most {limit_bytes // 1000} kB fit.")
    return text


def check_slug(text: str) -> str:
    """The name of a tenant: it becomes a folder and part of URLs (security FS-01)."""
    text = text.strip()
    if not _SLUG.fullmatch(text):
        raise InvalidValue(
            "Enter lower-case letters, digits, - and _, starting with a letter or digit, at most 63, like acme-berlin."
        )
    return text


def check_variable_name(text: str) -> str:
    """The name of a custom variable, typed without `${}` (spec 1)."""
    text = text.strip()
    if text.startswith("${"):
        raise InvalidValue(f"Enter the name alone, without ${{}}: {text.strip('${}')}.")
    if text.startswith("__") or "__" in text:
        raise InvalidValue(f"“{text[:60]}”: two underscores in a row are reserved. Use one.")
    if not _VARIABLE.fullmatch(text) or len(text) > 100:
        raise InvalidValue(
            "Use upper-case letters, digits and underscores, starting with a letter, like SYSLOG_SERVER."
        )
    if text in BUILT_IN_NAMES:
        raise InvalidValue(f"{text} is a built-in variable. Choose another name.")
    return text


def looks_secret(variable_name: str) -> bool:
    """Whether a variable of this name is a secret unless somebody says otherwise (security SE-04)."""
    parts = variable_name.split("_")
    return any(word in variable_name for word in _SECRET_PARTS) or any(part in _SECRET_WORDS for part in parts)


def check_host(text: str) -> str:
    """A host name or address with an optional port, normalised; empty stays empty."""
    return str(parse_host(text)) if text.strip() else ""


def check_plain_host(text: str) -> str:
    """A host name or address without a port, normalised; empty stays empty. IPv6 without brackets."""
    return parse_host(text, port_allowed=False).name if text.strip() else ""


def check_networks(text: str) -> str:
    """Networks separated by commas, blanks or line breaks; normalised to `a, b`."""
    return ", ".join(parse_network(item) for item in re.split(r"[,\s]+", text.strip()) if item)


def check_ports(text: str) -> str:
    """A range of ports like `50000-50100`, normalised; empty stays empty."""
    first, _, last = text.replace("–", "-").partition("-")
    if not text.strip():
        return ""
    low, high = parse_port(first), parse_port(last or first)
    if low > high or low < _FIRST_FREE_PORT:
        raise InvalidValue(f"“{text.strip()[:40]}” is no range of ports from 1024. Write it like 50000-50100.")
    return f"{low}-{high}"


def check_path(text: str) -> str:
    """A URL path like `/provisioning`: a leading slash is added, a trailing one removed; empty means the root."""
    text = check_text(text)
    if "?" in text or "#" in text:
        raise InvalidValue("Leave out “?” and “#”: the path is only the folder, like /provisioning.")
    parts = [part for part in text.split("/") if part]
    if any(part in (".", "..") for part in parts) or "\\" in text:
        raise InvalidValue("Leave out “..” and “\\”: the path is a folder as in a URL, like /provisioning.")
    return "/" + "/".join(parts) if parts else ""


def check_phone_password(text: str) -> str:
    """A password for phones of this server: not one that every scanner tries first (security PH-07)."""
    text = check_text(text)
    if text and (text.casefold() in _VENDOR_DEFAULTS or len(text) < 8):
        raise InvalidValue("This password is too easy to guess. Use the generate button, or at least 8 characters.")
    return text


def check_choice(text: str, choices: Iterable[str]) -> str:
    """One of `choices`, whatever its case."""
    text = text.strip().lower()
    choices = list(choices)
    if text not in choices:
        raise InvalidValue(f"“{text[:40]}” is not known here. Use one of: {', '.join(choices)}.")
    return text


def check_on_off(text: str) -> bool:
    """`on` / `off` (also yes/no, true/false, 1/0, as spreadsheets write them)."""
    word = text.strip().lower()
    if word in ("on", "yes", "true", "1", "y"):
        return True
    if word in ("off", "no", "false", "0", "n", ""):
        return False
    raise InvalidValue(f"“{text[:40]}” is neither on nor off. Write on or off.")
