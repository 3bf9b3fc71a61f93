"""The trail of who did what (security UI-11): records are only ever added."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from webprov.rights import Actor
from webprov.store.models import ChangeRecord

CHANGED = "changed"


def record_change(
    session: Session,
    by: Actor,
    action: str,
    thing: str,
    name: str,
    *,
    tenant_id: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Add one record to the running transaction.

    `action` is a verb (create, change, delete, sign in, …), `thing` what it happened to (user, device, settings, …),
    `name` how people call it. `fields` maps a field to [old, new]; for a secret to CHANGED, never to its value.
    """
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
    """Collects what a change does to the attributes of a row: field -> [old, new], or CHANGED for a secret."""

    def put(self, row: Any, name: str, value: Any, *, shown_as: str = "", secret: bool = False) -> None:
        """Set `row.name` to `value` and note the difference, if there is one."""
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            self[shown_as or name] = CHANGED if secret else [before, value]
