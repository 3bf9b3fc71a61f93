"""From a tenant's people to the directory files of its phones: pure, no disk, no database (spec 7).

What a phone can take is data of its model: the template, `${DIRECTORY_PAGE}` in the file's name where its directories
come in pages, `set_DIRECTORY_PAGE_SIZE` and `set_DIRECTORY_LIMIT`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from webprov.errors import TemplateError
from webprov.phones.modelkeys import is_paged
from webprov.phones.phonemodel import FileRule, PhoneModel
from webprov.rendering.context import Value
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_directory
from webprov.rendering.rendered import RenderedFile
from webprov.store.contactrecords import NUMBER_FIELDS, Person

_SIZES = ("DIRECTORY_PAGE_SIZE", "DIRECTORY_LIMIT")
_NUMBER = re.compile(r"[+*#0-9 ()./,;\u00a0-]+")
_PUNCTUATION = re.compile(r"[ ()./\u00a0-]")


@dataclass
class Directories:
    """What rendering gave: files by their folded paths. An error says why a file keeps its old content."""

    files: dict[str, RenderedFile] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def render_directories(
    models: Iterable[tuple[PhoneModel, Mapping[str, Value]]],
    people: Iterable[Person],
    library: TemplateLibrary,
    tenant: str,
) -> Directories:
    """The directories of these models, each with its `variables.directory_values`. One that fails stops no other."""
    book = _Book(people)
    found = Directories()
    done: set[tuple[Any, ...]] = set()
    for model, values in models:
        for rule in model.directories:
            try:
                key = _essence(rule, values, library, tenant)
                if key not in done:
                    _add(found, _pages(rule, values, book, library, tenant, found.warnings))
                done.add(key)
            except TemplateError as e:
                found.errors.append(str(e))
    found.errors = list(dict.fromkeys(found.errors))
    return found


def shown_name(person: Person) -> str:
    """First and last name, or the company."""
    return f"{person.first_name} {person.last_name}".strip() or person.company


def dialable(number: str) -> str:
    """A number as a phone dials it: without blanks and punctuation, and without the (0) after a country code."""
    if not _NUMBER.fullmatch(number):
        return number  # a SIP address, or something else that only the person knows how to dial
    if number.startswith("+"):
        number = number.replace("(0)", "")
    return _PUNCTUATION.sub("", number)


class _Book:
    """People in order, as records for templates. Those without a number are of no use to a phone and left out."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.people = sorted(filter(_has_number, people), key=_order)
        named = sorted(
            {person.group for person in self.people if person.group}, key=lambda name: (name.casefold(), name)
        )
        self.group_numbers = {name: str(number) for number, name in enumerate(named, start=1)}

    @cached_property
    def groups(self) -> list[SimpleNamespace]:
        """CONTACT_GROUPS."""
        return [SimpleNamespace(NUMBER=number, NAME=name) for name, number in self.group_numbers.items()]

    @cached_property
    def contacts(self) -> list[SimpleNamespace]:
        """CONTACTS."""
        return [self._record(person, number) for number, person in enumerate(self.people, start=1)]

    @cached_property
    def numbers(self) -> list[SimpleNamespace]:
        """CONTACT_NUMBERS."""
        found = [number for person in self.people for number in self._numbers(person)]
        seen: set[str] = set()
        for number in found:
            number.REPEATED = "1" if number.DIAL in seen else ""
            seen.add(number.DIAL)
        return found

    def grouped(self, contacts: Sequence[SimpleNamespace]) -> list[SimpleNamespace]:
        """GROUPED_CONTACTS: these by group, those without one last."""
        last = len(self.group_numbers) + 1
        ordered = sorted(contacts, key=lambda contact: int(contact.GROUP_NUMBER or last))
        marked = []
        for place, contact in enumerate(ordered):
            is_first = place == 0 or ordered[place - 1].GROUP != contact.GROUP
            is_last = place + 1 == len(ordered) or ordered[place + 1].GROUP != contact.GROUP
            marks = {"GROUP_FIRST": "1" if is_first else "", "GROUP_LAST": "1" if is_last else ""}
            marked.append(SimpleNamespace(**{**vars(contact), **marks}))
        return marked

    def _record(self, person: Person, number: int) -> SimpleNamespace:
        return SimpleNamespace(
            NUMBER=str(number),
            **self._names(person),
            EMAIL=person.email,
            GROUP_FIRST="",
            GROUP_LAST="",
            **{name.upper(): dialable(getattr(person, name)) for name in NUMBER_FIELDS},
        )

    def _names(self, person: Person) -> dict[str, str]:
        return {
            "NAME": shown_name(person),
            "FIRST_NAME": person.first_name,
            "LAST_NAME": person.last_name,
            "COMPANY": person.company,
            "GROUP": person.group,
            "GROUP_NUMBER": self.group_numbers.get(person.group, ""),
        }

    def _numbers(self, person: Person) -> Iterator[SimpleNamespace]:
        names = self._names(person)
        kinds = [kind for kind in NUMBER_FIELDS if getattr(person, kind)]
        for kind in kinds:
            title = names["NAME"] if len(kinds) == 1 else f"{names['NAME']} ({kind})"
            yield SimpleNamespace(**names, KIND=kind, TITLE=title, DIAL=dialable(getattr(person, kind)))


