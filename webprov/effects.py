"""What saving settings, variables, models or templates does to the fleet: who gets new files, and what differs.

`affected` counts without rendering anything: by the variables that change and the templates that use them, and by the
versions of models with their templates. `sample` and `compare` render both ways; secrets are placeholders in all of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import ColumnElement, and_, func, literal_column, select
from sqlalchemy.orm import Session

from webprov.errors import NotFound, WebprovError
from webprov.phones.phonemodel import PhoneModel
from webprov.previews import DiffRow, diff_rows, render_files
from webprov.rendering.context import Value
from webprov.rendering.masking import MASK
from webprov.rendering.names import BUILT_IN_NAMES, DEVICE_NAMES
from webprov.rendering.servers import server_layer, shared_server_layer
from webprov.rendering.systemdata import SystemData
from webprov.site import Site
from webprov.store.devicedata import BATCH, CustomValue, DeviceData, TenantData, read_devices
from webprov.store.models import Device, Tenant
from webprov.whatif import NEW_MASK, WhatIf

SAMPLES = 3
MOST_COMPARED = 2000

_ZONE_NAMES = frozenset(name for name in DEVICE_NAMES if name.startswith(("TZ", "TL_TIMEZONE", "DST_")))
_SERVER_FIELDS = ("registrar", "backup_registrar", "sip_proxy", "backup_sip_proxy", "ntp_server")


@dataclass(frozen=True, slots=True)
class Affected:
    """The enabled devices of one tenant and model, and how many of them get other files by what changes."""

    tenant: str
    model: str
    label: str
    devices: int
    new_files: int


@dataclass(frozen=True, slots=True)
class FileDifference:
    """How one file changes from the saved settings to the draft; `moved_to` is its new place on disk, if it moves."""

    path: str
    rows: tuple[DiffRow, ...]
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes for some devices, alike for all of them: `macs` and `labels` in step. An `error` says why they
    could not be rendered with the draft, or even as they are."""

    model: str
    files: tuple[FileDifference, ...]
    error: str = ""
    macs: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        """Whether these devices keep the files they have."""
        return not self.files and not self.error


def affected(session: Session, site: Site, what: WhatIf) -> list[Affected]:
    """Every tenant and model that has enabled devices, those with new files first."""
    counter = _Counter(site, what)
    tenant = [Tenant.id, Tenant.name, *(getattr(Tenant, name) for name in _SERVER_FIELDS)]
    # no parameter: PostgreSQL must see the same expression in GROUP BY
    empty: ColumnElement[str] = literal_column("''")
    follows = and_(Device.timezone == empty, Tenant.timezone == empty)
    query = select(Device.model, follows, func.count(), *tenant).join(Tenant).where(Device.enabled)
    found: dict[tuple[str, str], Affected] = {}
    for key, follows_zone, count, number, name, *servers in session.execute(
        query.group_by(Device.model, follows, *tenant)
    ):
        data = TenantData(number, name, **dict(zip(_SERVER_FIELDS, servers, strict=True)))
        model = site.catalog.model(key, name) or counter.after.catalog.model(key, name)
        new = count if model and counter.gets_new(data, model, follows_zone=bool(follows_zone)) else 0
        before = found.get((name, key), Affected(name, key, model.label if model else key, 0, 0))
        found[name, key] = Affected(name, key, before.label, before.devices + count, before.new_files + new)
    return sorted(found.values(), key=lambda each: (-each.new_files, each.tenant, each.label))


def sample(session: Session, site: Site, what: WhatIf, groups: Sequence[Affected]) -> list[Difference]:
    """What changes for one device of up to SAMPLES groups, different models first."""
    chosen = sorted((group for group in groups if group.new_files), key=lambda group: -group.devices)
    models: dict[str, Affected] = {}
    for group in chosen:
        models.setdefault(group.model, group)
    picked = [*models.values(), *(group for group in chosen if group not in models.values())][:SAMPLES]
    differences = []
    for group in picked:
        where = (Tenant.name == group.tenant, Device.model == group.model, Device.enabled)
        ids = session.scalars(select(Device.id).join(Tenant).where(*where).order_by(Device.id).limit(1)).all()
        differences += [_difference(site, what, device) for device in read_devices(session, Device.id.in_(ids))]
    return [difference for difference in differences if not difference.is_none]


def compare(session: Session, site: Site, what: WhatIf) -> tuple[list[Difference], int]:
    """The first MOST_COMPARED enabled devices grouped by what changes for them, the largest group first, and how many
    were compared. Devices that keep their files are in one group without files."""
    found: dict[object, Difference] = {}
    compared = 0
    for device in islice(_devices(session), MOST_COMPARED):
        difference = _difference(site, what, device)
        group = found.setdefault(_likeness(difference, device), difference)
        if group is not difference:
            group.macs.append(device.mac)
            group.labels.append(device.label or device.mac)
        compared += 1
    return sorted(found.values(), key=lambda group: (group.is_none, -len(group.macs))), compared


