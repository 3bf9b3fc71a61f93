"""What an import tells while it goes on, to whoever shows it or may break it off."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

READING: Final = "reading"
STORING: Final = "storing"
"""What an import does, in this order: check each row, store what changes."""


class ImportWatch:
    """Sees to one import. This one does nothing; others may raise, and then nothing is imported."""

    def tell(self, step: str, rows: int) -> None:
        """So many rows are behind it in `step`. Called often."""

    def begin(self, session: Session, state: str) -> None:
        """All is known that the import will do, nothing is done yet; `state` names what the file was compared with. In
        the transaction that will store it, or for a dry run in one that only reads."""

    def end(self, session: Session, counts: Mapping[str, int]) -> None:
        """All is done (for a dry run: would be); in the same transaction."""


UNWATCHED = ImportWatch()
TELL_EVERY = 500
"""Rows between two words about progress."""
