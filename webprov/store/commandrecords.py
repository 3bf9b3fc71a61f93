"""How the commands of models ended, for the page of their device."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webprov.store.models import Base, utc_now


class CommandRun(Base):
    """The last run of one command of a device's model; `exit`, `output` and `error` as ScriptRun has them."""

    __tablename__ = "command_runs"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # among the model's commands, from 0
    command: Mapped[str]  # as the model has it
    exit: Mapped[int | None]
    output: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=utc_now)
