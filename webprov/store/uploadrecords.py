"""The table of what phones sent: logs, local settings, call lists (spec 8)."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, utc_now


class UploadRecord(Base):
    """One file that a device sent; it lies at `uploads/<MAC>/<path>` in the instance. `source` is the address that may
    have it back where only shared credentials prove who asks."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("device_id", "path_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    path: Mapped[str]
    path_key: Mapped[str]
    size: Mapped[int]
    source: Mapped[str]
    protocol: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now)
