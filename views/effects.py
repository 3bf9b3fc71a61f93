"""What saving something would do to the fleet, for the pages that ask before they save.

A count begins with the request that asks for it. Where it takes longer, the page goes on asking (`go_on`), and each
answer counts a little further: no request takes long, and who leaves the page ends the count.
"""

import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from views.access import requires
from views.database import db_session
from views.partials import wants_partial
from views.site import current_site
from webprov.effects import EffectCount, Glance, glance
from webprov.rights import Right
from webprov.site import Site
from webprov.whatif import WhatIf

bp = Blueprint("effects", __name__, url_prefix="/effects")

_AT_ONCE_SECONDS = 0.7
_SLICE_SECONDS = 0.5
_WITHOUT_SCRIPTS_SECONDS = 5.0
_GLANCE_SECONDS = 0.05
_KEPT_SECONDS = 600.0
_MOST_KEPT = 8
_SALT = secrets.token_bytes(16)


@dataclass
class Asked:
    """A count of one person. `moment` names what was saved when it began; `is_stopped`: that person ended it."""

    token: str
    user_id: int
    count: EffectCount
    moment: object
    used_at: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_stopped: bool = False
    is_outdated: bool = False

    @property
    def is_going_on(self) -> bool:
        """Whether the page should ask again."""
        return not (self.count.is_done or self.is_stopped or self.is_outdated)


class Counts:
    """The counts of this process, by their tokens; those that nobody asks for any more are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Asked] = {}

    def find(self, token: str) -> Asked | None:
        """The count of that token, if this person began it."""
        with self._lock:
            found = self._asked.get(token)
            if found is None or found.user_id != current_user.id:
                return None
            found.used_at = time.monotonic()
            return found

    def keep(self, asked: Asked) -> None:
        """Have it found; the oldest go."""
        with self._lock:
            limit = time.monotonic() - _KEPT_SECONDS
            kept = [one for one in self._asked.values() if one.used_at > limit and one.token != asked.token]
            kept.sort(key=lambda one: one.used_at)
            self._asked = {one.token: one for one in (*kept[-_MOST_KEPT + 1 :], asked)}


def at_a_glance(what: WhatIf) -> Glance:
    """How many devices get other files, as far as that is told while somebody types."""
    return glance(db_session(), current_site(), what, _GLANCE_SECONDS)


def effect_values(what: WhatIf) -> dict[str, Any]:
    """What the part of a page shows that tells what saving changes (`effects/_card.html`).

    Asked for the same again, it goes on where it stands: so people without scripts get to the end as well.
    """
    token, site = _token(), current_site()
    asked = _counts().find(token)
    if asked is None or asked.count.is_done or asked.is_outdated or asked.moment != _moment(site):
        asked = Asked(token, current_user.id, EffectCount(db_session(), site, what), _moment(site))
        _counts().keep(asked)
        _advance(asked, _AT_ONCE_SECONDS)
    else:
        asked.is_stopped = False
        _advance(asked, _AT_ONCE_SECONDS if wants_partial() else _WITHOUT_SCRIPTS_SECONDS)
    return {"effect": asked}


@bp.get("/<token>")
@requires(Right.SEE_DEVICES)
def go_on(token: str) -> ResponseReturnValue:
    """Count a little further (with `?stop=1`: no further) and show how far it is."""
    asked = _counts().find(token)
    if asked is None:
        return render_template("effects/_lost.html")
    if "stop" in request.args or "again" in request.args:
        asked.is_stopped = "stop" in request.args
    asked.is_outdated = asked.is_outdated or asked.moment != _moment(current_site())
    if asked.is_going_on:
        _advance(asked, _SLICE_SECONDS)
    is_going_on = asked.is_going_on
    is_news = not is_going_on or request.args.get("groups", type=int) != len(asked.count.groups)
    turns = not is_going_on or "again" in request.args
    return render_template("effects/_further.html", effect=asked, is_news=is_news, turns=turns)


def _advance(asked: Asked, seconds: float) -> None:
    """Count on, unless another request is about it."""
    if asked.lock.acquire(blocking=False):
        try:
            asked.count.go_on(db_session(), seconds)
        finally:
            asked.lock.release()


def _counts() -> Counts:
    found: Counts = current_app.extensions.setdefault("webprov-counts", Counts())
    return found


def _moment(site: Site) -> object:
    """Changes with whatever was saved of settings, global variables, models and templates."""
    return site.settings.version, site.variables_version, site.directories_version, site.edits


def _token() -> str:
    """Names what is asked for: who asks, where, and what the form holds; nobody can tell that from it."""
    parts: Iterable[object] = (
        current_user.id,
        request.path,
        sorted(request.args.items(multi=True)),
        sorted(item for item in request.form.items(multi=True) if item[0] != "csrf_token"),
    )
    return sha256(_SALT + repr(tuple(parts)).encode()).hexdigest()[:32]
