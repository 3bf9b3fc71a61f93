"""From the resolved values of a section to a PhoneModel (spec 4)."""

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace

from webprov.enums import Protocol
from webprov.errors import InvalidValue
from webprov.phones.inheritance import Inheritance, Refused, Resolved, Stated
from webprov.phones.modelkeys import (
    MOST_COMMANDS,
    model_segment,
    read_boot,
    read_count,
    read_flag,
    read_modules,
    read_rule,
    resolve_sets,
    split_number,
)
from webprov.phones.phonemodel import FileRule, PhoneModel, SharedRule, TranslationMap

TemplateExists = Callable[[str, str], bool]
"""Is there a template of this name for this tenant ("" = for none in particular)?"""

_NOT_IN_FINGERPRINT = {"scope", "tenant", "source", "translation", "facts", "parameters", "fingerprint"}


class ModelBuilder:
    """Builds models as one tenant (or nobody in particular) sees them."""

    def __init__(self, view: Inheritance, tenant: str, exists: TemplateExists) -> None:
        self._view = view
        self._tenant = tenant
        self._exists = exists

    def build(self, key: str) -> PhoneModel:
        """The model of that name; raises Refused with the line that forbids it."""
        resolved = self._view.resolve(key)
        layer, section = self._view.places(key)[-1]
        missing = _missing(resolved)
        if missing:
            raise Refused(section.file, section.line, f"[{key}] has no {missing}. Add a line {missing} = ….")
        self._check_templates(resolved)
        _check_commands(key, resolved)
        translation, digest = self._translation(resolved.values.get("translation_map"))
        model = PhoneModel(
            key=key,
            brand=resolved.text("brand"),
            label=resolved.text("label"),
            scope=layer.scope,
            tenant=layer.tenant,
            family=next((name for name in resolved.chain if name.startswith("_")), ""),
            source=f"{section.file}:{section.line}",
            files=_rules(resolved, "template"),
            shared=self._shared_rules(resolved),
            directories=_rules(resolved, "directory"),
            members=_rules(resolved, "member"),
            translation=translation,
            sets=resolved.sets(),
        )
        return _with_fingerprint(_with_plain_values(model, resolved), digest)

    def _check_templates(self, resolved: Resolved) -> None:
        for key, stated in resolved.values.items():
            base = split_number(key)[0]
            if not stated.text or base not in ("template", "shared", "directory", "member", *_PARTS):
                continue
            name = stated.text if base in _PARTS else read_rule(stated.text)[0]
            tenant = "" if base == "shared" else self._tenant
            if not self._exists(name, tenant):
                raise Refused(stated.file, stated.line, f"The template {name} is missing. Correct {key} or add it.")
            if base in _PARTS and key != base and f"template{key.removeprefix(base)}" not in resolved.values:
                raise Refused(stated.file, stated.line, f"There is no template for {key}. Give both the same number.")

    def _translation(self, stated: Stated | None) -> tuple[TranslationMap, str]:
        name = stated.text if stated else ""
        layers = self._view.maps(name)
        broken = next((layer.broken for layer in layers if layer.broken), None)
        if stated and name and not layers:
            raise Refused(stated.file, stated.line, f"There is no map {name}. Add models.d/maps/{name}.ini.")
        if stated and broken:
            where = f"{broken.file}, line {broken.line}" if broken.line else broken.file
            raise Refused(stated.file, stated.line, f"The map {name} cannot be used ({where}). Correct that first.")
        return self._view.translation(name)

    def _shared_rules(self, resolved: Resolved) -> tuple[SharedRule, ...]:
        rules: dict[str, SharedRule] = {}
        for _, stated in _numbered(resolved, "shared"):
            template, output = read_rule(stated.text)
            try:
                output = resolve_sets(output, resolved.sets())
            except InvalidValue as e:
                raise Refused(stated.file, stated.line, str(e)) from e
            if output.casefold() in rules:
                raise Refused(stated.file, stated.line, f"Two shared files are called {output}. Rename one.")
            sets = self._view.untenanted.resolve(stated.section).sets()  # they lie in one folder for all tenants
            rules[output.casefold()] = SharedRule(template, output, stated.section, sets)
        return tuple(rules.values())


