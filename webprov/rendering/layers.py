"""Layers of template variables (spec 3): which layer wins, and where each value comes from.

Rendering merges the layers, previews walk them: both read the same mappings, so they cannot disagree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from webprov.rendering.context import Value


class Layer(StrEnum):
    """The kinds of origin, highest priority first."""

    KEY = "key"
    LINE = "line"
    DEVICE = "device"
    TENANT = "tenant"
    SERVER = "server"
    LINE_CUSTOM = "line variable"
    DEVICE_CUSTOM = "device variable"
    TENANT_CUSTOM = "tenant variable"
    GLOBAL_CUSTOM = "global variable"
    MODEL = "model"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Explained:
    """One variable: its value, the layer that won and, in words for people, where that took it from."""

    name: str
    value: Value
    layer: Layer
    source: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value and where it comes from, in words for people: "= REG_SERVER", "Server address"."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class LayerValues:
    """The variables of one layer. `sources` may leave names out: then `source` says where they come from.
    Devices share layers: nothing may change `values`."""

    layer: Layer
    values: dict[str, Value]
    source: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def explain(self, name: str) -> Explained:
        """Where `name`, one of this layer's, comes from."""
        source = self.sources.get(name, self.source)
        return Explained(name, self.values[name], self.layer, source, name in self.secrets)


def sourced_layer(layer: Layer, variables: Mapping[str, Sourced], secrets: frozenset[str] = frozenset()) -> LayerValues:
    """A layer whose every value brings its own source."""
    return LayerValues(
        layer,
        {name: found.value for name, found in variables.items()},
        sources={name: found.source for name, found in variables.items()},
        secrets=secrets,
    )


def first_of(*candidates: Sourced) -> Sourced:
    """The first that is not empty; the last where all are."""
    return next((found for found in candidates if found.value != ""), candidates[-1])


def merge(layers: Sequence[LayerValues]) -> dict[str, Value]:
    """All names with the value of the highest layer; `layers` come highest first."""
    merged: dict[str, Value] = {}
    for layer in reversed(layers):
        merged.update(layer.values)
    return merged


def explain(name: str, layers: Iterable[LayerValues]) -> Explained | None:
    """Which of the layers, highest first, defines `name`; None where none does."""
    return next((layer.explain(name) for layer in layers if name in layer.values), None)
