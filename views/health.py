"""Whether this part is alive, for monitors: no sign-in, no secrets (contract, security LG-05)."""

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from views.access import public
from views.database import db_session

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> Response:
    """`{"status": "ok"}` while the database answers."""
    db_session().execute(text("SELECT 1"))
    return jsonify(status="ok")
