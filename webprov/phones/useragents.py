"""What phones say of themselves: a model's `user_agent` pattern read against a request's user agent (spec 4).

Patterns are literal text with `{model}`, `{firmware}`, `{mac}`, other `{names}` and `*`; they never are regular
expressions of a user's making (security RL-05).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from webprov.errors import InvalidValue
from webprov.mac import parse_mac

_LONGEST = 250
_TOKENS = re.compile(r"(\{[a-z_]+\}|\*)")
_PARTS = {
    "{model}": r"(?P<model>[^/]+?)",
    "{firmware}": r"(?P<firmware>[^\s/;)]+)",
    "{mac}": r"(?P<mac>(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2})",
    "*": r".*",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a user agent says; empty where it says nothing. `mac` is 12 upper-case hex digits."""

    model: str = ""
    firmware: str = ""
    mac: str = ""


def read_user_agent(pattern: str, agent: str) -> Said | None:
    """What `agent` says by `pattern`, without regard to case; None where it is not of that form.

    A phone may be told to leave its MAC out, so a pattern that ends with it also fits an agent without.
    """
    if not pattern or len(agent) > _LONGEST:
        return None
    match = _compiled(pattern).fullmatch(agent.strip())
    if match is None:
        return None
    found = {name: (text or "").strip() for name, text in match.groupdict().items()}
    return Said(found.get("model", ""), found.get("firmware", ""), _mac(found.get("mac", "")))


def bare_name(text: str) -> str:
    """A model's name without what spellings differ in: `T19P_E2` and `t19p-e2` are both `t19pe2`."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@lru_cache(maxsize=500)
def _compiled(pattern: str) -> re.Pattern[str]:
    body, ending = (pattern.removesuffix("{mac}").rstrip(), pattern.endswith("{mac}"))
    seen: set[str] = set()
    text = "".join(_part(piece, seen) for piece in _TOKENS.split(body if ending else pattern))
    if ending:
        text += rf"(?:\s*{_PARTS['{mac}']})?"
    return re.compile(text, re.ASCII | re.IGNORECASE)


def _part(piece: str, seen: set[str]) -> str:
    if not _TOKENS.fullmatch(piece):
        return re.escape(piece)
    if piece in seen and piece != "*":
        return r"\S+?"
    seen.add(piece)
    return _PARTS.get(piece, r"\S+?")


def _mac(text: str) -> str:
    try:
        return parse_mac(text) if text else ""
    except InvalidValue:
        return ""
