"""The keys that a section of `models.d/` may have, and how each value is read (spec 4)."""

import re
import shlex
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from webprov.enums import Protocol
from webprov.errors import InvalidValue
from webprov.phones.phonemodel import BootRequest

VERBATIM_KEYS = frozenset({"override"})
"""May go over several lines, and keep ` ;` and `#`."""

_NUMBERED = re.compile(r"([a-z_]+)_([1-9][0-9]?)")
_SET = re.compile(r"set_(?!__)[A-Z_][A-Z0-9_]*")
_SET_IN_NAME = re.compile(r"\$\{\s*set_([A-Z_][A-Z0-9_]*)\s*\}")
_PAGE_IN_NAME = re.compile(r"\$\{\s*DIRECTORY_PAGE\s*\}")
_MAP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FIRMWARE_DIR = re.compile(r"FIRMWARE-[A-Za-z0-9._-]+")
_MODULES = re.compile(r"([0-9]{1,2}) ?x ?([0-9]{1,3})")


FACTS = ("verified", "partly", "unverified")
MOST_COMMANDS = 7
"""Each may hang for its whole minute; with the transport's script they must still end within one turn of a worker."""


def model_segment(key: str) -> str:
    """The model key as one segment of a path: characters outside `[A-Za-z0-9._-]` become `-` (spec 3).

    Never empty, `.` or `..`; what would be those becomes `-`, `-` and `--`.
    """
    segment = re.sub(r"[^A-Za-z0-9._-]", "-", key)
    return "-" * max(1, len(segment)) if segment in ("", ".", "..") else segment


def check_statement(key: str, text: str) -> None:
    """Raise InvalidValue where there is no such key or its value cannot be used; an empty value is always fine."""
    check = _check_of(key)
    if text:
        check(text)


def split_number(key: str) -> tuple[str, int]:
    """`template_2` as `("template", 2)`; 0 for keys without a number."""
    match = _NUMBERED.fullmatch(key)
    return (match[1], int(match[2])) if match and match[1] in _NUMBERED_CHECKS else (key, 0)


def key_order(key: str) -> tuple[int, str, int]:
    """Sorts keys as people read them: what the phone is, its files in the order of their numbers, `set_` values."""
    base, number = split_number(key)
    known = [*_CHECKS, *_NUMBERED_CHECKS]
    return (known.index(base) if base in known else len(known), base, number)


def read_count(text: str) -> int:
    """A whole number from 0 to 1000."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= 1000):
        raise InvalidValue(f"“{text}” is not a number from 0 to 1000.")
    return int(text)


def read_modules(text: str) -> tuple[int, int]:
    """`3x60`: three expansion modules of 60 keys."""
    match = _MODULES.fullmatch(text)
    if not match:
        raise InvalidValue(f"“{text}” does not say how many modules. Write it like 3x60: three modules of 60 keys.")
    return int(match[1]), int(match[2])


def read_rule(text: str) -> tuple[str, str]:
    """`yealink/phone.cfg -> ${mac}.cfg` as template and output."""
    template, arrow, output = (part.strip() for part in text.partition("->"))
    if not arrow or not template or not output:
        raise InvalidValue(f"“{text}” is not a file rule. Write it like yealink/phone.cfg -> ${{mac}}.cfg.")
    return check_path(template), check_path(output)


def read_output_rule(text: str) -> tuple[str, str]:
    """As `read_rule`, for files that do not lie below `CONTACTS/<tenant>/`: they have to keep out of shared folders."""
    template, output = read_rule(text)
    first, slash, _ = output.partition("/")
    if slash and (first.casefold() == "contacts" or first.casefold().startswith("firmware-")):
        raise InvalidValue(
            f"“{output}” would lie in {first}/, which is not for a phone's own files. Choose another name."
        )
    return template, output


def read_boot(text: str) -> BootRequest:
    """`${mac}.boot ?`: a name that the phone asks for; ` ?` = it can do without."""
    optional = text.endswith(" ?")
    return BootRequest(check_path(text.removesuffix(" ?").rstrip()), optional)


def read_flag(text: str) -> bool:
    """`yes` or `no`."""
    if text not in ("yes", "no"):
        raise InvalidValue(f"“{text}” is neither yes nor no.")
    return text == "yes"


def resolve_sets(output: str, sets: Mapping[str, str]) -> str:
    """The name of a shared file, its `${set_NAME}` replaced; raises InvalidValue where one is missing or another
    variable stands there."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in sets:
            raise InvalidValue(f"“{output}” needs set_{match[1]}, which is not stated. Add set_{match[1]} = ….")
        return sets[match[1]]

    name = _SET_IN_NAME.sub(value, output)
    if "${" in name:
        raise InvalidValue(
            f"“{output}”: the name of a shared file may hold ${{set_…}} only. Use template_N for a file of one device."
        )
    return check_path(name)


def fill_sets(name: str, sets: Mapping[str, str]) -> str:
    """The same for any name: its `${set_NAME}` replaced as far as there are values, all else as it stands."""
    return _SET_IN_NAME.sub(lambda match: sets.get(match[1], match[0]), name)


def is_paged(output: str) -> bool:
    """Whether a directory of this name comes in pages: `cisco-${DIRECTORY_PAGE}.xml`."""
    return bool(_PAGE_IN_NAME.search(output))


