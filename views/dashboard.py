"""The fleet at a glance; before the first phone, the three steps that lead to it (ui guide 6)."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from views.access import requires, within
from views.database import db_session
from webprov.enums import Protocol
from webprov.hosts import compose_url, parse_host
from webprov.rights import Right
from webprov.store.models import Device
from webprov.store.settings import ProvisioningSettings, load_settings

bp = Blueprint("dashboard", __name__)


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """Tiles and what to do next, or the first steps."""
    session = db_session()
    settings = load_settings(session)
    total = session.scalar(select(func.count()).select_from(Device).where(within(Device.tenant_id))) or 0
    if not total:
        return render_template("dashboard/first.html", settings=settings, phones_url=phones_url(settings))
    return render_template("dashboard/index.html", settings=settings, total=total)


def phones_url(settings: ProvisioningSettings) -> str:
    """Where phones are pointed in Local mode, by the Default Protocol and without credentials."""
    protocol: Protocol = settings.default_protocol
    name = parse_host(settings.server_address, port_allowed=False).in_url if settings.server_address else ""
    host = parse_host(f"{name}:{settings.port(protocol)}")
    return compose_url(protocol, host, "/provisioning")
