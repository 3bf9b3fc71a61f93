"""Numbers for Prometheus: `webprov status` and `/healthz` as gauges (contract; security LG-05). No secrets, no names.

A monitor signs in by HTTP Basic with an account of webprov, best one of the role support.
"""

from flask import Blueprint, Response, request
from flask_login import current_user
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.orm import Session

from views.access import client_address, public
from views.database import db_session
from views.site import current_site
from webprov.certificatereports import certificate_reports
from webprov.dutystates import duty_states
from webprov.errors import SignInRefused
from webprov.redelivery import outbox
from webprov.rights import Right
from webprov.signin import actor_for, check_credentials
from webprov.site import Site
from webprov.store.models import utc_now
from webprov.worker import worker_runs
from webprov.workload import workload

bp = Blueprint("metrics", __name__)

_ASK = {"WWW-Authenticate": 'Basic realm="webprov", charset="UTF-8"'}
_MEANINGS = {
    "devices": "Devices",
    "stale": "Devices whose files differ from what is saved",
    "failed": "Devices whose last provisioning failed",
    "model_missing": "Devices whose model is gone",
    "disabled": "Devices that are switched off",
    "outbox": "Files that wait for the storage",
    "jobs": "Jobs that wait or run",
    "dirty_tenants": "Tenants whose contact directory is older than their contacts",
    "lockouts": "Sources that are shut out for guessing",
    "guessed_macs": "Unknown MAC addresses asked for within the last hour",
}


@bp.get("/metrics")
@public
def metrics() -> Response:
    """The gauges, for people and monitors that may see the whole system; anybody else is asked to sign in."""
    if not _may_see():
        return Response("Sign in with a name and password of webprov.\n", 401, _ASK)
    registry = CollectorRegistry()
    session, site = db_session(), current_site()
    for name, number in workload(session, site).items():
        Gauge(f"webprov_{name}", _MEANINGS.get(name, name), registry=registry).set(number)
    _add_work(registry, session, site)
    _add_certificates(registry, site)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see() -> bool:
    if current_user.is_authenticated:
        return bool(current_user.may(Right.SEE_SYSTEM))
    login = request.authorization
    if login is None or login.type != "basic" or not login.username or not login.password:
        return False
    try:
        user = check_credentials(db_session(), login.username, login.password, client_address())
    except SignInRefused:
        return False
    return actor_for(user, client_address()).may(Right.SEE_SYSTEM)


def _add_work(registry: CollectorRegistry, session: Session, site: Site) -> None:
    Gauge("webprov_worker_up", "Whether a worker runs", registry=registry).set(worker_runs(session, site.config))
    oldest = outbox(session, site).oldest_at
    age = (utc_now() - oldest).total_seconds() if oldest else 0
    Gauge("webprov_outbox_oldest_seconds", "How long the oldest failing upload has failed", registry=registry).set(age)
    success = Gauge(
        "webprov_duty_last_success_timestamp_seconds", "When a duty last succeeded", ["duty"], registry=registry
    )
    failing = Gauge("webprov_duty_failing", "Whether the last turn of a duty failed", ["duty"], registry=registry)
    for duty in duty_states(session):
        success.labels(duty.name).set(duty.succeeded_at.timestamp() if duty.succeeded_at else 0)
        failing.labels(duty.name).set(bool(duty.error))


def _add_certificates(registry: CollectorRegistry, site: Site) -> None:
    days = Gauge("webprov_certificate_days_left", "Whole days until a certificate ends", ["name"], registry=registry)
    for report in certificate_reports(site.config, site.settings, utc_now()):
        if report.facts:
            days.labels(report.name).set(report.facts.days_left(utc_now()))
