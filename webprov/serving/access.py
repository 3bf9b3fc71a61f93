"""Which of the files that provisioning made an asker may have (spec 8, security PH-03, PH-08, PH-11, PH-12)."""

from webprov.serving.askers import Asker, Proven, Reason
from webprov.serving.index import FileIndex, ServedDevice, ServedFile

_CONTACTS = "CONTACTS/"


class Access:
    """The rules, over the devices that `index` knows."""

    def __init__(self, index: FileIndex) -> None:
        self._index = index

    def judge(self, record: ServedFile, asker: Asker, *, own_credentials: bool) -> Reason:
        """DELIVERED, or why `asker` gets nothing. `own_credentials`: the setting of that name."""
        device = record.device
        if device is not None and not device.enabled:
            return Reason.UNKNOWN_NAME
        tenant = "" if device else tenant_of_contacts(record)
        networks = device.networks if device else self._index.networks(tenant)
        if networks and not asker.source.within(networks):
            return Reason.TENANT_NETWORK
        if asker.identity.proven is Proven.DEVICE:
            return self._judge_device(record, self._index.device_with_id(asker.identity.device_id))
        if not own_credentials:
            return Reason.DELIVERED
        if (device and device.own_only) or (tenant and not self._index.shares_contacts(tenant)):
            return Reason.OWN_NEEDED
        return Reason.DELIVERED

    def judge_upload(self, device: ServedDevice, asker: Asker, *, own_credentials: bool) -> Reason:
        """DELIVERED where `asker` may be `device`, as far as it has to prove that."""
        if device.networks and not asker.source.within(device.networks):
            return Reason.TENANT_NETWORK
        if asker.identity.proven is Proven.DEVICE:
            return Reason.DELIVERED if asker.identity.device_id == device.id else Reason.NOT_OWN
        return Reason.OWN_NEEDED if own_credentials and device.own_only else Reason.DELIVERED

    def _judge_device(self, record: ServedFile, me: ServedDevice | None) -> Reason:
        if me is None or not me.enabled:
            return Reason.NOT_OWN
        if record.device is not None:
            mine = record.device.id == me.id
        else:
            tenant = tenant_of_contacts(record)
            mine = tenant == me.tenant if tenant else me.needs(record.key)
        return Reason.DELIVERED if mine else Reason.NOT_OWN


def tenant_of_contacts(record: ServedFile) -> str:
    """The tenant whose contact directory this is; "" for any other file."""
    return record.owner[len(_CONTACTS) :] if record.owner.startswith(_CONTACTS) else ""
