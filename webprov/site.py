"""Site: settings, variables, catalogue, templates and files of this moment; what a run over devices starts from."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.delivery.filestore import FileStore
from webprov.delivery.pushes import FileTransport
from webprov.delivery.transport import build_transport
from webprov.phones.catalog import Catalog, load_catalog
from webprov.phones.catalogcache import CatalogCache
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.systemdata import SystemData
from webprov.settingsinput import TRANSPORT_FIELDS
from webprov.store.contactrecords import directory_files
from webprov.store.database import counts_of
from webprov.store.devicedata import read_global_variables
from webprov.store.models import SettingsRecord
from webprov.store.settings import ProvisioningSettings, load_settings

_COUNTED = ("variables", "directories", "models", "templates")


@dataclass(frozen=True)
class Site:
    """One consistent view. A run loads it once and asks for the `current` one at each batch."""

    config: Config
    settings: ProvisioningSettings
    system: SystemData
    variables_version: int
    catalog: Catalog
    library: TemplateLibrary
    files: FileStore
    loader: "SiteLoader"
    directories_version: int = 0
    edits: tuple[int, ...] = ()  # how often pages have changed models and templates
    _versions: dict[tuple[str, str], str] = field(default_factory=dict)

    def current(self, session: Session) -> "Site":
        """This site, or a fresh one where settings or global variables have been saved since, or a contact directory
        appeared or went, or a page changed models or templates."""
        saved = session.scalar(select(SettingsRecord.version)), *counts_of(session, *_COUNTED)
        if saved == (self.settings.version, self.variables_version, self.directories_version, *self.edits):
            return self
        return self.loader.load(session)

    @property
    def transport(self) -> FileTransport | None:
        """How files reach the external DMS; None in Local mode and where no method is chosen."""
        return self.loader.transport(self.settings)

    def drafted(
        self, models: Mapping[Path, str] | None = None, template: tuple[Path, bytes | None] | None = None
    ) -> "Site":
        """This site as it would be with other texts in files of models, or with another template (None = without)."""
        config, catalog = self.config, self.catalog
        library = self.library.with_draft(*template) if template else self.library
        if models or any(library.exists(*asked) != answer for asked, answer in catalog.templates.items()):
            catalog = load_catalog(config.models_dir, config.user_provisioning_dir, library.exists, models or {})
        return replace(self, catalog=catalog, library=library, _versions={})

    def shipped(self) -> "Site":
        """This site as if nobody had models or templates of their own."""
        catalog, library = self.loader.shipped()
        return replace(self, catalog=catalog, library=library, _versions={})

    def fresh(self) -> "Site":
        """This site with the models as they lie on disk now, not some seconds ago."""
        return replace(self, catalog=self.loader.look_again(), _versions={})

    def model_version(self, key: str, tenant: str) -> str:
        """Changes with the model as this tenant has it, and with every template it uses; "" = no such model."""
        found = self._versions.get((key, tenant))
        if found is None:
            model = self.catalog.model(key, tenant)
            found = self._version_of(model, tenant) if model else ""
            self._versions[key, tenant] = found
        return found

    def _version_of(self, model: PhoneModel, tenant: str) -> str:
        templates = self.library.fingerprint(template_names(model), tenant)
        return hashlib.sha256(f"{model.fingerprint} {templates}".encode()).hexdigest()[:16]


def template_names(model: PhoneModel) -> list[str]:
    """Every template that a model names itself, each once."""
    rules = (*model.files, *model.members, *model.directories)
    names = [name for rule in rules for name in (rule.template, rule.line_template, rule.key_template) if name]
    return list(dict.fromkeys(names + [rule.template for rule in model.shared]))


class SiteLoader:
    """Loads Sites for one process; catalogue and compiled templates are kept between them until files change."""

    def __init__(self, config: Config, *, recheck_seconds: float = 5) -> None:
        """`recheck_seconds`: how old the answer to "did a model file change?" may be."""
        self.config = config
        self._library = TemplateLibrary(config.templates_dir, config.user_provisioning_dir)
        self._catalogs = CatalogCache(
            config.models_dir, config.user_provisioning_dir, self._library.exists, recheck_seconds
        )
        self._files = FileStore(config.provisioning_dir)
        self._shipped: tuple[TemplateLibrary, CatalogCache] | None = None
        self._transport: FileTransport | None = None
        self._transport_key: tuple[object, ...] = ()
        self._edits: tuple[int, ...] = ()
        self._lock = threading.Lock()

    def shipped(self) -> tuple[Catalog, TemplateLibrary]:
        """The shipped models and templates alone; read when first asked for, and kept."""
        with self._lock:
            if self._shipped is None:
                nowhere = self.config.templates_dir / ".none"
                library = TemplateLibrary(self.config.templates_dir, nowhere)
                self._shipped = library, CatalogCache(self.config.models_dir, nowhere, library.exists)
            library, catalogs = self._shipped
        return catalogs.current(), library.snapshot()

    def look_again(self) -> Catalog:
        """The models as they lie on disk now; read only where something changed."""
        return self._catalogs.reload()

    def transport(self, settings: ProvisioningSettings) -> FileTransport | None:
        """The transport of these settings, kept with its connections until they change."""
        key = (settings.mode, *(getattr(settings, name) for name in TRANSPORT_FIELDS))
        with self._lock:
            if key != self._transport_key:
                self._transport = build_transport(settings, self.config.script_dirs)
                self._transport_key = key
            return self._transport

    def load(self, session: Session) -> Site:
        """What is saved and installed now; models that a page changed, in whatever process, count at once."""
        variables, directories, *edited = counts_of(session, *_COUNTED)  # first: what is read may only be newer
        settings, edits = load_settings(session), tuple(edited)
        catalog = self._catalogs.current() if edits == self._edits else self._catalogs.reload()
        self._edits = edits
        return Site(
            config=self.config,
            settings=settings,
            system=SystemData(settings, read_global_variables(session), directory_files(session)),
            variables_version=variables,
            catalog=catalog,
            library=self._library.snapshot(),
            files=self._files,
            loader=self,
            directories_version=directories,
            edits=edits,
        )
