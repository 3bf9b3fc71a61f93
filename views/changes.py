"""The audit log: who changed what, when, from where (security UI-11)."""

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from views.access import requires, within
from views.database import db_session
from views.paging import here, pager
from webprov.changelog import (
    CSV_COLUMNS,
    ChangeQuery,
    count_changes,
    csv_rows,
    known_values,
    list_changes,
    tenant_names,
)
from webprov.csvtable import write_csv
from webprov.rights import Right
from webprov.store.models import ChangeRecord

bp = Blueprint("changes", __name__, url_prefix="/changes")


@bp.get("/")
@requires(Right.SEE_CHANGES)
def index() -> ResponseReturnValue:
    """The latest changes, narrowed by person, thing, tenant and text."""
    session, query = db_session(), _query()
    page = pager(count_changes(session, query))
    return render_template(
        "changes/index.html",
        wanted=query,
        page=page,
        changes=list_changes(session, query, offset=page.offset),
        users=known_values(session, ChangeRecord.user_name, query.where),
        things=known_values(session, ChangeRecord.thing, query.where),
        tenant_names=tenant_names(session),
        is_filtered=bool(query.user or query.thing or query.text),
        unfiltered=here(q=None, user=None, thing=None, page=None),
    )


@bp.get("/export")
@requires(Right.SEE_CHANGES)
def export() -> ResponseReturnValue:
    """What the filters show, as a CSV file; cells that a spreadsheet would run are guarded (UI-14)."""
    lines = write_csv(CSV_COLUMNS, csv_rows(db_session(), _query()), guard=True)
    headers = {"Content-Disposition": "attachment; filename=changes.csv"}
    return Response(stream_with_context(lines), mimetype="text/csv", headers=headers)


def _query() -> ChangeQuery:
    given = request.args
    return ChangeQuery(
        where=within(ChangeRecord.tenant_id),
        user=given.get("user", ""),
        thing=given.get("thing", ""),
        text=given.get("q", "").strip()[:100],
    )
