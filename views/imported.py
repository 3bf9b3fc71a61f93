"""Imports that run in the background, for the pages that start them and those that show how far they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor
from views.database import db_session
from views.site import current_site
from webprov.csvtable import CsvRefused
from webprov.imports import find_import, kept_file, problems_of, start_import
from webprov.importwatch import STORING
from webprov.jobs import IMPORT_CONTACTS, SameJob
from webprov.store.jobrecords import JobRecord
from webprov.store.models import Tenant

_STORING_FROM = 0.9
"""Of the bar: nobody hears how far storing is, as all of it becomes true at once."""


@dataclass(frozen=True)
class Imported:
    """What there is to say about a job that imports. `share` of it is behind it, `rows` are checked; `is_kept`: this
    person may import the file that was tried."""

    is_trial: bool
    of_contacts: bool
    is_storing: bool
    rows: int
    share: float
    counts: Mapping[str, int]
    refused: CsvRefused | None
    is_kept: bool
    tenant: str


def imported_of(job: JobRecord) -> Imported | None:
    """None for a job that does something else."""
    session = db_session()
    record = find_import(session, job)
    if record is None:
        return None
    is_storing, rows = record.step == STORING, min(record.rows_read, job.total)
    tenant = session.get(Tenant, job.tenant_id) if job.tenant_id else None
    return Imported(
        is_trial=record.is_trial,
        of_contacts=job.kind == IMPORT_CONTACTS,
        is_storing=is_storing,
        rows=rows,
        share=_STORING_FROM * (1 if is_storing else rows / max(1, job.total)),
        counts=record.counts,
        refused=CsvRefused(problems_of(record), record.problem_count) if record.problem_count else None,
        is_kept=kept_file(session, job, current_actor()) is not None,
        tenant=tenant.name if tenant else "",
    )


def start_in_background(data: bytes, tenant: Tenant | None = None, *, replaces: bool = False) -> ResponseReturnValue:
    """Let the worker try or import the file, as the form says, and show how far it is."""
    session, config, by = db_session(), current_site().config, current_actor()
    is_trial = request.form.get("action") == "try"
    try:
        number = start_import(session, config, by, data, tenant=tenant, replaces=replaces, is_trial=is_trial).id
    except SameJob as e:
        number = e.job_id
    return redirect(url_for("jobs.show", number=number))
