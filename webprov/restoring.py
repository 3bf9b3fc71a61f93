"""Putting an earlier revision of a device's files back: the way out after a change that did harm.

The same path as provisioning: all files or none, records, push, commands, check-sync. The device then counts as stale
until it is provisioned again.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.devicework import KnownTwins, Work
from webprov.enums import ProvisioningMode
from webprov.errors import InvalidValue, NotFound
from webprov.filerecords import FileEntry
from webprov.mac import format_mac
from webprov.provisioning import ProvisionResult, provision_batch
from webprov.revisions import KeptFile, files_of_revision, find_revision
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.devicedata import DeviceData
from webprov.store.models import Device


def restore_revision(session: Session, site: Site, mac: str, number: int, by: Actor) -> ProvisionResult:
    """Write the files of revision `number` of a device again; an error while writing is in the result.

    Raises NotFound for a device or revision that is not there, NotAllowed, and InvalidValue for a device that is
    disabled and for files of the other provisioning mode, which no phone asks for.
    """
    device = session.scalar(select(Device).where(Device.mac == mac))
    if device is None:
        raise NotFound("There is no such device.")
    by.check(Right.PROVISION, device.tenant_id)
    if not device.enabled:
        raise InvalidValue(f"{format_mac(mac)} is disabled and gets no files. Enable it first.")

    def prepare(site: Site, data: DeviceData, _known: KnownTwins) -> Work:
        revision = find_revision(session, session.get_one(Device, data.id), number)
        files = files_of_revision(session, data.id, number)
        _check_mode(site, number, files)
        entries = [FileEntry(file.path, file.segment, file.content, file.masked, file.position) for file in files]
        return Work(data, site.catalog.model(data.model, data.tenant.name), entries, restored=revision)

    def record(item: Work) -> None:
        fields = {"revision": [item.before.revision, number]}
        record_change(session, by, "restore", "device", mac, tenant_id=item.device.tenant.id, fields=fields)

    results = provision_batch(session, site, [device.id], durable=True, prepare=prepare, finish=record)
    if not results:
        raise NotFound("There is no such device.")
    return results[0]


def _check_mode(site: Site, number: int, files: list[KeptFile]) -> None:
    is_external = site.settings.mode is ProvisioningMode.EXTERNAL
    if any(bool(file.segment) != is_external for file in files):
        raise InvalidValue(
            f"Revision {number} was made for the other provisioning mode, so phones would not find its files. "
            "Provision the device instead."
        )
