"""From a phone model and its variables to the files that the phone fetches: pure, no disk, no network (spec 4, 5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from webprov.enums import FileFormat
from webprov.errors import InvalidValue, TemplateError
from webprov.mac import parse_mac
from webprov.phones.phonemodel import FileRule, PhoneModel, SharedRule
from webprov.rendering.context import TemplateContext, Value
from webprov.rendering.escaping import Escaper
from webprov.rendering.formats import OutputFormat, format_by_suffix
from webprov.rendering.functions import CALLS
from webprov.rendering.library import Closure, TemplateLibrary
from webprov.rendering.names import COLLECTIONS, DEVICE_NAMES, KEY_NAMES, LINE_NAMES, RAW_NAMES
from webprov.rendering.overriding import kept_lines
from webprov.rendering.paths import output_path
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.running import View, changed_values, run
from webprov.rendering.tracing import Tracer
from webprov.rendering.veiling import Raw, joined, raw, twin_of
from webprov.rendering.wellformed import find_fault

PERSONAL_NAMES = frozenset({*DEVICE_NAMES, *LINE_NAMES, *KEY_NAMES, *RAW_NAMES, *COLLECTIONS})
"""What belongs to one device, tenant or line: an error in a shared file, as phones of all tenants fetch it."""


def render_device(
    model: PhoneModel, context: TemplateContext, library: TemplateLibrary, tenant: str, tracer: Tracer | None = None
) -> list[RenderedFile]:
    """All files of one device, those that others refer to first, the one that the phone asks for first last.

    `tracer` learns where every line comes from. Where `context` is veiled, files have their masked content too, as far
    as their templates pass secrets on as they are. Raises TemplateError with template, line and reason; then nothing of
    the device may be written.
    """
    device = _Device(context, library, tenant, tracer)
    files = [device.file(rule) for rule in model.files]
    for mac in member_macs(context.values) if model.members else ():
        values = {**context.values, "MAC": mac, "mac": mac.lower()}
        member = _Device(replace(context, values=values), library, tenant, tracer)
        files += [member.file(rule) for rule in model.members]
    files += _aliases(model, device, files)
    seen: dict[str, RenderedFile] = {}
    for file in files:
        other = seen.setdefault(file.path.casefold(), file)
        if other is not file:
            reason = f"writes {file.path}, as {other.template} does for {other.path}; give one another name"
            raise TemplateError(file.template, 0, reason)
    asked = [device.path(request.name).casefold() for request in model.boot]
    return sorted(files, key=lambda file: -_position(file.path, asked))


def member_macs(values: Mapping[str, Value]) -> list[str]:
    """The further base stations of a DECT system, as MEMBERS names them; raises TemplateError for what is no MAC."""
    try:
        return [parse_mac(word) for word in str(values.get("MEMBERS", "")).replace(",", " ").split()]
    except InvalidValue as e:
        raise TemplateError("MEMBERS", 0, str(e)) from e


def _aliases(model: PhoneModel, device: "_Device", files: Sequence[RenderedFile]) -> list[RenderedFile]:
    """The same content under other names: `alias_N = name` of the first file, `alias_N = produced -> name` of another.

    An alias that differs in the case of letters alone is none: names are looked up without regard to it.
    """
    by_path = {file.path.casefold(): file for file in files}
    found = []
    for alias in model.aliases:
        of, arrow, name = (part.strip() for part in alias.rpartition("->"))
        produced, path = device.path(of) if arrow else files[0].path, device.path(name)
        if produced.casefold() not in by_path:
            raise TemplateError(alias, 0, f"no file of the model is called {produced}; name one that template_N writes")
        if path.casefold() != produced.casefold():
            found.append(replace(by_path[produced.casefold()], path=path))
    return found


def upload_names(model: PhoneModel, context: TemplateContext, library: TemplateLibrary) -> list[str]:
    """The names under which a device of `model` may send files (spec 4); raises TemplateError."""
    return [output_path(name, context.values, library) for name in model.uploads]


def render_shared(
    rule: SharedRule, context: TemplateContext, library: TemplateLibrary, tracer: Tracer | None = None
) -> RenderedFile:
    """One file for all devices of a family; raises TemplateError where its template uses a personal name."""
    closure = library.closure(rule.template, "")
    for name in sorted(closure.names.keys() & PERSONAL_NAMES):
        file, line = closure.names[name]
        reason = f"{name} belongs to one device, and this file is shared by many; use it in the per-MAC file"
        raise TemplateError(file, line, reason)
    path = output_path(rule.output, {}, library)
    data = {**context.values, **CALLS}
    return _finish(path, closure, data, library, "", owner=rule.owner, tracer=tracer)


def render_directory(
    rule: FileRule,
    values: Mapping[str, Value],
    collections: Mapping[str, Sequence[SimpleNamespace]],
    library: TemplateLibrary,
    tenant: str,
) -> RenderedFile:
    """One file of a contact directory: its template sees `values` and the collections of contacts."""
    closure = library.closure(rule.template, tenant)
    data = {**values, **collections, **CALLS}
    return _finish(output_path(rule.output, values, library), closure, data, library, tenant)


class _Device:
    """The rendering of one device; what its files have in common is prepared once."""

    def __init__(
        self, context: TemplateContext, library: TemplateLibrary, tenant: str, tracer: Tracer | None = None
    ) -> None:
        self.context = context
        self.library = library
        self.tenant = tenant
        self.tracer = tracer
        self.values: dict[str, Any] = {**context.values, **CALLS}
        self.values["OVERRIDE"] = raw(self.values.get("OVERRIDE", ""))
        self.slots: dict[str, list[SimpleNamespace]] = {}

    def path(self, output: str) -> str:
        """The name of a file: `${mac}.cfg` filled in and checked."""
        return output_path(output, self.context.values, self.library)

    def file(self, rule: FileRule) -> RenderedFile:
        """One file of the device, with its lines and keys."""
        path = self.path(rule.output)
        closure = self.library.closure(rule.template, self.tenant)
        output = output_format(closure, path)
        escaper = Escaper(output)
        data = self._data(closure)
        warnings: list[str] = []
        if "LINES" in closure.names:
            data["LINES"] = self._repeated(rule.line_template, self._line_layers(), escaper, warnings)
        if "KEYS" in closure.names:
            data["KEYS"] = self._repeated(rule.key_template, self._key_layers(), escaper, warnings)
        return _finish(
            path,
            closure,
            data,
            self.library,
            self.tenant,
            escaper=escaper,
            warnings=warnings,
            tracer=self.tracer,
            masks=self._passes_secrets_on(closure, rule),
        )

    def _passes_secrets_on(self, closure: Closure, rule: FileRule) -> bool:
        """Whether secrets are veiled, and no template of the file works with one: a part of it would have no twin."""
        veiled = self.context.veiled
        if veiled is None:
            return False
        parts = [self.library.closure(name, self.tenant) for name in (rule.line_template, rule.key_template) if name]
        return all(veiled.isdisjoint(one.handled) for one in (closure, *parts))

    def _repeated(
        self, template: str, layers: Iterable[Mapping[str, Value]], escaper: Escaper, warnings: list[str]
    ) -> Raw:
        """The line or key template, once for each layer, joined."""
        if not template:
            return Raw("")
        closure = self.library.closure(template, self.tenant)
        base = self._data(closure)
        view = View(self.library, self.tenant)
        parts = []
        for layer in layers:
            data = {**base, **layer}
            parts.append(run(closure, data, escaper, view, self.tracer))
            if self.tracer:
                self.tracer.end_part()
            if escaper.changed:
                warnings += changed_values(escaper, closure, data)
                escaper.changed.clear()
        text = joined(parts)
        if self.tracer:
            self.tracer.end_block(text)
        return raw(text)

    def _line_layers(self) -> Iterable[Mapping[str, Value]]:
        return (self.context.lines[position] for position in self.context.used_lines)

    def _key_layers(self) -> Iterable[Mapping[str, Value]]:
        for position in self.context.used_keys:
            key = self.context.keys[position]
            yield {**self._line_of(key), **key}

    def _line_of(self, key: Mapping[str, Value]) -> Mapping[str, Value]:
        """The line that a key belongs to: the first one where it names none."""
        number = str(key.get("KEY_LINE", ""))
        position = int(number) - 1 if number.isdecimal() else 0
        lines = self.context.lines
        return lines[position] if 0 <= position < len(lines) else lines[0] if lines else {}

    def _data(self, closure: Closure) -> dict[str, Any]:
        """A dict of its own for one run, with the records that the template looks at."""
        data = self.values.copy()
        if "LINE_SLOTS" in closure.names:
            data["LINE_SLOTS"] = self._slot_records("LINE_SLOTS", self.context.lines)
        if "KEY_SLOTS" in closure.names:
            data["KEY_SLOTS"] = self._slot_records("KEY_SLOTS", self.context.keys)
        return data

    def _slot_records(self, name: str, slots: Sequence[Mapping[str, Value]]) -> list[SimpleNamespace]:
        if name not in self.slots:
            self.slots[name] = _records(slots)
        return self.slots[name]


def output_format(closure: Closure, path: str) -> OutputFormat:
    """The format of a file: what its template's first line says, else what its suffix tells."""
    return closure.main.facts.format or format_by_suffix(path)