class _Counter:
    """Remembers per model and servers of a tenant which variables change, and per model what its templates use."""

    def __init__(self, site: Site, what: WhatIf) -> None:
        self._site, self._what = site, what
        self.after = what.after or site
        custom = _differing((what.saved.variables, what.draft.variables))
        self._custom = custom - BUILT_IN_NAMES
        self._zone_changes = what.saved.settings.timezone != what.draft.settings.timezone
        self._changed: dict[object, set[str]] = {}
        self._used: dict[tuple[str, str, bool], frozenset[str]] = {}

    def gets_new(self, tenant: TenantData, model: PhoneModel, *, follows_zone: bool) -> bool:
        """Whether a device of this tenant and model, in the system's zone or not, uses a variable that changes."""
        if self.after.model_version(model.key, tenant.name) != self._site.model_version(model.key, tenant.name):
            return True
        key = (model.key, model.scope, *(getattr(tenant, name) for name in _SERVER_FIELDS))
        if key not in self._changed:
            self._changed[key] = self._changes(tenant, model)
        changed = self._changed[key] | (_ZONE_NAMES if self._zone_changes and follows_zone else frozenset())
        if "PROV_MODEL_SEGMENT" in changed or changed & self._uses(model, tenant.name, shared=False):
            return True
        shared = _differing(shared_server_layer(system.settings, model).values for system in self._systems)
        shared |= self._custom
        return bool(model.shared and shared & self._uses(model, tenant.name, shared=True))

    @property
    def _systems(self) -> tuple[SystemData, SystemData]:
        return self._what.saved, self._what.draft

    def _changes(self, tenant: TenantData, model: PhoneModel) -> set[str]:
        contacts = self._what.saved.contacts.get(tenant.name, frozenset())
        layers = (server_layer(system.settings, tenant, model, ("", ""), contacts) for system in self._systems)
        return _differing(layer.values for layer in layers) | self._custom

    def _uses(self, model: PhoneModel, tenant: str, *, shared: bool) -> frozenset[str]:
        own = (self._site.config.user_provisioning_dir / tenant).is_dir()
        key = (model.fingerprint, tenant if own else "", shared)
        if key not in self._used:
            self._used[key] = frozenset(_names(self._site, model, key[1], shared=shared))
        return self._used[key]


def _differing(both: Iterable[Mapping[str, Value | CustomValue]]) -> set[str]:
    before, after = both
    return {name for name in (*before, *after) if before.get(name) != after.get(name)}


def _names(site: Site, model: PhoneModel, tenant: str, *, shared: bool) -> Iterator[str]:
    """Every variable that the model's templates use; none of a template that cannot be used."""
    rules = (
        [(rule.template,) for rule in model.shared]
        if shared
        else [(rule.template, rule.line_template, rule.key_template) for rule in (*model.files, *model.members)]
    )
    for name in {name for names in rules for name in names if name}:
        try:
            yield from site.library.closure(name, "" if shared else tenant).names
        except WebprovError:
            continue


def _devices(session: Session) -> Iterator[DeviceData]:
    ids = session.scalars(select(Device.id).where(Device.enabled).order_by(Device.id).limit(MOST_COMPARED)).all()
    for start in range(0, len(ids), BATCH):
        yield from read_devices(session, Device.id.in_(ids[start : start + BATCH]))


def _difference(site: Site, what: WhatIf, device: DeviceData) -> Difference:
    macs, labels = [device.mac], [device.label or device.mac]
    model = (what.after or site).catalog.model(device.model, device.tenant.name)
    label = model.label if model else device.model
    hidden = what.hide(device)
    try:
        before = _before(site, hidden, what)
        after = _texts(what.after or site, hidden, what.draft)
    except WebprovError as e:
        return Difference(label, (), str(e), macs, labels)
    return Difference(label, tuple(_file_differences(before, after)), "", macs, labels)


def _before(site: Site, device: DeviceData, what: WhatIf) -> dict[str, tuple[str, str]]:
    """The files as they are; none where they cannot be rendered and another model or template may heal that."""
    try:
        return _texts(site, device, what.saved)
    except WebprovError:
        if what.after is None:
            raise
        return {}


def _texts(site: Site, device: DeviceData, system: SystemData) -> dict[str, tuple[str, str]]:
    """Each file's segment and text by its path; raises WebprovError."""
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        raise NotFound(f"The model “{device.model}” is missing; devices that have files keep them.")
    files, segment, _ = render_files(site, device, model, system)
    return {file.path: (segment, file.text) for file in files}


def _file_differences(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> Iterator[FileDifference]:
    for path in dict.fromkeys((*before, *after)):
        (old_place, old), (place, new) = before.get(path, ("", "")), after.get(path, ("", ""))
        rows = tuple(_shown(row) for row in diff_rows(old, new))
        moved = f"{place}/{path}" if place else path
        if rows or old_place != place:
            yield FileDifference(path, rows, moved if old_place != place else "")


def _shown(row: DiffRow) -> DiffRow:
    return DiffRow(row.kind, row.old, row.new, row.text.replace(NEW_MASK, MASK))


def _likeness(difference: Difference, device: DeviceData) -> object:
    """Equal for devices whose files change alike, whatever their MAC."""

    def general(text: str) -> str:
        return text.replace(device.mac, "${MAC}").replace(device.mac.lower(), "${mac}")

    files = tuple(
        (
            general(file.path),
            tuple((row.kind, general(row.text)) for row in file.rows if row.kind in ("added", "removed")),
        )
        for file in difference.files
    )
    return difference.model if files else "", files, difference.error
