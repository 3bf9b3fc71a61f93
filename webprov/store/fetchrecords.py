"""What the fetch log leaves beside its records: phones that nobody entered, and how much each protocol is used."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base


class UnknownPhone(Base):
    """A MAC that asked for files and is no device. `count` are its requests; `addresses` and `paths` are the last few
    different ones, the latest first; `source` is where it was first seen, as guesses count it. `ignored_by` is set
    while people do not want to see it."""

    __tablename__ = "unknown_phones"
    mac: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime] = mapped_column(index=True)
    count: Mapped[int] = mapped_column(default=1)
    protocol: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    user_agent: Mapped[str] = mapped_column(default="")
    addresses: Mapped[list[Any]] = mapped_column(JSON, default=list)
    paths: Mapped[list[Any]] = mapped_column(JSON, default=list)
    source: Mapped[str] = mapped_column(default="", index=True)
    ignored_by: Mapped[str] = mapped_column(default="")


class FetchDay(Base):
    """How many requests came by one protocol on one day (UTC, like `2026-03-29`); outlives the records counted."""

    __tablename__ = "fetch_days"
    day: Mapped[str] = mapped_column(primary_key=True)
    protocol: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


class FetchHour(Base):
    """What became of the requests within one hour (UTC, like `2026-03-29 07`), by the tenant of the device, 0 for those
    of strangers: files sent, files that had not changed, refusals. The dashboard reads these, not the records counted.
    """

    __tablename__ = "fetch_hours"
    hour: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    sent: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
