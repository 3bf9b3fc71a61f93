"""Devices from a CSV file: all or nothing, with every refusal by row and column (contract "CSV", security DB-02).

New devices go in as Core rows in bulk (performance P7a); known ones, where a cell differs from what is stored, by
`changes.devices`, so that each change is recorded field by field. The import itself is one more record with its
counts. Nothing is provisioned.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from webprov.audit import record_change
from webprov.changes.bulk import NewDevice, NewDevices, add_prepared
from webprov.changes.bulkchanges import BulkChanges
from webprov.changes.devices import apply_input, check_model, check_tenant
from webprov.changes.differing import differing
from webprov.checks import check_variable_name
from webprov.csvtable import Problems, read_csv
from webprov.deviceexport import BASE_COLUMNS, SECRET_COLUMNS
from webprov.deviceinput import KEY_FIELDS, LINE_FIELDS, DeviceInput, known_column, parse_device
from webprov.enums import FileState
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.fleet import file_state, state_counts
from webprov.importwatch import READING, STORING, UNWATCHED, ImportWatch
from webprov.mac import format_mac
from webprov.provisioning import withdraw_files
from webprov.pushing import push_removals
from webprov.rights import Actor
from webprov.site import Site
from webprov.store.database import reading, writing
from webprov.store.devicedata import BATCH, DeviceData, TenantData, batches, read_devices, read_tenants
from webprov.store.models import Device, Tenant

_MOST_PARTS = 10_000
"""Lines, keys and variables that are held at once: a file may have thousands of columns."""
_WAITING = (FileState.STALE, FileState.FAILED)
_USUAL = (
    *BASE_COLUMNS,
    *SECRET_COLUMNS,
    *(f"line1_{name}" for name in LINE_FIELDS),
    *(f"key1_{n}" for n in KEY_FIELDS),
)


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or would do: devices `added`, `changed`, `unchanged`; `waiting` are all devices of the
    importer whose files are not those of the present data: what `provision --stale` takes up."""

    added: int
    changed: int
    unchanged: int
    waiting: int


def import_devices(
    session: Session,
    site: Site,
    data: bytes | str,
    by: Actor,
    *,
    dry_run: bool = False,
    watch: ImportWatch = UNWATCHED,
) -> ImportResult:
    """Add the devices of a CSV file and change those whose MAC is known, in one transaction.

    Raises CsvRefused with every problem by row and column, and then nothing has changed; nor has it in a `dry_run`.
    All that takes long is done before that transaction begins, so that nobody waits for it; Conflict where somebody
    changed one of the devices meanwhile.
    """
    with reading(session):
        plan = _Plan(session, site, by, keep=not dry_run)
        plan.read(data, watch)
        if dry_run:
            waiting = _waiting(session, site, by) + plan.more_waiting
            watch.begin(session, plan.state)
    if dry_run:
        return plan.result(waiting)
    try:
        with writing(session):
            watch.begin(session, plan.state)
            _refuse_moved(session, plan)
            _store(session, site, plan, by)
            result = plan.result(_waiting(session, site, by))
            watch.end(session, asdict(result))
            _withdraw_disabled(session, site, plan.switched_off)
    except IntegrityError as e:  # another process was quicker; the constraint decides
        raise Conflict("Somebody else added one of these devices at the same moment. Import the file again.") from e
    push_removals(session, site)
    return result


def check_device_header(data: bytes | str) -> None:
    """Raise CsvRefused where the file is none, or its first row names other columns: what can be told at once."""
    next(read_csv(data, is_device_column, ("mac",), Problems(), _USUAL), None)


