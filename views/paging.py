"""Pages of a long list, all in the address (ui guide 5)."""

from dataclasses import dataclass

from flask import request, url_for

PAGE_SIZE = 50


@dataclass(frozen=True)
class Pager:
    """What `ui.pager` shows: rows `first` to `last` of `total`; `previous` and `next` are addresses or empty."""

    first: int
    last: int
    total: int
    previous: str
    next: str

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return max(0, self.first - 1)


def here(**changed: object) -> str:
    """The address of this page with some of its parameters changed; None and empty ones are left out."""
    values = {**request.args.to_dict(), **(request.view_args or {}), **changed}
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return url_for(str(request.endpoint), **kept)


def pager(total: int, size: int = PAGE_SIZE) -> Pager:
    """The page that `?page=` asks for; the last one where it asks for more."""
    last_page = max(1, -(-total // size))
    page = min(max(1, request.args.get("page", 1, type=int)), last_page)
    first = (page - 1) * size
    return Pager(
        first=first + 1 if total else 0,
        last=min(total, first + size),
        total=total,
        previous=here(page=page - 1 if page > 2 else None) if page > 1 else "",
        next=here(page=page + 1) if page < last_page else "",
    )
