"""Two people at once: what a colleague saved since, and what this person typed, field by field (security DB-04)."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from webprov.settingsinput import SETTINGS_FIELDS, Draft
from webprov.store.secrets import keyring
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that a colleague changed to something else than this person has. Values are as people read them, empty
    for secrets; `both`: this person changed it as well."""

    name: str
    theirs: str
    yours: str
    both: bool


def seen_text(saved: ProvisioningSettings) -> str:
    """What a page of these settings carries, so that it can be told later which fields others changed since.

    Of secrets it holds keyed digests only.
    """
    return json.dumps(_comparable(saved), sort_keys=True)


def clashes(seen: str, saved: ProvisioningSettings, draft: Draft) -> list[Clash]:
    """The fields to choose for, in page order: those that `saved` has otherwise than the page (`seen_text`) said, where
    the draft differs. What only this person changed is not among them; where a page says nothing, all that
    differs is."""
    before, theirs, yours = _read(seen), _comparable(saved), _comparable(draft.settings)
    return [
        _clash(name, saved, draft, both=yours[name] != before.get(name))
        for name in SETTINGS_FIELDS
        if theirs[name] not in (before.get(name), yours[name])
    ]


def clash(name: str, saved: ProvisioningSettings, draft: Draft) -> Clash:
    """The same for one field that somebody is choosing for already."""
    return _clash(name, saved, draft, both=True)


def _clash(name: str, saved: ProvisioningSettings, draft: Draft, *, both: bool) -> Clash:
    if name in SECRET_FIELDS:
        return Clash(name, "", "", both)
    return Clash(name, _text(getattr(saved, name)), _text(getattr(draft.settings, name)), both)


def _comparable(settings: ProvisioningSettings) -> dict[str, str]:
    values = asdict(settings)
    return {
        name: _digest(name, values[name]) if name in SECRET_FIELDS else _text(values[name]) for name in SETTINGS_FIELDS
    }


def _text(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _digest(name: str, secret: str) -> str:
    return hmac.digest(keyring().session_key, f"settings {name} {secret}".encode(), "sha256").hex()[:32]


def _read(seen: str) -> Mapping[str, str]:
    """What a page said; nothing where it says no such thing, for it went through a browser."""
    try:
        found = json.loads(seen)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
