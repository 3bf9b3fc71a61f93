"""The tables of templates that pages change: what a file held before, and the shipped file it was made from."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, utc_now
from webprov.store.secrets import Secret


class TemplateVersion(Base):
    """What the file `name` of a scope (`tenant`, "" = all) held before somebody replaced or removed it."""

    __tablename__ = "template_versions"
    __table_args__ = (Index("ix_template_versions_tenant_name", "tenant", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    name: Mapped[str]
    text: Mapped[str] = mapped_column(Secret)  # people write passwords into templates
    replaced_by: Mapped[str]
    replaced_at: Mapped[datetime] = mapped_column(default=utc_now)


class TemplateBase(Base):
    """The shipped file as it was when the scope's own was made, or when somebody last compared the two."""

    __tablename__ = "template_bases"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
