"""What a template that is not saved yet makes of one device: its files, and how they differ from now."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.errors import TemplateError, WebprovError
from webprov.phones.phonemodel import PhoneModel
from webprov.previews import DiffRow, diff_rows, render_files
from webprov.rendering.masking import masked
from webprov.site import Site
from webprov.store.devicedata import DeviceData
from webprov.store.models import Device, Tenant
from webprov.viewpoints import Viewpoint, look_through, viewpoints

MOST = 20
MOST_LINES = 3000


@dataclass(frozen=True, slots=True)
class FilePreview:
    """One file as it would be, secrets as placeholders; `rows` say what differs from how it would be made now."""

    path: str
    text: str
    rows: tuple[DiffRow, ...]
    warnings: tuple[str, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class TemplatePreview:
    """The files of one device that the template goes into; an `error` says why they cannot be made, and at which
    `line` of this template (0 = elsewhere)."""

    files: tuple[FilePreview, ...] = ()
    error: str = ""
    line: int = 0


def offered_devices(
    session: Session, site: Site, models: Sequence[PhoneModel], tenant: str, text: str = ""
) -> list[Viewpoint]:
    """Devices to preview with: those that match `text`, else one of each tenant and model that uses the template;
    where there are none, the models themselves."""
    if text:
        return viewpoints(session, site, text)
    labels = {model.key: model.label for model in models}
    of_tenant = (Tenant.name == tenant,) if tenant else ()
    first = select(func.min(Device.id)).join(Tenant).where(Device.model.in_(labels), *of_tenant)
    ids = session.scalars(first.group_by(Device.tenant_id, Device.model).limit(MOST)).all()
    columns = select(Device.mac, Device.label, Device.model, Tenant.name).join(Tenant).where(Device.id.in_(ids))
    found = [
        Viewpoint(mac, " · ".join((label or mac, labels[key], owner)))
        for mac, label, key, owner in session.execute(columns.order_by(Device.label, Device.id))
    ]
    return found or [Viewpoint(f"model:{key}", f"{label}, any device") for key, label in [*labels.items()][:MOST]]


def preview_template(session: Session, site: Site, after: Site, name: str, key: str) -> TemplatePreview:
    """The files of the device (or model) that `key` names, made with the templates of `after`."""
    seen = look_through(session, site, key)
    if seen is None:
        return TemplatePreview()
    device, _ = masked(seen[0], site.system)
    model = after.catalog.model(device.model, device.tenant.name)
    if model is None:
        return TemplatePreview(error=f"The model {device.model} could not be used with this.")
    try:
        files = _texts(after, device, model, name)
    except TemplateError as e:
        return TemplatePreview(error=e.reason if e.file == name else str(e), line=e.line if e.file == name else 0)
    except WebprovError as e:
        return TemplatePreview(error=str(e))
    try:
        now = {path: text for path, text, _ in _texts(site, device, model, name)}
    except WebprovError:
        now = {}
    return TemplatePreview(tuple(_file(path, text, now.get(path, ""), warnings) for path, text, warnings in files))


def _texts(site: Site, device: DeviceData, model: PhoneModel, name: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Path, text and warnings of each file that the template goes into; raises WebprovError."""
    _, system = masked(device, site.system)
    files, _, _ = render_files(site, device, model, system)
    mains = _mains(site, model, device.tenant.name, name)
    return [(file.path, file.text, file.warnings) for file in files if file.template in mains]


def _mains(site: Site, model: PhoneModel, tenant: str, name: str) -> set[str]:
    """The main templates of the files that `name` goes into, be it as the template of their lines or keys."""
    reach = site.library.reach
    found = {rule.template for rule in model.shared if name in reach(rule.template, "")}
    for rule in (*model.files, *model.members):
        parts = [part for part in (rule.template, rule.line_template, rule.key_template) if part]
        if any(name in reach(part, tenant) for part in parts):
            found.add(rule.template)
    return found


def _file(path: str, text: str, now: str, warnings: tuple[str, ...]) -> FilePreview:
    lines = text.splitlines()
    shown = "\n".join(lines[:MOST_LINES])
    return FilePreview(path, shown, tuple(diff_rows(now, text)), warnings, len(lines) > MOST_LINES)
