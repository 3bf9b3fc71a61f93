"""Who is asking, and may they? Every endpoint names a right or is public; all else is refused (UI-01 to UI-03).

A view says `@requires(Right.EDIT_DEVICES)` below its route; `@public` is for the few pages before sign-in, listed in
a test. `current_actor()` is what domain functions take as `by`; `within(column)` keeps queries to the visible tenants.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute

from views.database import db_session
from webprov.enums import Role
from webprov.rights import Actor, Right
from webprov.secondfactor import is_required
from webprov.store.models import Tenant, User

IDLE_SECONDS = 30 * 60
ABSOLUTE_SECONDS = 12 * 3600
_SEEN_EVERY_SECONDS = 60

View = TypeVar("View", bound=Callable[..., object])


@dataclass(frozen=True)
class SignedIn:
    """The person of this request, as Flask-Login and the templates see them."""

    id: int
    name: str
    role: Role
    tenant_id: int | None
    theme: str
    session_version: int
    lacks_second_factor: bool = False
    """Their role has to have one: nothing else is open to them before they have set it up."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the cookie names: it no longer fits once the account's session version has grown."""
        return f"{self.id}:{self.session_version}"

    def may(self, right: Right, tenant_id: int | None = None) -> bool:
        """As `Actor.may`."""
        return current_actor().may(right, tenant_id)


def requires(right: Right) -> Callable[[View], View]:
    """The endpoint is for people who have `right`."""

    def mark(view: View) -> View:
        view.webprov_right = right  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """The endpoint answers without sign-in."""
    view.webprov_public = True  # type: ignore[attr-defined]
    return view


def before_second_factor(view: View) -> View:
    """The endpoint is open to people who have to set up a second factor first."""
    view.webprov_before_second_factor = True  # type: ignore[attr-defined]
    return view


def right_of(app: Flask, endpoint: str) -> Right | None:
    """The right that `endpoint` asks for; None where it is public or has none."""
    right: Right | None = getattr(app.view_functions.get(endpoint), "webprov_right", None)
    return right


def is_public(app: Flask, endpoint: str) -> bool:
    """Whether `endpoint` answers without sign-in: marked so, or a static file."""
    return endpoint in ("static", "bootstrap.static") or getattr(
        app.view_functions.get(endpoint), "webprov_public", False
    )


def init_access(app: Flask) -> None:
    """Guard every endpoint of `app`. To be called before anything else that looks at requests."""
    manager = LoginManager(app)
    manager.session_protection = None  # the session version does it, and phones' networks change addresses
    manager.user_loader(_load_user)
    app.before_request(_guard)


def start_session(user: User) -> None:
    """Sign `user` in under a new session; nothing of the old one remains (security UI-08)."""
    session.clear()
    session["since"] = session["seen"] = int(time.time())
    login_user(_signed_in(user))


def end_session() -> None:
    """Forget this browser's session."""
    logout_user()
    session.clear()


def current_actor() -> Actor:
    """The person of this request, for `by=`."""
    return Actor(current_user.name, current_user.role, current_user.tenant_id, client_address())


def client_address() -> str:
    """Where the request comes from (behind a trusted proxy: what the proxy says)."""
    return request.remote_addr or ""


def visible_tenants() -> list[Tenant]:
    """The tenants that this person sees, by name."""
    if "visible_tenants" not in g:
        wanted = current_actor().tenant_id
        query = select(Tenant).where(Tenant.id == wanted if wanted else true()).order_by(Tenant.name)
        g.visible_tenants = list(db_session().scalars(query))
    found: list[Tenant] = g.visible_tenants
    return found


def chosen_tenant() -> Tenant | None:
    """The tenant that the page is narrowed to (`?tenant=acme`, or the only one this person has); None = all.

    404 for a name that does not exist or belongs to somebody else: both answers are alike (security UI-03).
    """
    wanted = request.args.get("tenant", "")
    tenants = visible_tenants()
    if wanted:
        found = next((tenant for tenant in tenants if tenant.name == wanted), None)
        return found or abort(404)
    return tenants[0] if current_actor().tenant_id and tenants else None


def within(column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
    """The condition that keeps a query to the chosen tenant, or to those this person may see."""
    tenant = chosen_tenant()
    if tenant is not None:
        return column == tenant.id
    return column == current_actor().tenant_id if current_actor().tenant_id else true()


def _guard() -> Response | None:
    endpoint = request.endpoint
    if endpoint is None or is_public(current_app, endpoint):
        return None  # no endpoint: the 404 or 405 that follows tells nothing
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    right = right_of(current_app, endpoint)
    if right is None or not current_actor().may(right):
        abort(403)
    if current_user.lacks_second_factor and not getattr(
        current_app.view_functions[endpoint], "webprov_before_second_factor", False
    ):
        return _ask_to_set_up()
    return None


def _ask_to_sign_in() -> Response:
    """A page for people; for htmx a word to load that page, so that it never lands inside a form."""
    target = url_for("people.login", next=request.path if request.method == "GET" else None)
    if request.headers.get("HX-Request"):
        return Response("", 401, {"HX-Redirect": url_for("people.login")})
    if request.method not in ("GET", "HEAD"):
        abort(401)
    return redirect(target)  # type: ignore[return-value]


def _ask_to_set_up() -> Response:
    page = url_for("account.second_factor")
    if request.headers.get("HX-Request"):
        return Response("", 403, {"HX-Redirect": page})
    if request.method not in ("GET", "HEAD"):
        abort(403)
    return redirect(page)  # type: ignore[return-value]


def _load_user(session_id: str) -> SignedIn | None:
    number, _, version = session_id.partition(":")
    if not number.isdigit() or not _is_fresh():
        return None
    user = db_session().get(User, int(number))
    if user is None or user.disabled or str(user.session_version) != version:
        return None
    return _signed_in(user)


def _is_fresh() -> bool:
    """Idle and absolute limits. Requests that a page makes by itself (X-Poll) do not count as use."""
    now = int(time.time())
    since, seen = session.get("since", 0), session.get("seen", 0)
    if not (0 <= now - since < ABSOLUTE_SECONDS and -_SEEN_EVERY_SECONDS <= now - seen < IDLE_SECONDS):
        return False
    if now - seen >= _SEEN_EVERY_SECONDS and "X-Poll" not in request.headers:
        session["seen"] = now
    return True


def _signed_in(user: User) -> SignedIn:
    lacks = not user.totp_secret and is_required(db_session(), user.role_kind)
    return SignedIn(user.id, user.name, user.role_kind, user.tenant_id, user.theme, user.session_version, lacks)
