"""The audit log: every change, by whom, from where, which fields (spec 9, security UI-11)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from webprov.rights import Actor
from webprov.store.models import ChangeRecord

CHANGED = "changed"


def record(
    session: Session,
    by: Actor,
    action: str,
    thing: str,
    name: str,
    *,
    tenant_id: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Add one record to the transaction under way. `fields` holds [old, new] pairs; secrets only say "changed"."""
    session.add(
        ChangeRecord(
            user_name=by.name,
            address=by.address,
            action=action,
            thing=thing,
            name=name,
            tenant_id=tenant_id,
            fields=dict(fields or {}),
        )
    )


class Differences(dict[str, Any]):
    """Collects what a change does to the attributes of a row."""

    def put(self, row: Any, name: str, value: Any, *, shown_as: str = "", secret: bool = False) -> None:
        """Set `row.name` to `value` and note the difference, if there is one."""
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            self[shown_as or name] = CHANGED if secret else [before if before is not None else "", value]