def _has_number(person: Person) -> bool:
    return any(getattr(person, name) for name in NUMBER_FIELDS)


def _order(person: Person) -> tuple[Any, ...]:
    """By the name as shown; the rest makes the order certain, whatever the database says."""
    return shown_name(person).casefold(), astuple(person)


def _essence(rule: FileRule, values: Mapping[str, Value], library: TemplateLibrary, tenant: str) -> tuple[Any, ...]:
    """What decides about a directory's bytes: where two models agree in it, one rendering serves both."""
    names = {*library.closure(rule.template, tenant).names, *_SIZES}
    if "${" in rule.output:
        names |= library.name_template(rule.output).facts.names.keys()
    return rule.template, rule.output, *sorted((name, values[name]) for name in names if name in values)


def _pages(
    rule: FileRule,
    values: Mapping[str, Value],
    book: _Book,
    library: TemplateLibrary,
    tenant: str,
    warnings: list[str],
) -> list[RenderedFile]:
    """One file, or as many as pages are needed, at least one."""
    by_number = "CONTACT_NUMBERS" in library.closure(rule.template, tenant).names
    entries = book.numbers if by_number else book.contacts
    limit = _size("DIRECTORY_LIMIT", rule, values) or len(entries)
    if len(entries) > limit:
        warnings.append(f"{rule.output}: phones take {limit:,} entries, {len(entries) - limit:,} are left out.")
        entries = entries[:limit]
    size = (_size("DIRECTORY_PAGE_SIZE", rule, values) if is_paged(rule.output) else 0) or max(1, len(entries))
    count = max(1, -(-len(entries) // size))
    files = []
    for page in range(1, count + 1):
        part = entries[(page - 1) * size : page * size]
        contacts = book.contacts if by_number else part
        collections = {"CONTACTS": contacts, "CONTACT_GROUPS": book.groups, "CONTACT_NUMBERS": part}
        if "GROUPED_CONTACTS" in library.closure(rule.template, tenant).names:
            collections["GROUPED_CONTACTS"] = book.grouped(contacts)
        paged = {**values, "DIRECTORY_PAGE": page, "DIRECTORY_PAGES": count}
        files.append(render_directory(rule, paged, collections, library, tenant))
    return files


def _size(name: str, rule: FileRule, values: Mapping[str, Value]) -> int:
    """A size that a model or a custom variable sets; 0 where it is empty."""
    text = str(values.get(name, ""))
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1_000_000):
        raise TemplateError(rule.template, 0, f"{name} is “{text[:40]}”, which is not a whole number above 0.")
    return int(text)


def _add(found: Directories, files: Sequence[RenderedFile]) -> None:
    for file in files:
        same = found.files.setdefault(file.path.casefold(), file)
        if same.content != file.content:
            reason = f"{file.path} comes out differently for two models of this tenant; give one another name"
            raise TemplateError(file.template, 0, reason)
        found.warnings += [f"{file.path}: {warning}" for warning in file.warnings]