def is_device_column(name: str) -> bool:
    """Whether the device CSV may have a column of this name (contract)."""
    if name.startswith("var_"):
        return _is_variable(name.removeprefix("var_"))
    _, found, variable = name.partition("_var_")
    return known_column(name) and not name.endswith("_was") and (not found or _is_variable(variable))


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the file, checked on its own."""

    number: int
    given: DeviceInput


_Change = tuple[DeviceInput, DeviceData, TenantData]
"""What differs, the device as it is stored, and the tenant that it then belongs to."""


class _Plan:
    """What an import will do, found out by reading alone; it holds no more of the file than that."""

    def __init__(self, session: Session, site: Site, by: Actor, *, keep: bool) -> None:
        """`keep` what is to be stored, not only its count."""
        dialect = session.connection().dialect
        self.added = self.changed = 0
        self.new: list[NewDevice] = []
        self.changes = BulkChanges(dialect, by)
        self.other_changes: list[DeviceInput] = []
        self.versions: dict[str, int] = {}
        """Of all devices of the file that are there already, as they were compared with it."""
        self.switched_off: list[str] = []
        self.tenants = read_tenants(session)
        self.more_waiting = 0
        self._session, self._site, self._by, self._keeps = session, site, by, keep
        self._rows = NewDevices(dialect)
        self._by_name = {tenant.name: tenant for tenant in self.tenants.values()}
        self._file_state = file_state(session, site)
        self._problems = Problems()
        self._seen = hashlib.sha256()

    @property
    def state(self) -> str:
        """Names what the file was compared with: the same again where nothing has changed since."""
        return self._seen.hexdigest()

    def read(self, data: bytes | str, watch: ImportWatch) -> None:
        """Take in the whole file; raises CsvRefused."""
        rows: list[_Row] = []
        parts = 0
        for row in _parsed(data, self._problems):
            rows.append(row)
            parts += len(row.given.lines) + len(row.given.keys) + len(row.given.variables)
            if len(rows) >= BATCH or parts > _MOST_PARTS:
                self._take(rows)
                watch.tell(READING, row.number)
                rows.clear()
                parts = 0
        self._take(rows)
        self._problems.refuse()
        watch.tell(STORING, 0)

    def result(self, waiting: int) -> ImportResult:
        """The counts."""
        return ImportResult(self.added, self.changed, len(self.versions) - self.changed, waiting)

    def _take(self, rows: Sequence[_Row]) -> None:
        stored = self._stored([row.given.mac for row in rows])
        changed = []
        for row in rows:
            present = stored.get(row.given.mac)
            self._seen.update(f"{row.given.mac} {present.version if present else ''}\n".encode())
            tenant = self._tenant(row, present)
            if tenant is None or self._problems.count:
                continue  # nothing of it will be needed
            if present is None:
                self._add(row.given, tenant)
                continue
            self.versions[present.mac] = present.version
            if left := differing(row.given, present):
                changed.append((left, present, tenant))
            if row.given.values.get("enabled") is False:
                self.switched_off.append(present.mac)
        self._change(changed)

    def _add(self, given: DeviceInput, tenant: TenantData) -> None:
        self.added += 1
        self.more_waiting += given.values.get("enabled") is not False
        if self._keeps:
            self.new.append(self._rows.prepare(given, tenant.id))

    def _change(self, changed: Sequence[_Change]) -> None:
        self.changed += len(changed)
        if not self._keeps:
            self._count_waiting(changed)
            return
        for given, stored, tenant in changed:
            if not self.changes.add(given, stored, tenant):
                self.other_changes.append(given)

    def _stored(self, macs: Sequence[str]) -> dict[str, DeviceData]:
        return {device.mac: device for device in read_devices(self._session, Device.mac.in_(macs))} if macs else {}

    def _tenant(self, row: _Row, present: DeviceData | None) -> TenantData | None:
        """Where the device belongs. What does not exist for the person goes to the problems."""
        given, by = row.given, self._by
        name = str(given.values.get("tenant", ""))
        home = present.tenant.id if present else by.tenant_id
        tenant = self._by_name.get(name) if name else self.tenants.get(home or 0)
        try:
            if present and not by.sees(present.tenant.id):
                raise InvalidInput({"mac": f"{format_mac(given.mac)} is already in use."})
            check_tenant(name, tenant, present.tenant.id if present else None, by)
            check_model(self._site, given, present.model if present else "", tenant.name if tenant else "")
        except InvalidInput as e:
            _note(self._problems, row.number, e)
        return tenant

    def _count_waiting(self, changed: Sequence[_Change]) -> None:
        """How many more devices wait for new files once these are changed."""
        states = {}
        if changed:
            chosen = Device.mac.in_([stored.mac for _, stored, _ in changed])
            query = select(Device.mac, self._file_state).select_from(Device).join(Tenant).where(chosen)
            states = {row[0]: row[1] for row in self._session.execute(query)}
        for given, stored, tenant in changed:
            model = str(given.values.get("model", stored.model))
            is_enabled = bool(given.values.get("enabled", stored.enabled))
            will_wait = is_enabled and self._site.catalog.model(model, tenant.name) is not None
            self.more_waiting += will_wait - (states.get(stored.mac) in _WAITING)


def _parsed(data: bytes | str, problems: Problems) -> Iterator[_Row]:
    first: dict[str, int] = {}
    for number, cells in read_csv(data, is_device_column, ("mac",), problems, _USUAL):
        if not cells.get("enabled", "on").strip():
            cells["enabled"] = "on"  # cleared means the default, not off
        try:
            given = parse_device(cells)
        except InvalidInput as e:
            _note(problems, number, e)
            continue
        if given.mac in first:
            problems.add(number, "mac", f"{format_mac(given.mac)} stands in row {first[given.mac]} already.")
        first.setdefault(given.mac, number)
        yield _Row(number, given)


def _is_variable(name: str) -> bool:
    try:
        return check_variable_name(name) == name
    except InvalidValue:
        return False


def _note(problems: Problems, row: int, refused: InvalidInput) -> None:
    for column, sentence in refused.errors.items():
        problems.add(row, column, sentence)


def _refuse_moved(session: Session, plan: _Plan) -> None:
    """Raise Conflict where a device of the file, or what its tenants are called, is not as the plan found it."""
    names = {number: tenant.name for number, tenant in plan.tenants.items()}
    tenants = {row.id: row.name for row in session.execute(select(Tenant.id, Tenant.name))}
    found: dict[str, int] = {}
    for macs in batches(list(plan.versions)):
        rows = session.execute(select(Device.mac, Device.version).where(Device.mac.in_(macs)))
        found |= {row.mac: row.version for row in rows}
    if found != plan.versions or tenants != names:
        raise Conflict("Somebody else changed devices of this file while it was checked. Import it again.")


def _store(session: Session, site: Site, plan: _Plan, by: Actor) -> None:
    plan.changes.store(session)
    _change_known(session, site, plan.other_changes, by)
    add_prepared(session, plan.new)
    if plan.added or plan.changed:
        fields = {"added": [0, plan.added], "changed": [0, plan.changed]}
        record_change(session, by, "import", "devices", "CSV file", tenant_id=by.tenant_id, fields=fields)
        session.flush()


def _change_known(session: Session, site: Site, changes: Sequence[DeviceInput], by: Actor) -> None:
    for given in batches(changes):
        wanted = {one.mac: one for one in given}
        query = select(Device).where(Device.mac.in_(wanted))
        query = query.options(*(selectinload(part) for part in (Device.tenant, Device.lines, Device.keys)))
        for device in session.scalars(query).all():
            apply_input(session, site, device, wanted[device.mac], by)


def _withdraw_disabled(session: Session, site: Site, macs: Sequence[str]) -> None:
    """Phones that the file switches off get nothing from now on (FS-06). Last: no roll-back brings files back."""
    for some in batches(macs):
        withdraw_files(session, site, list(session.scalars(select(Device.id).where(Device.mac.in_(some)))))


def _waiting(session: Session, site: Site, by: Actor) -> int:
    where = () if by.tenant_id is None else (Device.tenant_id == by.tenant_id,)
    counts = state_counts(session, site, *where)
    return sum(counts[state] for state in _WAITING)
