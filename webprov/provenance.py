"""Why each line of a device's file is there: templates, variables, layers, for the preview (spec 9, ui guide 9).

Everything is told from the masked rendering, whose lines are those of the real one; no secret can show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from webprov.errors import WebprovError
from webprov.phones.phonemodel import PhoneModel, Scope
from webprov.rendering.layers import Explained, Layer
from webprov.rendering.masking import masked, masked_system
from webprov.rendering.names import BUILT_IN_NAMES
from webprov.rendering.render import render_device, render_shared
from webprov.rendering.tracing import LineOrigin, Tracer, Use
from webprov.rendering.variables import DeviceVariables, device_variables, shared_context
from webprov.site import Site
from webprov.store.devicedata import DeviceData

_COUNTERS = frozenset({"LINE", "LINE_ZERO_BASED", "LINE_COUNT", "KEY", "KEY_MODULE"})
"""They only say where something goes: a line that uses nothing else is text of its template."""
_ORDER = {layer: position for position, layer in enumerate(Layer)}
_WIDER = {
    Layer.LINE_CUSTOM: (),
    Layer.DEVICE_CUSTOM: ("the line",),
    Layer.TENANT_CUSTOM: ("the line", "the device"),
    Layer.GLOBAL_CUSTOM: ("the line", "the device", "the tenant"),
}
_ALL = ("the line", "the device", "the tenant", "all devices")


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands beside a line: the layer that has the highest say in it (None: text of a template)."""

    layer: Layer | None = None
    use: Use | None = None

    @property
    def word(self) -> str:
        """One word, or two: Line 1, Key 2, Device, Tenant, Settings, Custom, Model."""
        use = self.use
        if use and use.key and self.layer is Layer.KEY:
            module, number = use.key
            return f"Key {number}" if not module else f"Key {module}.{number}"
        if use and use.line and self.layer is Layer.LINE:
            return f"Line {use.line}"
        return _WORDS.get(self.layer, "") if self.layer else ""


_WORDS = {
    Layer.KEY: "Key",
    Layer.LINE: "Line",
    Layer.DEVICE: "Device",
    Layer.TENANT: "Tenant",
    Layer.SERVER: "Settings",
    Layer.MODEL: "Model",
    Layer.DEFAULT: "Default",
    Layer.LINE_CUSTOM: "Custom",
    Layer.DEVICE_CUSTOM: "Custom",
    Layer.TENANT_CUSTOM: "Custom",
    Layer.GLOBAL_CUSTOM: "Custom",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A line of a template, and whose file of that name counts for the device."""

    template: str
    line: int
    text: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Value:
    """One variable in a line; `overridden_by` says what would have the say instead."""

    use: Use
    found: Explained
    overridden_by: str


class FileProvenance:
    """The origins of one file's lines."""

    def __init__(self, site: Site, device: DeviceData, origins: Sequence[LineOrigin], known: DeviceVariables) -> None:
        self._site, self._device, self._origins, self._known = site, device, origins, known

    @cached_property
    def marks(self) -> list[Mark]:
        """One for each line."""
        return [self._mark(origin) for origin in self._origins]

    def sources(self, number: int) -> list[Source]:
        """The lines of templates that wrote line `number` (from 1)."""
        places = self._origins[number - 1].places if 1 <= number <= len(self._origins) else ()
        return [self._source(template, line) for template, line in places]

    def values(self, number: int) -> list[Value]:
        """The variables in line `number`, those that only count left out where there are others."""
        uses = self._origins[number - 1].uses if 1 <= number <= len(self._origins) else ()
        telling = [use for use in uses if use.name not in _COUNTERS] or list(uses)
        return [Value(use, found, _overridden_by(found)) for use in telling if (found := self._explain(use))]

    def _mark(self, origin: LineOrigin) -> Mark:
        telling = [(use, found) for use in origin.uses if use.name not in _COUNTERS and (found := self._explain(use))]
        if not telling:
            return Mark()
        use, found = min(telling, key=lambda pair: _ORDER[pair[1].layer])
        return Mark(found.layer, use)

    def _explain(self, use: Use) -> Explained | None:
        try:
            return self._known.explain(use.name, use.line, self._keys.get(use.key) if use.key else None)
        except WebprovError:
            return None

    @cached_property
    def _keys(self) -> dict[tuple[int, int] | None, int]:
        """The place in KEY_SLOTS of each key."""
        slots = enumerate(self._known.context.keys, 1)
        return {(int(slot["KEY_MODULE"] or 0), int(slot["KEY"])): place for place, slot in slots}

    def _source(self, template: str, line: int) -> Source:
        library, tenant = self._site.library, self._device.tenant.name
        text = library.load(template, tenant).compiled.source.split("\n")
        shown = text[line - 1].strip() if 1 <= line <= len(text) else ""
        return Source(template, line, shown, library.scope(template, tenant))


def trace_file(site: Site, device: DeviceData, path: str) -> FileProvenance | None:
    """Where the lines of the file `path` of `device` come from, as it is rendered now; None where it is not."""
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        return None
    try:
        hidden, system = masked(device, site.system)
        known = device_variables(hidden, model, system)
        tracer = Tracer()
        render_device(model, known.context, site.library, device.tenant.name, tracer)
        if path not in tracer.lines:
            _trace_shared(site, model, tracer)
    except WebprovError:
        return None
    return FileProvenance(site, device, tracer.lines[path], known) if path in tracer.lines else None


def _trace_shared(site: Site, model: PhoneModel, tracer: Tracer) -> None:
    system = masked_system(site.system)
    for rule in model.shared:
        render_shared(rule, shared_context(rule, system, model), site.library, tracer)


def _overridden_by(found: Explained) -> str:
    """Built-in values win over every variable of one's own; the others give way to those of a narrower scope."""
    if found.name in BUILT_IN_NAMES:
        return ""
    scopes = _WIDER.get(found.layer, _ALL)
    return f"a variable {found.name} of {' or '.join(scopes)}" if scopes else ""
