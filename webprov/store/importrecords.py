"""The table of imports that run in the background; each belongs to a job."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, UtcDateTime
from webprov.store.secrets import Secret


class ImportRecord(Base):
    """What a job of kind `import …` imports, how far it is and what came of it.

    `file` is the name of the sealed CSV file in `imports/`, empty once that is deleted. That of a trial that went well
    stays until `file_until`, so that it can be imported as it was tried: `state` names what the trial compared it with,
    and `expected` is what an import must find again. `problems` are JSON, encrypted: they quote the file.
    """

    __tablename__ = "imports"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(default="")  # where the person was who asked for it
    file: Mapped[str]
    file_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_trial: Mapped[bool]
    replaces: Mapped[bool] = mapped_column(default=False)
    step: Mapped[str] = mapped_column(default="")
    rows_read: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    problems: Mapped[str] = mapped_column(Secret, default="")
    problem_count: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="")
    expected: Mapped[str] = mapped_column(default="")
