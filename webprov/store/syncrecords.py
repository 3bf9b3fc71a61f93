"""The tables of syncing: what lies in the bucket by our hand, and the runs that brought it there (spec 7)."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, utc_now


class SyncTarget(Base):
    """One directory of the bucket that webprov keeps equal to one here; `path` is below the key prefix.

    `kind` is a SyncKind. `fingerprint` is that of source and bucket at the last success: the same again means that
    nothing has to be done. `withdrawn`: the source is gone on purpose, so the objects have to go. `needs_confirmation`:
    the source lost so much that a person has to say that this is meant (security TR-10). `names` are the files at the
    top that lie there, one a line.
    """

    __tablename__ = "sync_targets"
    path: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    fingerprint: Mapped[str] = mapped_column(default="")
    files: Mapped[int] = mapped_column(default=0)  # at the last success, as are the next two
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    synced_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")  # of the last try; empty: it went well
    needs_confirmation: Mapped[bool] = mapped_column(default=False)
    names: Mapped[str] = mapped_column(Text, default="")
    withdrawn: Mapped[bool] = mapped_column(default=False)


class SyncRun(Base):
    """One run over the targets of a kind that had changed; `state` is a JobState. Kept for 30 days."""

    __tablename__ = "sync_runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(index=True)
    asked_by: Mapped[str]
    runner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    targets: Mapped[int] = mapped_column(default=0)  # how many directories, and how many of them are behind it
    targets_done: Mapped[int] = mapped_column(default=0)
    current: Mapped[str] = mapped_column(default="")  # the directory under way
    files: Mapped[int] = mapped_column(default=0)  # carried, of so many that are known to differ
    files_total: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    size_total: Mapped[int] = mapped_column(BigInteger, default=0)
    deleted: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")
    forced: Mapped[str] = mapped_column(Text, default="")  # targets that may lose much, one a line; `*` = any
