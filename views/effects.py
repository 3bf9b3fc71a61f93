"""What saving something would do to the fleet, for the pages that ask before they save."""

from typing import Any

from flask import request

from views.database import db_session
from views.site import current_site
from webprov.effects import MOST_COMPARED, Affected, affected, compare, sample
from webprov.whatif import WhatIf


def difference_values(what: WhatIf, groups: list[Affected] | None = None) -> dict[str, Any]:
    """Who is affected, with the difference for a few devices, or with `?all=1` for all (as many as can be compared)."""
    session, site = db_session(), current_site()
    groups = affected(session, site, what) if groups is None else groups
    if request.args.get("all"):
        differences, compared = compare(session, site, what)
        return {"affected": groups, "differences": differences, "compared": compared, "most_compared": MOST_COMPARED}
    return {"affected": groups, "differences": sample(session, site, what, groups), "compared": 0}
