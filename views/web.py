"""What the pages share: blueprints, guards, error pages, and what every template sees."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask, request
from flask_login import current_user

from views import (
    account,
    assets,
    changes,
    contacts,
    dashboard,
    delivery,
    devices,
    effects,
    fetches,
    firmware,
    health,
    jobs,
    metrics,
    models,
    people,
    phones,
    search,
    settings,
    sync,
    templates,
    tenants,
    unknown,
    users,
    variables,
)
from views.access import chosen_tenant, init_access, visible_tenants
from views.errors import init_errors
from views.navigation import count_of, link_to, navigation
from views.security import init_security
from webprov.mac import format_mac
from webprov.rights import Right

BLUEPRINTS = (
    account.bp,
    assets.bp,
    changes.bp,
    contacts.bp,
    dashboard.bp,
    delivery.bp,
    devices.bp,
    devices.variables_bp,
    effects.bp,
    fetches.bp,
    firmware.bp,
    health.bp,
    metrics.bp,
    jobs.bp,
    models.bp,
    people.bp,
    phones.bp,
    search.bp,
    settings.bp,
    sync.bp,
    templates.bp,
    tenants.bp,
    tenants.variables_bp,
    unknown.bp,
    users.bp,
    variables.bp,
)

HTMX_CONFIG = {
    "historyCacheSize": 0,
    "defaultSettleDelay": 0,  # a focus that comes 20 ms after its field takes what is typed elsewhere by then
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}


def init_web(app: Flask) -> None:
    """Register everything that `app` shows. Guards come first, so that they also cover what is not there."""
    init_errors(app)
    init_access(app)
    init_security(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.url_defaults(_keep_tenant)
    app.context_processor(_frame)
    app.jinja_env.globals.update(
        asset=assets.asset,
        bootstrap_file=assets.bootstrap_file,
        link_to=link_to,
        count_of=count_of,
        field_attributes=field_attributes,
        htmx_config=HTMX_CONFIG,
        Right=Right,
    )
    app.jinja_env.filters.update(mac=format_mac, when=when, exact=exact, size=size, took=jobs.took)


def field_attributes(field: Any, described: str, more: dict[str, Any]) -> dict[str, Any]:
    """What ties a control to its error and its help for screen readers, and `more` attributes for it (ui guide 4)."""
    parts = [f"{field.id}-error"] * bool(field.errors) + [f"{field.id}-help"] * bool(described)
    attributes = {"aria-describedby": " ".join(parts)} if parts else {}
    if field.errors:
        attributes["aria-invalid"] = "true"
    return attributes | more


def when(moment: datetime | None, now: datetime | None = None) -> str:
    """“3 min ago” up to a day, then a date; “in 3 min” for what is to come; empty for None (ui guide 5)."""
    if moment is None:
        return ""
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    if seconds <= -60:
        return f"in {-seconds // 60} min" if seconds > -3600 else f"in {-seconds // 3600} h"
    if seconds < 60:
        return "just now" if seconds >= 0 else "in a moment"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 86400:
        return f"{seconds // 3600} h ago"
    return f"{moment.day} {moment:%b}" if seconds < 300 * 86400 else f"{moment.day} {moment:%b %Y}"


def size(count: int) -> str:
    """“7.8 KB”, “34 MB”: a file's size for eyes, in powers of 1024."""
    power = min(max(count.bit_length() - 1, 0) // 10, 4)
    value, unit = count / 1024**power, ("B", "KB", "MB", "GB", "TB")[power]
    return f"{value:.1f} {unit}" if power and value < 10 else f"{value:.0f} {unit}"


def exact(moment: datetime) -> str:
    """A moment for `<time datetime>`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _frame() -> dict[str, Any]:
    """What `base.html` shows around each page."""
    if not current_user.is_authenticated:
        return {}
    return {"navigation": navigation, "tenants": visible_tenants, "tenant": _tenant_or_none()}


def _tenant_or_none() -> Any:
    """The chosen tenant; None too where the address names none of this person's, for the error page's own frame."""
    wanted = request.args.get("tenant")
    return chosen_tenant() if not wanted or wanted in {tenant.name for tenant in visible_tenants()} else None


def _keep_tenant(endpoint: str, values: dict[str, Any]) -> None:
    """Links keep `?tenant=` (so they can be sent), except to files and to pages about the person."""
    blueprint = endpoint.partition(".")[0]
    tenant = request.args.get("tenant") if request else None
    if tenant and blueprint not in ("static", "bootstrap", "assets", "people", "account", "users"):
        values.setdefault("tenant", tenant)
