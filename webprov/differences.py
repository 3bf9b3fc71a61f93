"""How the files of devices change by something that is not saved yet, alike changes in one group.

Bytes are compared with real secrets; what people see is rendered again from placeholders. Changes are alike where they
are the same once the values of the device itself (its MAC, names, numbers, secrets) are taken out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape

from webprov.errors import NotFound, WebprovError
from webprov.phones.phonemodel import PhoneModel
from webprov.previews import DiffRow, diff_rows
from webprov.reach import Pair, Reach
from webprov.rendering.masking import MASK
from webprov.rendering.render import render_device, render_shared
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables, shared_context
from webprov.site import Site
from webprov.store.devicedata import DeviceData
from webprov.whatif import NEW_MASK, WhatIf

NAMED = 3
MOST_GROUPS = 100
_MOST_KNOWN = 1000
_MOST_LINES = 200
_SHORTEST = 3
"""Shorter values are left in place: too much else is spelt like them."""
_LONG = 12
"""Longer ones, MAC addresses among them, are found inside words too."""

Texts = dict[str, tuple[str, RenderedFile]]


@dataclass(frozen=True, slots=True)
class FileDifference:
    """How one file changes; `moved_to` is its new place on disk, if it moves. Without rows and move only what is
    hidden differs, or how lines end."""

    path: str
    rows: tuple[DiffRow, ...]
    moved_to: str = ""


@dataclass
class Group:
    """What changes for some devices, alike for all of them, shown as the first has it. An `error` says why they could
    not be rendered with the draft, or even as they are. `macs` and `labels` name the first of them, in step."""

    files: tuple[FileDifference, ...]
    error: str = ""
    devices: int = 0
    macs: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    tenants: Counter[str] = field(default_factory=Counter)

    def add(self, device: DeviceData, model: str) -> None:
        """One more."""
        self.devices += 1
        self.models[model] += 1
        self.tenants[device.tenant.name] += 1
        if len(self.macs) < NAMED:
            self.macs.append(device.mac)
            self.labels.append(device.label or device.mac)


@dataclass
class Found:
    """What differs: groups by their likeness, and how many devices differ in ways of their own beyond those."""

    by_likeness: dict[object, Group] = field(default_factory=dict)
    ungrouped: int = 0

    @property
    def groups(self) -> Sequence[Group]:
        """The largest first."""
        return sorted(self.by_likeness.values(), key=lambda group: -group.devices)


class Differences:
    """Compares device after device (`add`) and keeps what differs in `found`."""

    def __init__(self, site: Site, what: WhatIf, reach: Reach) -> None:
        self._site, self._what, self._reach = site, what, reach
        self._known: dict[object, object] = {}
        self.found = Found()

    def add(self, device: DeviceData, *, is_failing: bool = False) -> bool:
        """Whether the device would get other bytes, or cannot be rendered any more.

        Of one that `is_failing` now all files are looked at, not those alone that can differ: any may hold it up.
        """
        follows_zone = not device.timezone and not device.tenant.timezone
        pair = self._reach.pair(device.tenant, device.model, follows_zone=follows_zone)
        if pair is None:
            return False
        if is_failing:
            pair = self._reach.whole(device.tenant.name, device.model)
        try:
            before, after = self._both(device, pair, hidden=False)
        except WebprovError:
            return self._add_failing(device)
        changed = [path for path in dict.fromkeys((*before, *after)) if _differs(before.get(path), after.get(path))]
        if changed:
            self._put(device, pair, changed, _likeness(device, changed, before, after))
        return bool(changed)

    def _put(self, device: DeviceData, pair: Pair, changed: Sequence[str], likeness: object) -> None:
        """Into the group of those that change alike. Only the first of each is rendered for people to see."""
        key = self._known.get(likeness)
        if key is None and len(self.found.by_likeness) < MOST_GROUPS:
            files = self._shown(device, pair, changed)
            key = _general_rows(device, files) or likeness
            self.found.by_likeness.setdefault(key, Group(files))
            if len(self._known) < _MOST_KNOWN:
                self._known[likeness] = key
        if key is None:
            self.found.ungrouped += 1
        else:
            self.found.by_likeness[key].add(device, _label(pair, device))

    def _shown(self, device: DeviceData, pair: Pair, changed: Iterable[str]) -> tuple[FileDifference, ...]:
        before, after = self._both(device, pair, hidden=True)
        return tuple(_file_difference(path, before.get(path), after.get(path)) for path in changed)

    def _both(self, device: DeviceData, pair: Pair, *, hidden: bool) -> tuple[Texts, Texts]:
        """The files as they are and as they would be; raises WebprovError."""
        what = self._what
        if hidden:
            old, new, saved, draft = what.hide(device), what.hide_changed(device), what.saved, what.draft
        else:
            old, new, saved, draft = device, what.change(device), what.system, what.real
        before = self._before(old, pair[0], saved)
        return before, _texts(self._reach.after, new, pair[1], draft)

    def _before(self, device: DeviceData, model: PhoneModel | None, system: SystemData) -> Texts:
        """None where they cannot be rendered: what changes may heal that."""
        try:
            return _texts(self._site, device, model, system)
        except WebprovError:
            return {}

    def _add_failing(self, device: DeviceData) -> bool:
        """Say why; but who could not be rendered before either, for the same reason, keeps the files there are."""
        pair = self._reach.whole(device.tenant.name, device.model)
        error = _error_of(self._reach.after, self._what.hide_changed(device), pair[1], self._what.draft)
        if error == _error_of(self._site, self._what.hide(device), pair[0], self._what.saved):
            return False
        if error not in self.found.by_likeness and len(self.found.by_likeness) >= MOST_GROUPS:
            self.found.ungrouped += 1
            return True
        self.found.by_likeness.setdefault(error, Group((), error)).add(device, _label(pair, device))
        return True


def _texts(site: Site, device: DeviceData, model: PhoneModel | None, system: SystemData) -> Texts:
    """Each file with its folder on the DMS by its path; raises WebprovError."""
    if model is None:
        raise NotFound(f"The model “{device.model}” is missing; devices that have files keep them.")
    context = device_variables(device, model, system).context
    segment = str(context.values["PROV_MODEL_SEGMENT"])
    files = render_device(model, context, site.library, device.tenant.name)
    shared = system.memo.get((model, site.library), ("shared files",), lambda: _shared(site, model, system))
    return {file.path: (segment, file) for file in (*files, *shared)}


def _shared(site: Site, model: PhoneModel, system: SystemData) -> list[RenderedFile]:
    return [render_shared(rule, shared_context(rule, system, model), site.library) for rule in model.shared]


def _error_of(site: Site, device: DeviceData, model: PhoneModel | None, system: SystemData) -> str:
    try:
        _texts(site, device, model, system)
    except WebprovError as e:
        return str(e).replace(NEW_MASK, MASK)
    return ""


def _label(pair: Pair, device: DeviceData) -> str:
    return next((model.label for model in pair if model), device.model)


def _differs(before: tuple[str, RenderedFile] | None, after: tuple[str, RenderedFile] | None) -> bool:
    if before is None or after is None:
        return True
    return before[0] != after[0] or before[1].content != after[1].content


def _file_difference(
    path: str, before: tuple[str, RenderedFile] | None, after: tuple[str, RenderedFile] | None
) -> FileDifference:
    old_place, old = (before[0], before[1].text) if before else ("", "")
    place, new = (after[0], after[1].text) if after else ("", "")
    rows = tuple(_masked(row) for row in diff_rows(old, new))
    moves = before is not None and after is not None and old_place != place
    return FileDifference(path, rows, (f"{place}/{path}" if place else path) if moves else "")


def _masked(row: DiffRow) -> DiffRow:
    return DiffRow(row.kind, row.old, row.new, row.text.replace(NEW_MASK, MASK))


def _likeness(device: DeviceData, changed: Sequence[str], before: Texts, after: Texts) -> object:
    """Equal for devices whose files change alike. It holds secrets that devices have in common: never show it."""
    general = _Generalizer(device)
    return tuple(
        (_places(before.get(path), after.get(path)), _lines_alike(path, before, after, general)) for path in changed
    )


def _places(before: tuple[str, RenderedFile] | None, after: tuple[str, RenderedFile] | None) -> tuple[bool, bool, bool]:
    return before is None, after is None, bool(before and after and before[0] != after[0])


def _lines_alike(path: str, before: Texts, after: Texts, general: "_Generalizer") -> object:
    """The lines that go and those that come, each kind once; for a mere change of order or line ends, that."""
    old, new = (side[path][1].text.splitlines() if path in side else [] for side in (before, after))
    had, has = Counter(old), Counter(new)
    gone, come = had - has, has - had
    if not gone and not come:
        return "another order" if old != new else "other line ends"
    return general.once(gone), general.once(come)


def _general_rows(device: DeviceData, files: Iterable[FileDifference]) -> object:
    """What people see of a difference, without what belongs to the device; None where they see no rows."""
    general = _Generalizer(device)
    shown = tuple(
        (
            general(file.moved_to),
            *(general.once(row.text for row in file.rows if row.kind == kind) for kind in ("removed", "added")),
        )
        for file in files
    )
    return shown if any(file.rows or file.moved_to for file in files) else None


class _Generalizer:
    """Takes the values of one device out of texts."""

    def __init__(self, device: DeviceData) -> None:
        self._values = sorted(_own_values(device), key=len, reverse=True)
        self._lines = [line.number for line in device.lines if line.userid]

    def __call__(self, text: str) -> str:
        """`text` with a mark in place of each value that stands in it as a word."""
        for value in self._values:
            if value in text:
                word = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if len(value) < _LONG else "{}"
                text = re.sub(word.format(re.escape(value)), "\0", text)
        return text

    def once(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The lines without the values, each once; what every SIP line of the device has alike, once for all."""
        texts = dict.fromkeys(self("\n".join(lines)).split("\n"))
        if len(texts) > _MOST_LINES:
            return tuple(texts)
        alike = [{_numbered(text, number) for text in texts} for number in self._lines]
        common = set.intersection(*alike) if alike else set()
        common = {text for text in common if "\1" in text}
        of_lines = {text for text in texts if any(_numbered(text, number) in common for number in self._lines)}
        return (*sorted(common), *(text for text in texts if text not in of_lines))


def _numbered(text: str, number: int) -> str:
    """`text` with a mark in place of the first figure that is this number."""
    return re.sub(rf"(?<!\d){number}(?!\d)", "\1", text, count=1)


def _own_values(device: DeviceData) -> set[str]:
    """What belongs to the device, in the spellings that files have: as it is, in a URL, in XML."""
    texts = {device.mac, device.mac.lower(), device.label, device.model, device.admin_password}
    texts |= {device.prov_user, device.prov_password, *(one.value for one in device.variables.values())}
    for line in device.lines:
        texts |= {line.userid, line.password, line.auth_id, line.display_name, line.extension, line.first_name}
        texts |= {line.last_name, line.label, line.voicemail, *(one.value for one in line.variables.values())}
    for key in device.keys:
        texts |= {key.value, key.label}
    spelt = {spelling for text in texts for spelling in (text, quote(text, safe=""), escape(text))}
    return {text for text in spelt if len(text) >= _SHORTEST}
