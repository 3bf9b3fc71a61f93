"""One device on its way through provisioning: its files rendered in memory, or why they could not be."""

import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from webprov.errors import WebprovError
from webprov.filerecords import FileEntry, disk_name
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.context import TemplateContext
from webprov.rendering.masking import masked, veil
from webprov.rendering.render import render_device, upload_names
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.variables import device_variables
from webprov.rendering.veiling import Unpaired
from webprov.revisions import RESTORED, Revision, cause_of, made_for
from webprov.site import Site
from webprov.store.devicedata import DeviceData

KnownTwins = Mapping[tuple[str, str], bytes]
"""Masked twins that are still good, by (path, sha256). Empty where all files of the device are to change."""


@dataclass
class Work:
    """One device on its way: what rendering gave, or why it did not."""

    device: DeviceData
    model: PhoneModel | None
    entries: list[FileEntry] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    uploads: str = ""
    error: str = ""
    disk_refused: bool = False  # the error is the disk's: worth another try by itself
    written: list[str] = field(default_factory=list)
    stale_rows: list[Any] = field(default_factory=list)
    before: Any = None  # the row of the device as it was: names, versions, revision
    restored: Revision | None = None  # the revision whose files these are, instead of rendered ones

    @property
    def changes(self) -> bool:
        """Whether the device has other files than before."""
        return bool(self.written or self.stale_rows)

    @property
    def names(self) -> tuple[str, str]:
        """What the listeners have to know beside its own files: the shared ones it needs, and what it may send."""
        if self.restored:
            return self.before.shared_names, self.before.upload_names
        segment = self.entries[0].segment if self.entries else ""
        rules = self.model.shared if self.model else ()
        return "\n".join(disk_name(segment, rule.output).casefold() for rule in rules), self.uploads


def render_work(site: Site, device: DeviceData, known_twins: KnownTwins) -> Work:
    """Render the device's own files, and their twins without secrets unless those are known; never raises for them."""
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        return Work(device, None, error=f"The model “{device.model}” is missing. Choose another model or put it back.")
    try:
        context = device_variables(device, model, site.system).context
        hidden = None if known_twins else _hidden(site, device, model)
        files = _rendered(site, device, model, context, hidden)
        uploads = "\n".join(upload_names(model, context, site.library)).casefold()
        twins = _twins(files, known_twins)
        if None in twins:
            hidden = hidden or _hidden(site, device, model)
            twins = [packed(file.content) for file in render_device(model, hidden, site.library, device.tenant.name)]
    except WebprovError as e:
        return Work(device, model, error=str(e))
    segment = str(context.values["PROV_MODEL_SEGMENT"])
    entries = [
        FileEntry(file.path, segment, file.content, twin or b"", position)
        for position, (file, twin) in enumerate(zip(files, twins, strict=True))
    ]
    warnings = tuple(dict.fromkeys((*context.warnings, *(text for file in files for text in file.warnings))))
    return Work(device, model, entries, warnings, uploads)


def outcome_values(site: Site, item: Work, now: datetime) -> dict[str, Any]:
    """What is recorded of a device whose files are in place; `b_id` is its id, `b_step` 1 where they changed."""
    device, before, restored = item.device, item.before, item.restored
    shared, uploads = item.names
    versions = restored.versions if restored else versions_now(site, device)
    cause = f"{RESTORED}{restored.number}" if restored else cause_of(before, versions)
    changes = item.changes
    return {
        "b_id": device.id,
        "shared_names": shared,
        "upload_names": uploads,
        "b_step": 1 if changes else 0,
        "revision_at": now if changes else before.revision_at,
        "revision_cause": cause if changes else before.revision_cause,
        "revision_for": made_for(device.mac, device.tenant.id) if changes else before.revision_for,
        "restored_revision": restored.number if restored else 0,
        "provisioned_at": before.provisioned_at if restored else now,
        "provision_error": "",
        "disk_refused": False,
        "provision_warnings": "\n".join(item.warnings),
        **versions,
    }


def versions_now(site: Site, device: DeviceData) -> dict[str, Any]:
    """The versions of all that the device's files are rendered from, by the columns that remember them."""
    return {
        "rendered_settings": site.settings.version,
        "rendered_variables": site.variables_version,
        "rendered_tenant": device.tenant.version,
        "rendered_device": device.version,
        "rendered_model": site.model_version(device.model, device.tenant.name),
    }


def _hidden(site: Site, device: DeviceData, model: PhoneModel) -> TemplateContext:
    """What templates see of the device for those who may not see secrets (security SE-03)."""
    hidden, system = masked(device, site.system)
    return device_variables(hidden, model, system).context


def _rendered(
    site: Site, device: DeviceData, model: PhoneModel, context: TemplateContext, hidden: TemplateContext | None
) -> list[RenderedFile]:
    """The files, with masked contents where the two versions can come out of one run."""
    if hidden:
        with suppress(Unpaired):
            return render_device(model, veil(context, hidden), site.library, device.tenant.name)
    return render_device(model, context, site.library, device.tenant.name)


def _twins(files: Sequence[RenderedFile], known: KnownTwins) -> list[bytes | None]:
    """The masked twins of these files, compressed; None for what neither is known nor came out of their rendering."""
    return [known.get((file.path, file.sha256)) if file.masked is None else packed(file.masked) for file in files]


def packed(content: bytes) -> bytes:
    """Masked content as records keep it."""
    return zlib.compress(content, 1)
