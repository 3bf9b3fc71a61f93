"""The tables of background work: jobs with their items, and who may run what (security BG-01)."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, utc_now


class JobRecord(Base):
    """One background job; `state` is a JobState. Its items are fixed when it is made (spec 5).

    `done`, `failed` and `skipped` count items and are committed with their outcomes, so that a runner that follows a
    dead one goes on right there. `tenant_id` is set where all items belong to one tenant, whose people then see it.
    """

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    asked_by: Mapped[str]
    tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), index=True)
    fingerprint: Mapped[str]  # of kind and items: the same twice at once is refused
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    current: Mapped[str] = mapped_column(default="")  # the first device of the batch under way
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    interruptions: Mapped[int] = mapped_column(default=0)  # how often its runner went away
    runner: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def processed(self) -> int:
        """How many items are behind it; they are taken in the order of their positions."""
        return self.done + self.failed + self.skipped


class JobItem(Base):
    """One device of a job; `outcome` is an ItemOutcome, `error` the sentence of a failure. The device may be gone."""

    __tablename__ = "job_items"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="SET NULL"), index=True)
    outcome: Mapped[str] = mapped_column(default="waiting")
    error: Mapped[str] = mapped_column(default="")


class LeaseRecord(Base):
    """Who does `name` at present. A holder makes `beat` grow all the time: one that stands still is replaced.

    Others judge that by their own monotonic clocks (security BG-05); `seen_at` only tells people.
    """

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(default="")
    machine: Mapped[str] = mapped_column(default="")
    beat: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
