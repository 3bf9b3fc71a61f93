"""Texts that know more than their characters: raw ones, and secrets that carry what is shown in their place.

A template that only passes a secret on writes both versions of its file in one run (security SE-03).
"""

from collections.abc import Sequence
from typing import Any, Self


class Raw(str):
    """Text that is in the file's own syntax already (LINES, KEYS, OVERRIDE): escaping leaves it alone."""

    __slots__ = ()

    def strip(self, chars: str | None = None, /) -> "Raw":
        """Still raw."""
        return Raw(super().strip(chars))

    def lstrip(self, chars: str | None = None, /) -> "Raw":
        """Still raw."""
        return Raw(super().lstrip(chars))

    def rstrip(self, chars: str | None = None, /) -> "Raw":
        """Still raw."""
        return Raw(super().rstrip(chars))


class Unpaired(Exception):
    """A secret and its twin take different ways through a template: each needs a run of its own."""


class Veiled(str):
    """A secret, or text with secrets in it; `twin` is the same for those who may not see them.

    What is made of one by these methods is Veiled again; by any other, it is plain text without a twin, and
    `passing.handled` tells which expressions do so. Raises Unpaired where the two come to different answers.
    """

    __slots__ = ("twin",)
    twin: str

    def __new__(cls, text: str, twin: str) -> Self:
        """`text` with its `twin`."""
        made = super().__new__(cls, text)
        made.twin = twin
        return made

    def __add__(self, other: str, /) -> str:
        return _paired(super().__add__(other), self.twin + twin_of(other))

    def __radd__(self, other: str, /) -> str:
        return _paired(other + str(self), twin_of(other) + self.twin)

    def __contains__(self, part: object, /) -> bool:
        return _same(super().__contains__(part), part in self.twin)  # type: ignore[operator]

    def startswith(self, *beginning: Any) -> bool:
        """The same for both, or Unpaired."""
        return _same(super().startswith(*beginning), self.twin.startswith(*beginning))

    def endswith(self, *end: Any) -> bool:
        """The same for both, or Unpaired."""
        return _same(super().endswith(*end), self.twin.endswith(*end))

    def removeprefix(self, beginning: str, /) -> str:
        """Both without it."""
        return _paired(super().removeprefix(beginning), self.twin.removeprefix(beginning))

    def removesuffix(self, end: str, /) -> str:
        """Both without it."""
        return _paired(super().removesuffix(end), self.twin.removesuffix(end))

    def split(self, *separator: Any, **limit: Any) -> list[str]:
        """The parts of both, as many."""
        parts, twins = super().split(*separator, **limit), self.twin.split(*separator, **limit)
        if len(parts) != len(twins):
            raise Unpaired
        return list(map(_paired, parts, twins))


PAIRED_METHODS = frozenset({"startswith", "endswith", "removeprefix", "removesuffix", "split"})
"""What may be called on a secret without losing its twin."""


class VeiledRaw(Raw, Veiled):
    """Raw text with secrets in it."""

    __slots__ = ()


_VEILED = {Veiled, VeiledRaw}


def _paired(text: str, twin: str) -> str:
    if text == twin:
        return text
    if not text or not twin:
        raise Unpaired
    return Veiled(text, twin)


def _same(answer: bool, twin: bool) -> bool:
    if answer is not twin:
        raise Unpaired
    return answer


def twin_of(text: str) -> str:
    """What is shown in place of `text`: itself where no secret is in it."""
    return text.twin if isinstance(text, Veiled) else text


def raw(text: str) -> Raw:
    """The same text, as raw; its twin comes along."""
    return VeiledRaw(text, text.twin) if isinstance(text, Veiled) else Raw(text)


def joined(parts: Sequence[str]) -> str:
    """All parts in one text, Veiled where one of them is."""
    text = "".join(parts)
    if _VEILED.isdisjoint(set(map(type, parts))):
        return text
    return Veiled(text, "".join([part if type(part) is str else twin_of(part) for part in parts]))