def first_page(output: str) -> str:
    """The name of a directory's first page: `cisco-1.xml`."""
    return _PAGE_IN_NAME.sub("1", output)


def check_facts(text: str) -> str:
    """Where what a section says about its phones was checked: `verified: …`, `partly: …` or `unverified: …`."""
    known, colon, source = text.partition(":")
    if known not in FACTS or not colon or not source.strip():
        raise InvalidValue(
            f"“{text[:60]}” does not say how sure it is. Write it like verified: the maker's guide for V86."
        )
    return _check_text(text)


def check_path(text: str) -> str:
    """A relative path with `/`, no empty, `.` or `..` part; raises InvalidValue."""
    if not text.isprintable() or "\\" in text or len(text) > 200:
        raise InvalidValue(f"“{text[:60]}” is not a file name. Use up to 200 printable characters and / between parts.")
    if any(part.strip() in ("", ".", "..") for part in text.split("/")):
        raise InvalidValue(f"“{text}” has to stay below its folder. Leave out a leading or double /, . and ...")
    return text


def check_event(text: str) -> str:
    """The value of a SIP `Event` header, in one line; raises InvalidValue."""
    if not text or not text.isascii() or not text.isprintable() or len(text) > 200:
        raise InvalidValue(f"“{text[:60]}” is not an event. Write one like check-sync;reboot=false.")
    return text


def _check_text(text: str) -> str:
    if not text.isprintable() or len(text) > 500:
        raise InvalidValue("The text has more than 500 characters, or some that cannot be printed. Shorten it.")
    return text


def _check_form(text: str) -> str:
    rest, places = re.subn(r"\{(url|address|host)\}", "", text)
    if places != 1 or re.search(r"[{}]", rest):
        raise InvalidValue(
            f"“{text}”: write {{url}} for the whole URL, {{address}} for it without http:// in front, or {{host}} for "
            "the server alone."
        )
    return _check_text(text)


def _check_user_agent(text: str) -> str:
    rest = re.sub(r"\{[a-z_]+\}", "", _check_text(text))
    if "{" in rest or "}" in rest:
        raise InvalidValue(f"“{text}”: write placeholders like {{model}}, {{firmware}} or {{mac}}.")
    return text


def _check_name(text: str) -> str:
    if not _MAP_NAME.fullmatch(text):
        raise InvalidValue(f"“{text}” is not the name of a map. Write yealink for models.d/maps/yealink.ini.")
    return text


def _check_protocol(text: str) -> Protocol:
    if text not in list(Protocol):
        raise InvalidValue(f"“{text}” is not a protocol. Use one of {', '.join(Protocol)}.")
    return Protocol(text)


def _check_firmware_dir(text: str) -> str:
    if not _FIRMWARE_DIR.fullmatch(text):
        raise InvalidValue(f"“{text}” is not a firmware folder. Write it like FIRMWARE-yealink-t54w.")
    return text


def _check_command(text: str) -> str:
    try:
        words = shlex.split(_check_text(text))
    except ValueError as e:
        raise InvalidValue(f"“{text}”: a quotation mark is missing.") from e
    if not words or not words[0].startswith("/"):
        raise InvalidValue(
            f"“{text}” does not start with a path. Write the whole path, like /usr/local/sbin/notify.sh."
        )
    return text


def _check_any(text: str) -> str:
    return text


_Check = Callable[[str], object]

_NUMBERED_CHECKS: Mapping[str, _Check] = {
    "template": read_output_rule,
    "shared": read_output_rule,
    "directory": read_rule,
    "member": read_output_rule,
    "line_template": check_path,
    "key_template": check_path,
    "alias": check_path,
    "upload": check_path,
    "boot": read_boot,
    "command": _check_command,
}
_CHECKS: Mapping[str, _Check] = {
    "extends": _check_text,
    "brand": _check_text,
    "label": _check_text,
    "lines": read_count,
    "keys": read_count,
    "modules": read_modules,
    "line_keys": read_count,
    "line_template": check_path,
    "key_template": check_path,
    "translation_map": _check_name,
    "parameters": _check_name,
    "facts": check_facts,
    "check_sync": check_event,
    "user_agent": _check_user_agent,
    "protocol": _check_protocol,
    "firmware": check_path,
    "firmware_dir": _check_firmware_dir,
    "external": read_flag,
    "override": _check_any,
    "setup_menu": _check_text,
    "setup_dhcp": _check_text,
    "setup_url": _check_text,
    "setup_form": _check_form,
    "setup_note": _check_text,
}


def _check_of(key: str) -> _Check:
    base, number = split_number(key)
    check = _NUMBERED_CHECKS.get(base) if number else _CHECKS.get(key)
    if check:
        return check
    if _SET.fullmatch(key):
        return _check_text
    if key.startswith("set_"):
        raise InvalidValue(f"“{key}”: write set_ and a name of A-Z, 0-9 and _, like set_SIP_TRANSPORT.")
    if key in _NUMBERED_CHECKS:
        raise InvalidValue(f"“{key}” needs a number from 1 to 99. Write {key}_1.")
    known = [*_CHECKS, *(f"{name}_1" for name in _NUMBERED_CHECKS)]
    nearest = get_close_matches(key[:60], known, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else " Correct it or take it out."
    raise InvalidValue(f"There is no key “{key[:60]}”.{hint}")
