"""How the duties of the worker fare, for people and monitors (security BG-04)."""

from datetime import datetime

from sqlalchemy import Double
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base


class DutyRecord(Base):
    """One duty: its last turn, what came of it, and when the next one is due.

    Noted when a turn fails, succeeds again or took long, and every half minute: it tells, nothing is decided by it.
    """

    __tablename__ = "duties"
    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")  # of the last turn; empty: it went well
    seconds: Mapped[float] = mapped_column(Double, default=0.0)  # how long the last turn took
    next_at: Mapped[datetime | None]
