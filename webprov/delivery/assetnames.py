"""What an asset is called: one rule for phones that fetch here, for the sync to the storage, and for the page that
takes uploads (spec 7, 8; security PH-14, TR-10). So what phones may not fetch here is not pushed either.

Written for speed too: a pass over thousands of files mostly finds that nothing has changed (performance P5).
"""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import lru_cache

DEEPEST = 8
"""So many folders deep, at most."""

_STATIC = ("firmware-*", "config", "profiles")
_LEFTOVERS = (".tmp", ".bak", ".orig", ".swp", ".part", "~")
_OCTET, _SOME, _JOINT = "[0-9a-f][0-9a-f]", "(?:[1-9a-f][0-9a-f]|0[1-9a-f])", "[:-]?"
_MAKERS = (
    ("(?:[1-9a-f][02468ace]|0[2468ace])", _OCTET, _OCTET),
    ("00", _SOME, _OCTET),
    ("00", "00", _SOME),
)
"""First halves of the addresses of single phones: the first octet is even, and not all three are 0."""
_MAC = "|".join(_JOINT.join((*maker, _OCTET, _OCTET, _OCTET)) for maker in _MAKERS)
_mac = re.compile(rf"(?<![0-9a-f])(?:{_MAC})(?![0-9a-f])", re.ASCII | re.IGNORECASE)
_RCLONE_MAC = rf"(?is)(?:.*[^0-9a-f])?(?:{_MAC})(?:[^0-9a-f].*)?"
_RCLONE_LEFTOVER = rf"(?is).*(?:{'|'.join(re.escape(ending) for ending in _LEFTOVERS)})"
"""Both fit whole paths: rclone's expressions (RE2) cannot look around."""


def is_asset(name: str) -> bool:
    """Whether the file `name`, relative to the provisioning directory, may be one: not hidden, not a leftover of an
    editor, nor, outside the folders that hold assets alone, named after a MAC: that is or was a device's.

    Of what provisioning makes the name says nothing: that is known elsewhere.
    """
    if name[:1] == "." or "/." in name or name.count("/") > DEEPEST or name.casefold().endswith(_LEFTOVERS):
        return False
    top, slash, _ = name.partition("/")
    return bool(slash and _holds_assets_alone(top)) or not names_device(name)


def names_device(name: str) -> bool:
    """Whether the MAC of a phone stands anywhere in `name`."""
    return _mac.search(name) is not None


def rclone_rules(folder: str) -> list[str]:
    """Filter rules of rclone that leave out what is no asset below `folder`, at the top of the provisioning directory
    and no device's by its own name."""
    rules = [f"- {{{{{_RCLONE_LEFTOVER}}}}}", f"- /{'*/' * DEEPEST}**"]
    return rules if _holds_assets_alone(folder) else [*rules, f"- {{{{{_RCLONE_MAC}}}}}"]


def only_rules(names: Collection[str]) -> list[str]:
    """Filter rules of rclone for these files of a folder and nothing else."""
    return [*(f"+ /{_literal(name)}" for name in sorted(names)), "- *"]


def _literal(name: str) -> str:
    """`name` for a filter rule, where `*?[]{}` and the backslash mean something."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", name)


@lru_cache(maxsize=1_000)
def _holds_assets_alone(top: str) -> bool:
    return any(fnmatchcase(top.casefold(), pattern) for pattern in _STATIC)
