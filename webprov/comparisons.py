"""What a device's files are compared with, beside what lies on disk (spec 9; ui guide 9): what the phone fetched last,
an earlier revision, another device, the shipped models and templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from webprov.errors import NotFound, WebprovError
from webprov.previews import Preview, preview_device, render_files
from webprov.rendering.masking import masked
from webprov.revisions import files_of_revision, find_revision, masked_texts
from webprov.site import Site
from webprov.store.devicedata import DeviceData
from webprov.store.models import Device


@dataclass(frozen=True)
class Side:
    """The files that others are compared with: text and sha256 ("" = not known) by path. `shared` files are those on
    disk where this side has none of its own. `missing`: why there is nothing to compare with."""

    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    keeps_shared: bool = False
    missing: str = ""


def compared(preview: Preview, side: Side) -> Preview:
    """`preview` with this side in place of what is on disk."""
    if side.keeps_shared and preview.shared:
        return preview
    text, sha256 = side.texts.get(preview.path, (None, ""))
    differs = preview.sha256 != sha256 if sha256 else text != preview.now
    return replace(preview, on_disk=text, differs=differs)


def against_revision(
    session: Session, device: Device, number: int, previews: Sequence[Preview], *, reveal: bool
) -> Side:
    """An earlier revision, masked unless `reveal`; raises NotFound where it is not kept."""
    find_revision(session, device, number)
    hashes = masked_texts(session, device.id, number)
    contents = {path: content for path, (_, content) in hashes.items()}
    if reveal:
        contents = {file.path: file.content for file in files_of_revision(session, device.id, number)}
    encodings = {preview.path: preview.encoding for preview in previews}
    texts = {
        path: (content.decode(encodings.get(path, "utf-8"), "replace"), hashes[path][0])
        for path, content in contents.items()
    }
    return Side(texts, keeps_shared=True)


def against_fetched(session: Session, device: Device, previews: Sequence[Preview], *, reveal: bool) -> Side:
    """What the phone fetched last, as far as it is still kept. Shared files are not told apart by revision."""
    number = device.fetched_revision
    if not number:
        return Side(missing="The phone has not fetched its own file yet.")
    if number == device.revision:
        return Side({one.path: (one.on_disk, "") for one in previews if one.on_disk is not None}, keeps_shared=True)
    try:
        return against_revision(session, device, number, previews, reveal=reveal)
    except NotFound:
        return Side(missing=f"Revision {number}, which the phone fetched last, is not kept any more.")


def against_device(session: Session, site: Site, device: DeviceData, other: DeviceData) -> Side:
    """The files of another device as rendered now, masked, under the names that they have at this one."""
    previews = preview_device(session, site, other, reveal=False)
    error = next((preview.error for preview in previews if preview.error), "")
    if error:
        return Side(missing=f"The files of the other device cannot be rendered now. {error}")
    return Side({_swapped(one.path, other.mac, device.mac): (one.now, "") for one in previews if one.now is not None})


def against_shipped(site: Site, device: DeviceData, *, reveal: bool) -> Side:
    """The files as the shipped models and templates would make them."""
    shipped = site.shipped()
    model = shipped.catalog.model(device.model, device.tenant.name)
    if model is None:
        return Side(missing="This model is not shipped: it is one of your own.")
    shown, system = (device, site.system) if reveal else masked(device, site.system)
    try:
        files, _, _ = render_files(shipped, shown, model, system)
    except WebprovError as e:
        return Side(missing=f"The shipped templates cannot be used for this device. {e}")
    return Side({file.path: (file.text, "") for file in files})


def _swapped(path: str, old: str, new: str) -> str:
    """The name with the MAC of one device in place of that of another, in the spelling that it has there."""
    return path.replace(old, new).replace(old.lower(), new.lower())
