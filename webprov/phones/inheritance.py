"""What a section ends up with: the scopes joined key by key, then what it extends (spec 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

from webprov.errors import WebprovError
from webprov.phones.inifile import Section
from webprov.phones.layers import Layer
from webprov.phones.maps import MapLayer, join_maps, map_digest
from webprov.phones.phonemodel import Scope, TranslationMap

_DEEPEST = 20


class Refused(WebprovError):
    """A model cannot be used; `file` and `line` are where that can be changed."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.file = file
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stated:
    """One value that a model ends up with, and the name of the section that states it."""

    text: str
    file: str
    line: int
    section: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A section with all it inherits; `chain` names the section itself, then what it extends."""

    values: Mapping[str, Stated]
    chain: tuple[str, ...]

    def text(self, key: str) -> str:
        """The value, "" where nobody states one."""
        return self.values[key].text if key in self.values else ""

    def sets(self) -> dict[str, str]:
        """The `set_` values by name."""
        named = ((key.removeprefix("set_"), value.text) for key, value in self.values.items() if key.startswith("set_"))
        return {name: text for name, text in sorted(named) if text}


class Inheritance:
    """Sections and maps as somebody sees them: `layers` from wide to narrow, behind those of a `wider` view.

    The wider view of a tenant's is that of no tenant in particular; what the tenant leaves alone is taken from there.
    """

    def __init__(self, layers: tuple[Layer, ...], wider: "Inheritance | None" = None) -> None:
        self._wider = wider
        self._own = layers
        self._layers: tuple[Layer, ...] = (*(wider._layers if wider else ()), *layers)
        self._resolved: dict[str, Resolved] = {}
        self._translations: dict[str, tuple[TranslationMap, str]] = {}

    @property
    def untenanted(self) -> "Inheritance":
        """The view of no tenant in particular."""
        return self._wider or self

    def names(self) -> list[str]:
        """All section names, in the order of scopes and files."""
        return list(dict.fromkeys(name for layer in self._layers for name in layer.sections))

    def sections(self, name: str) -> tuple[Section, ...]:
        """The sections of that name, the widest scope first."""
        return tuple(section for _, section in self.places(name))

    def places(self, name: str) -> tuple[tuple[Layer, Section], ...]:
        """The layers that have a section of that name, with it, the widest scope first."""
        return tuple((layer, layer.sections[name]) for layer in self._layers if name in layer.sections)

    def maps(self, name: str) -> tuple[MapLayer, ...]:
        """The map files of that name, the widest scope first."""
        return tuple(layer.maps[name] for layer in self._layers if name in layer.maps)

    def translation(self, name: str) -> tuple[TranslationMap, str]:
        """The map of that name, joined through the scopes, and its digest; empty where there is none."""
        if self._wider and not any(name in layer.maps for layer in self._own):
            return self._wider.translation(name)
        if name not in self._translations:
            translation = join_maps(name, self.maps(name))
            self._translations[name] = translation, map_digest(translation)
        return self._translations[name]

    def resolve(self, name: str) -> Resolved:
        """The section with everything it inherits; raises Refused."""
        return self._resolve(name, ())

    def inherited(self, name: str, layer: Layer | None) -> Resolved:
        """What the section would end up with, had `layer` nothing to say but whom to extend; raises Refused."""
        sections = [(each, section) for each, section in self.places(name)]
        kept = {
            key: Stated(statement.text, statement.file, statement.line, name)
            for each, section in sections
            for key, statement in section.values.items()
            if each is not layer or key == "extends"
        }
        extends = kept.pop("extends", None)
        parent = self._parent(extends, (name,)) if extends and extends.text else Resolved({}, ())
        return Resolved({**parent.values, **kept}, (name, *parent.chain))

    def layer(self, scope: Scope, tenant: str) -> Layer | None:
        """The layer of that scope; None where it has no files."""
        return next((layer for layer in self._layers if (layer.scope, layer.tenant) == (scope, tenant)), None)

    def layer_of(self, stated: Stated) -> Layer | None:
        """The layer whose file states that value."""
        places = self.places(stated.section)
        return next((layer for layer, section in places if section.file == stated.file), None)

    def touches(self, name: str) -> bool:
        """May this model differ from that of the wider view?"""
        try:
            resolved = self.resolve(name)
        except Refused:
            return True
        used = resolved.text("translation_map")
        return self._names_any(resolved.chain) or any(used in layer.maps for layer in self._own)

    def _names_any(self, chain: tuple[str, ...]) -> bool:
        return any(not layer.sections.keys().isdisjoint(chain) for layer in self._own)

    def _resolve(self, name: str, below: tuple[str, ...]) -> Resolved:
        if name not in self._resolved:
            self._resolved[name] = self._from_wider(name) or self._join(name, below)
        return self._resolved[name]

    def _from_wider(self, name: str) -> Resolved | None:
        """What the wider view makes of it, where the own layers do not touch it."""
        if not self._wider or not self._wider.sections(name):
            return None
        try:
            resolved = self._wider.resolve(name)
        except Refused:
            return None
        return None if self._names_any(resolved.chain) else resolved

    def _join(self, name: str, below: tuple[str, ...]) -> Resolved:
        own = {
            key: Stated(statement.text, statement.file, statement.line, name)
            for section in self.sections(name)
            for key, statement in section.values.items()
        }
        extends = own.pop("extends", None)
        parent = self._parent(extends, (*below, name)) if extends and extends.text else Resolved({}, ())
        return Resolved({**parent.values, **own}, (name, *parent.chain))

    def _parent(self, extends: Stated, below: tuple[str, ...]) -> Resolved:
        name = extends.text
        sections = self.sections(name)
        refusal = next((section.refusal for section in sections if section.refusal), None)
        reason = ""
        if name in below:
            circle = " -> ".join([*below[below.index(name) :], name])
            reason = f"“extends” runs in a circle ({circle}). Take one of them out."
        elif len(below) > _DEEPEST:
            reason = f"“extends” goes more than {_DEEPEST} sections deep. Inherit from fewer."
        elif not sections:
            reason = f"There is no section [{name}] to extend. Correct the name."
        elif refusal:
            reason = f"It extends [{name}], which is refused ({refusal.file}, line {refusal.line}). Correct that first."
        if reason:
            raise Refused(extends.file, extends.line, reason)
        return self._resolve(name, below)
