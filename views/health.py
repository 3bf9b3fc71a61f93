"""Whether this part is alive and how the background work fares, for monitors: no sign-in, no secrets (contract, LG-05).

Sentences about errors stay inside: they name addresses and files.
"""

from datetime import datetime

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from views.access import public
from views.database import db_session
from views.site import current_site
from webprov.certificatereports import CertificateReport, certificate_reports
from webprov.dutystates import duty_states
from webprov.jobs import KindState, jobs_under_way, kind_states
from webprov.store.dutyrecords import DutyRecord
from webprov.store.models import utc_now
from webprov.store.settings import load_settings
from webprov.syncs import runs_under_way, waiting_confirmations
from webprov.worker import worker_runs

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> Response:
    """`{"status": "ok", "worker": …, "jobs": …, "job_kinds": {…}, "duties": {…}, "certificates": {…}}`, by name,
    while the database answers."""
    session = db_session()
    session.execute(text("SELECT 1"))
    return jsonify(
        status="ok",
        worker=worker_runs(session, current_site().config),
        jobs=jobs_under_way(session) + runs_under_way(session),
        unconfirmed=waiting_confirmations(session),
        certificates={report.name: _certificate(report) for report in _certificates()},
        job_kinds={kind: _kind(state) for kind, state in kind_states(session).items()},
        duties={duty.name: _duty(duty) for duty in duty_states(session)},
    )


def _kind(state: KindState) -> dict[str, object]:
    return {
        "state": "running" if state.under_way else "failed" if state.has_failed else "ok",
        "under_way": state.under_way,
        "done": state.processed,
        "total": state.total,
        "last_success": _exact(state.succeeded_at),
        "last_error": _exact(state.failed_at),
        "seconds": state.seconds and round(state.seconds, 3),
    }


def _duty(duty: DutyRecord) -> dict[str, object]:
    return {
        "state": "failed" if duty.error else "ok",
        "last_start": _exact(duty.started_at),
        "last_success": _exact(duty.succeeded_at),
        "last_error": _exact(duty.failed_at),
        "next_run": _exact(duty.next_at),
        "seconds": round(duty.seconds, 3),
    }


def _certificates() -> list[CertificateReport]:
    return certificate_reports(current_site().config, load_settings(db_session()), utc_now())


def _certificate(report: CertificateReport) -> dict[str, object]:
    """Whole days left, None where it cannot be read or is yet to be made."""
    state = "failed" if report.bites else "warning" if report.trouble else "ok"
    return {"state": state, "days_left": report.facts.days_left(utc_now()) if report.facts else None}


def _exact(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
