"""What may be asked of a phone beside network and credentials before it gets its own files: that its provisioning
window is open (security PH-06), that it does not call itself another phone (PH-13). Both are settings, the first of
each device too, and off they cost nothing.
"""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webprov.enums import ProvisioningWindow, UserAgentCheck
from webprov.phones.catalog import Catalog
from webprov.phones.catalogcache import CatalogCache
from webprov.phones.discovery import Discovery
from webprov.rendering.library import TemplateLibrary
from webprov.serving.askers import Asker, Reason
from webprov.serving.index import FileIndex, ServedDevice, ServedFile
from webprov.store.instance import Instance
from webprov.store.settings import ProvisioningSettings
from webprov.store.windowrecords import DeviceWindow, window_of

_NO_DEVICE = ServedDevice(0, "", "", (), False, False, "", 0, "", "", "")


class Safeguards:
    """Judges requests for files of one device; the models are read when first needed."""

    def __init__(self, instance: Instance, index: FileIndex) -> None:
        self._instance = instance
        self._index = index
        self._catalogs: CatalogCache | None = None
        self._catalog: Catalog | None = None
        self._discoveries: dict[str, Discovery] = {}

    def judge(self, record: ServedFile | None, asker: Asker, settings: ProvisioningSettings) -> Reason:
        """DELIVERED, or why `asker` does not get this file for now. A name that nobody has (None) is judged like a
        device's, so that it takes as long (PH-03); shared files are for all."""
        if record is None:
            self.judge_device(_NO_DEVICE, asker, settings)
        elif record.device is not None:
            return self.judge_device(record.device, asker, settings)
        return Reason.DELIVERED

    def judge_device(self, device: ServedDevice, asker: Asker, settings: ProvisioningSettings) -> Reason:
        """DELIVERED, or why `asker`, who may have the files of `device`, gets none for now."""
        if settings.user_agent_check is UserAgentCheck.REFUSE and self._is_another(device, asker.user_agent):
            return Reason.OTHER_PHONE
        system, closing = settings.provisioning_window, ProvisioningWindow.FIRST_FETCH
        if system is not closing and device.window != closing and not self._index.closes_windows:
            return Reason.DELIVERED
        is_open = self._is_open(device.id)  # of all where any closes, so that none is told by its time (PH-03)
        closes = window_of(device.window, system) is closing
        return Reason.WINDOW_CLOSED if closes and not is_open else Reason.DELIVERED

    def _is_open(self, device_id: int) -> bool:
        """Asked of the database each time, so that a window opens and closes at once for every listener; while that
        cannot be asked, windows are closed: phones keep what they have and come again."""
        query = select(DeviceWindow.closes_at).where(DeviceWindow.device_id == device_id)
        try:
            with self._instance.engine.connect() as connection:
                closes_at: datetime | None = connection.scalar(query)
        except SQLAlchemyError:
            return False
        return closes_at is None or datetime.now(UTC) < closes_at

    def _is_another(self, device: ServedDevice, agent: str) -> bool:
        if not agent:
            return False
        discovery, catalog = self._discovery(device.tenant)
        model = catalog.model(device.model, device.tenant)
        return discovery.is_another(agent, device.mac, model)

    def _discovery(self, tenant: str) -> tuple[Discovery, Catalog]:
        if self._catalogs is None:
            config = self._instance.config
            library = TemplateLibrary(config.templates_dir, config.user_provisioning_dir)
            self._catalogs = CatalogCache(config.models_dir, config.user_provisioning_dir, library.exists)
        catalog = self._catalogs.current()
        if catalog is not self._catalog:
            self._catalog, self._discoveries = catalog, {}
        discoveries = self._discoveries
        if tenant not in discoveries:
            discoveries[tenant] = Discovery(catalog.models(tenant))
        return discoveries[tenant], catalog
