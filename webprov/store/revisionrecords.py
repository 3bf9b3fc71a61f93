"""The tables of earlier revisions: the files of devices as they were before they changed."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, UtcDateTime
from webprov.store.secrets import Sealed


class FileRevision(Base):
    """One earlier revision of a device's own files. `made_for`, `cause` and `rendered_*` as the device had them."""

    __tablename__ = "file_revisions"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made_for: Mapped[str]
    made_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cause: Mapped[str]
    replaced_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rendered_settings: Mapped[int]
    rendered_variables: Mapped[int]
    rendered_tenant: Mapped[int]
    rendered_device: Mapped[int]
    rendered_model: Mapped[str]


class RevisionFile(Base):
    """One file of an earlier revision. `masked` is its zlib-packed twin without secrets; `sealed` is the file itself,
    packed with the unpacked twin as the dictionary (so little more than the secrets is left) and encrypted."""

    __tablename__ = "revision_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["device_id", "revision"], ["file_revisions.device_id", "file_revisions.revision"], ondelete="CASCADE"
        ),
    )
    device_id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    segment: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    sha256: Mapped[str]
    size: Mapped[int]
    masked: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(Sealed)