_PARTS = ("line_template", "key_template")


def _missing(resolved: Resolved) -> str:
    """The first key that every model needs and this one lacks."""
    if not any(_numbered(resolved, "template")) and not any(_numbered(resolved, "shared")):
        return "template_1"
    return next((name for name in ("brand", "label") if not resolved.text(name)), "")


def _check_commands(key: str, resolved: Resolved) -> None:
    """Refuse more commands than may hang one after the other, at the first that is too many."""
    found = _numbered(resolved, "command")
    if len(found) <= MOST_COMMANDS:
        return
    number, stated = found[MOST_COMMANDS]
    inherited = f" from [{stated.section}]" if stated.section != key else ""
    raise Refused(
        stated.file,
        stated.line,
        f"[{key}] has {len(found)} commands; at most {MOST_COMMANDS} may run for a phone. Let one program do the work"
        f" of several, or drop command_{number}{inherited} with an empty value.",
    )


def _numbered(resolved: Resolved, base: str) -> list[tuple[int, Stated]]:
    """`base_1`, `base_2`, … in the order of their numbers, without dropped ones."""
    found = (
        (split_number(key), stated) for key, stated in resolved.values.items() if stated.text and key.startswith(base)
    )
    return sorted(((number, stated) for (name, number), stated in found if name == base), key=lambda pair: pair[0])


def _texts(resolved: Resolved, base: str) -> tuple[str, ...]:
    return tuple(stated.text for _, stated in _numbered(resolved, base))


def _rules(resolved: Resolved, base: str) -> tuple[FileRule, ...]:
    """The files of one kind; those of the device itself with the line and key templates that go into them."""
    rules = []
    for number, stated in _numbered(resolved, base):
        template, output = read_rule(stated.text)
        line, key = ("", "") if base == "directory" else (_part(resolved, part, base, number) for part in _PARTS)
        rules.append(FileRule(template, output, line, key))
    return tuple(rules)


def _part(resolved: Resolved, part: str, base: str, number: int) -> str:
    own = resolved.values.get(f"{part}_{number}") if base == "template" else None
    return own.text if own else resolved.text(part)


def _with_plain_values(model: PhoneModel, resolved: Resolved) -> PhoneModel:
    protocol, modules, line_keys = (resolved.text(key) for key in ("protocol", "modules", "line_keys"))
    return replace(
        model,
        lines=read_count(resolved.text("lines") or "1"),
        keys=read_count(resolved.text("keys") or "0"),
        modules=read_modules(modules) if modules else (0, 0),
        line_keys=read_count(line_keys) if line_keys else None,
        aliases=_texts(resolved, "alias"),
        uploads=_texts(resolved, "upload"),
        boot=tuple(read_boot(text) for text in _texts(resolved, "boot")),
        facts=resolved.text("facts"),
        parameters=resolved.text("parameters"),
        check_sync=resolved.text("check_sync") or "check-sync",
        user_agent=resolved.text("user_agent"),
        protocol=Protocol(protocol) if protocol else None,
        firmware=resolved.text("firmware"),
        firmware_dir=resolved.text("firmware_dir") or f"FIRMWARE-{model_segment(model.key)}",
        external=read_flag(resolved.text("external") or "yes"),
        commands=_texts(resolved, "command"),
        override=resolved.text("override"),
        setup={part: resolved.text(f"setup_{part}") for part in ("menu", "dhcp", "url", "form", "note")},
    )


def _with_fingerprint(model: PhoneModel, map_digest: str) -> PhoneModel:
    values = [
        sorted(value.items()) if isinstance(value, dict) else value
        for value in (getattr(model, field.name) for field in fields(model) if field.name not in _NOT_IN_FINGERPRINT)
    ]
    return replace(model, fingerprint=hashlib.sha256(repr((values, map_digest)).encode()).hexdigest())
