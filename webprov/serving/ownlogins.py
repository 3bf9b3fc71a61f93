"""Remembers that a device used its own newest credentials: from then on no others open its files (security PH-09)."""

from collections.abc import Sequence

from sqlalchemy import or_, update

from webprov.serving.batches import Batches
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.models import Device, utc_now


class OwnLogins:
    """Collects devices and writes them down soon; serving never waits for it."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._batches = Batches[int]("Own sign-ins of devices", self._write, pause_seconds=0.5)
        self.note = self._batches.add
        self.settle = self._batches.settle

    def close(self) -> None:
        """Write what is left."""
        self._batches.close()

    def _write(self, batch: Sequence[int]) -> None:
        with self._instance.sessions() as session, writing(session):
            waiting = or_(Device.own_login_at.is_(None), Device.previous_user != "")
            values = {"own_login_at": utc_now(), "previous_user": "", "previous_password": ""}
            session.execute(update(Device).where(Device.id.in_(set(batch)), waiting).values(values))
            bump(session, "logins")
            bump(session, FILES)
