"""What a phone would get, what lies on disk for it, and the difference (path (d) of the design, spec 9).

Nothing is written. For those who may not see secrets, files are rendered from placeholders and the stored masked
twins are shown: no real value is ever put into what they see.
"""

import difflib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.errors import NotFound, WebprovError
from webprov.filerecords import disk_name
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.masking import masked
from webprov.rendering.render import render_device, render_shared
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import DeviceVariables, device_variables, shared_context
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.database import writing
from webprov.store.devicedata import DeviceData
from webprov.store.models import RenderedFileRecord

CONTEXT_LINES = 3
_FILES: Any = RenderedFileRecord.__table__


class DiffKind(StrEnum):
    """What a row of a difference shows."""

    SAME = "same"
    ADDED = "added"  # rendered now, not on disk
    REMOVED = "removed"  # on disk, no longer rendered
    GAP = "gap"  # equal lines that are left out


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One line of a difference with its numbers (from 1) on disk (`old`) and as rendered now (`new`)."""

    kind: DiffKind
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One file of a device. `now` is None where it is no longer produced or, with an `error`, cannot be rendered;
    `on_disk` None where it was never written. `differs` compares real bytes, so it can be true where both masked
    texts are the same: then only secrets differ."""

    path: str
    shared: bool
    now: str | None
    on_disk: str | None
    differs: bool
    warnings: tuple[str, ...] = ()
    error: str = ""
    sha256: str = ""  # of the bytes as rendered now
    encoding: str = "utf-8"

    @property
    def difference(self) -> list[DiffRow]:
        """From what is on disk to what would be written now; empty where both texts are equal."""
        return diff_rows(self.on_disk or "", self.now or "")


def preview_device(session: Session, site: Site, device: DeviceData, *, reveal: bool) -> list[Preview]:
    """Every file of `device`, the shared ones of its model last; those on disk that it has no longer come along.

    Masked unless `reveal`. What cannot be rendered has its sentence in `error`; a device without any file that cannot
    be rendered has one Preview with an empty path.
    """
    model, error = site.catalog.model(device.model, device.tenant.name), ""
    files: list[_Shown] = []
    try:
        if model is None:
            raise NotFound(f"The model “{device.model}” is missing. Choose another model or put it back.")
        files = _render(site, device, model, reveal=reveal)
    except WebprovError as e:
        error = str(e)
    on_disk = _records(session, device.id, files)
    previews = [_preview(site, file, on_disk.pop(file.key, None), reveal=reveal) for file in files]
    previews += [_left(site, row, error, reveal=reveal) for row in on_disk.values()]
    return previews or [Preview("", False, None, None, True, error=error)]


def preview_variables(site: Site, device: DeviceData, *, reveal: bool) -> DeviceVariables:
    """The variables of `device` with their origins, masked unless `reveal`. Raises NotFound for a missing model."""
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        raise NotFound(f"The model “{device.model}” is missing. Choose another model or put it back.")
    shown, system = (device, site.system) if reveal else masked(device, site.system)
    return device_variables(shown, model, system)


def record_reveal(session: Session, device: DeviceData, by: Actor) -> None:
    """Note that `by` has seen the secrets of `device` (spec 9: only administrators do, each time recorded)."""
    by.check(Right.REVEAL_SECRETS, device.tenant.id)
    with writing(session):
        record_change(session, by, "reveal", "device", device.mac, tenant_id=device.tenant.id)


def diff_rows(old: str, new: str) -> list[DiffRow]:
    """A unified difference as rows, three equal lines around each change; empty where both are equal."""
    before, after = old.splitlines(), new.splitlines()
    rows: list[DiffRow] = []
    end = 0
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        if group[0][1] > end:
            rows.append(DiffRow(DiffKind.GAP, None, None, ""))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                rows += [DiffRow(DiffKind.SAME, i + 1, j1 + i - i1 + 1, before[i]) for i in range(i1, i2)]
                continue
            rows += [DiffRow(DiffKind.REMOVED, i + 1, None, before[i]) for i in range(i1, i2)]
            rows += [DiffRow(DiffKind.ADDED, None, j + 1, after[j]) for j in range(j1, j2)]
        end = group[-1][2]
    if rows and end < len(before):
        rows.append(DiffRow(DiffKind.GAP, None, None, ""))
    return rows


@dataclass(frozen=True, slots=True)
class _Shown:
    """A file as it would be written, and the text of it that this person may see."""

    file: RenderedFile
    text: str
    segment: str
    warnings: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.segment, self.file.path.casefold()


def _render(site: Site, device: DeviceData, model: PhoneModel, *, reveal: bool) -> list[_Shown]:
    real, segment, warnings = render_files(site, device, model, site.system)
    shown = real if reveal else render_files(site, *_masked(device, model, site.system))[0]
    return [
        _Shown(file, twin.text, segment, (*file.warnings, *(warnings if n == 0 else ())))
        for n, (file, twin) in enumerate(zip(real, shown, strict=True))
    ]


def render_files(
    site: Site, device: DeviceData, model: PhoneModel, system: SystemData
) -> tuple[list[RenderedFile], str, tuple[str, ...]]:
    """Every file of `device` under `system`, the shared ones last, their folder on the DMS ("" = none), and warnings.

    Raises WebprovError where one cannot be rendered.
    """
    context = device_variables(device, model, system).context
    files = render_device(model, context, site.library, device.tenant.name)
    files += [render_shared(rule, shared_context(rule, system, model), site.library) for rule in model.shared]
    return files, str(context.values["PROV_MODEL_SEGMENT"]), context.warnings


def _masked(device: DeviceData, model: PhoneModel, system: SystemData) -> tuple[DeviceData, PhoneModel, SystemData]:
    hidden, hidden_system = masked(device, system)
    return hidden, model, hidden_system


def _records(session: Session, device_id: int, files: Sequence[_Shown]) -> dict[tuple[str, str], Any]:
    """What is recorded under the device's own names and under those of its shared files."""
    shared = [file.key for file in files if file.file.owner]
    query = select(_FILES).where(_FILES.c.device_id == device_id).order_by(_FILES.c.position)
    rows = list(session.execute(query))
    for segment, key in shared:
        rows += session.execute(
            select(_FILES).where(_FILES.c.device_id.is_(None), _FILES.c.segment == segment, _FILES.c.path_key == key)
        )
    return {(row.segment, row.path_key): row for row in rows}


def _preview(site: Site, shown: _Shown, row: Any, *, reveal: bool) -> Preview:
    file, known = shown.file, shown.file.sha256
    differs = row is None or row.sha256 != known
    on_disk = None if row is None else _text_on_disk(site, row, file.encoding, reveal=reveal)
    return Preview(
        file.path, bool(file.owner), shown.text, on_disk, differs, shown.warnings, sha256=known, encoding=file.encoding
    )


def _left(site: Site, row: Any, error: str, *, reveal: bool) -> Preview:
    return Preview(row.path, False, None, _text_on_disk(site, row, "utf-8", reveal=reveal), True, error=error)


def _text_on_disk(site: Site, row: Any, encoding: str, *, reveal: bool) -> str | None:
    content = site.files.read(disk_name(row.segment, row.path)) if reveal else zlib.decompress(row.masked)
    return None if content is None else content.decode(encoding, "replace")
