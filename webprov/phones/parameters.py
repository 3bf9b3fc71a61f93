"""The names of settings that a brand's phones are known to have, so that a misspelt one is noticed.

Data: `models.d/parameters/<name>.txt`, one name a line, `N` where a number stands; lines with `;` say where names below
them come from, and `; in attributes: name` that XML files of this brand hold names in attributes called so. A name that
is missing there may exist all the same: not being known is a warning, never a refusal.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

_IN_ATTRIBUTES = "; in attributes:"
_DIGITS = re.compile(r"[0-9]+")
_INDEX = re.compile(r"(?<![A-Za-z])N(?![A-Za-z])|(?<=[a-z])N(?![a-z])|(?<=[A-Z])N$")


class ParameterDictionary:
    """The names of one file; `attributes` are those of XML elements that hold names."""

    def __init__(self, names: Iterable[str], attributes: Iterable[str] = ()) -> None:
        """`names` as the file has them."""
        self.attributes = frozenset(attributes)
        self._shown: Mapping[str, str] = {form: name for name in names for form in _forms(name)}

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Which of `names` are not known, whatever numbers stand in them; each once, with the first of its numbers."""
        first = {_numberless(name): name for name in reversed([*names])}
        return [name for form, name in reversed(first.items()) if form not in self._shown]

    def nearest(self, name: str) -> str:
        """The known name that is most like `name`; empty where none is."""
        found = get_close_matches(_numberless(name), self._shown, n=1, cutoff=0.75)
        return self._shown[found[0]] if found else ""


def read_parameters(models_dir: Path, name: str) -> ParameterDictionary | None:
    """The dictionary of that name; None where there is none."""
    try:
        text = (models_dir / "parameters" / f"{name}.txt").read_text("utf-8")
    except FileNotFoundError:
        return None
    lines = [line.strip() for line in text.splitlines()]
    attributes = [
        word for line in lines if line.startswith(_IN_ATTRIBUTES) for word in line[len(_IN_ATTRIBUTES) :].split()
    ]
    return ParameterDictionary((line for line in lines if line and not line.startswith(";")), attributes)


def _numberless(name: str) -> str:
    return _DIGITS.sub("#", name)


def _forms(name: str) -> set[str]:
    """How a name may look once its numbers are gone: an `N` is mostly one, and sometimes a letter."""
    plain = _numberless(name)
    return {plain, _INDEX.sub("#", plain)}