def _records(rows: Sequence[Mapping[str, Value]]) -> list[SimpleNamespace]:
    return [SimpleNamespace(**row) for row in rows]


def _position(path: str, asked: list[str]) -> int:
    """When the phone asks for a file: 0 first; files that it only finds named in others come after all requests."""
    path = path.casefold()
    return asked.index(path) if path in asked else len(asked)


def _finish(
    path: str,
    closure: Closure,
    data: dict[str, Any],
    library: TemplateLibrary,
    tenant: str,
    *,
    escaper: Escaper | None = None,
    warnings: Sequence[str] = (),
    owner: str = "",
    tracer: Tracer | None = None,
    masks: bool = False,
) -> RenderedFile:
    """Run the main template, encode and check the result; `masks`: its masked content comes out as well."""
    output = output_format(closure, path)
    escaper = escaper or Escaper(output)
    text = run(closure, data, escaper, View(library, tenant), tracer)
    shown, kept = twin_of(text) if masks else None, None
    if output.merge and "OVERRIDE" in closure.names and data["OVERRIDE"]:
        kept = kept_lines(text, data["OVERRIDE"], output.comment)
        shown = shown and _lines(shown, kept_lines(shown, twin_of(data["OVERRIDE"]), output.comment))
        text = _lines(text, kept)
    if tracer:
        tracer.end_file(path, kept)
    found = [*warnings, *changed_values(escaper, closure, data)] if escaper.changed or warnings else []
    if closure.main.facts.format is None and output.syntax is FileFormat.TEXT:
        found.append(f"{closure.main.name} has no format line; it is taken for plain text")
    content, lost = _encoded(text, output)
    fault = find_fault(content, output)
    if fault:
        raise TemplateError(closure.main.name, 0, fault)
    if lost:
        found.append(f"{path}: characters of the template or of OVERRIDE that {output.encoding} lacks became “?”")
    masked = None if shown is None else content if shown == text else _encoded(shown, output)[0]
    return RenderedFile(
        path, content, output.syntax, output.encoding, closure.main.name, tuple(dict.fromkeys(found)), owner, masked
    )


def _lines(text: str, positions: Iterable[int]) -> str:
    """The lines of `text` at these positions."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[position] for position in positions)


def _encoded(text: str, output: OutputFormat) -> tuple[bytes, bool]:
    """The bytes of the file, and whether its character set lacked something."""
    if output.newline == "crlf":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    try:
        return text.encode(output.encoding), False
    except UnicodeEncodeError:
        if output.syntax is FileFormat.XML:
            return text.encode(output.encoding, "xmlcharrefreplace"), False
        return text.encode(output.encoding, "replace"), True
