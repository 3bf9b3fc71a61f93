"""How much there is, and what is left to do: the numbers of `webprov status` (contract)."""

from sqlalchemy.orm import Session

from webprov.alarms import guessed_macs
from webprov.directories import dirty_tenants
from webprov.enums import FileState
from webprov.fleet import state_counts
from webprov.jobs import jobs_under_way
from webprov.redelivery import due_count
from webprov.serving.guessing import lockouts
from webprov.site import Site
from webprov.syncdue import due_contacts
from webprov.syncs import runs_under_way

LEFT_OVER = ("outbox", "jobs", "dirty_tenants")
"""Those of the counts that the worker brings to nothing."""


def workload(session: Session, site: Site) -> dict[str, int]:
    """The counts by their contract names. `stale` and `failed` exclude each other; see FileState."""
    states = state_counts(session, site)
    return {
        "devices": sum(states.values()),
        "stale": states[FileState.STALE],
        "failed": states[FileState.FAILED],
        "model_missing": states[FileState.MODEL_MISSING],
        "disabled": states[FileState.DISABLED],
        "outbox": due_count(session, site) + due_contacts(session, site),
        "jobs": jobs_under_way(session) + runs_under_way(session),
        "dirty_tenants": len(dirty_tenants(session, site)),
        "lockouts": len(lockouts(session)),
        "guessed_macs": guessed_macs(session),
    }
