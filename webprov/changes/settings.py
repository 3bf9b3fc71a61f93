"""Saving Provisioning Settings (path (a) of the design)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.delivery.script import ScriptRun, ScriptTransport
from webprov.delivery.transport import build_transport
from webprov.errors import Conflict, InvalidInput, NotFound, TransportError
from webprov.mac import parse_mac
from webprov.rights import Actor
from webprov.scriptruns import try_script
from webprov.settingsinput import TRANSPORT_FIELDS, parse_settings, parse_transport
from webprov.site import Site
from webprov.store.counters import RETRY_NOW
from webprov.store.database import bump, writing
from webprov.store.devicedata import read_device
from webprov.store.models import Device, PushRecord
from webprov.store.rotation import keep_previous
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings, load_settings, store_settings
from webprov.store.windowrecords import open_windows


@dataclass(frozen=True)
class SavedSettings:
    """What is stored now, whether that is new, and what the file transport warned of."""

    settings: ProvisioningSettings
    changed: bool
    warnings: tuple[str, ...] = ()
    has_moved: bool = False
    """Whether pushed files now lie elsewhere than where they have to be."""


def save_settings(
    session: Session,
    flat: Mapping[str, str],
    by: Actor,
    *,
    clear: Collection[str] = (),
    version: int | None = None,
    script_dirs: Sequence[Path] = (),
) -> SavedSettings:
    """Check and store the typed fields, all or nothing; what is not in `flat` stays as it is.

    A file transport that is new or changed is tried first, without holding the database (at most 10 s); what it cannot
    do is an error like any other. Raises InvalidInput by field, and Conflict when somebody else saved meanwhile: since
    `version` (what the person saw), or while the transport was tried (DB-04).
    """
    session.commit()
    before = load_settings(session)
    _check_version(before.version if version is None else version, before)
    settings = parse_settings(flat, before, clear=clear)
    fields = changed_fields(before, settings)
    session.commit()
    if not fields:
        return SavedSettings(before, changed=False)
    warnings = _try_transport(settings, script_dirs) if fields.keys() & {"mode", *TRANSPORT_FIELDS} else ()
    with writing(session):
        _check_version(before.version, load_settings(session))
        settings = store_settings(session, settings, by.name)
        keep_previous(session, before, settings)
        if settings.place != before.place:
            session.execute(delete(PushRecord))  # what lies there stays, and is no longer ours to know
            bump(session, RETRY_NOW)
        if settings.script_place != before.script_place:
            unknown = {"script_exit": None, "script_output": "", "script_at": None}
            session.execute(update(Device).values(unknown))
        if settings.provisioning_window != before.provisioning_window:
            open_windows(session)
        bump(session, "settings")
        record_change(session, by, "change", "settings", "Provisioning settings", fields=fields)
    return SavedSettings(settings, changed=True, warnings=warnings, has_moved=settings.place != before.place)


def probe_settings(
    session: Session, flat: Mapping[str, str], *, clear: Collection[str] = (), script_dirs: Sequence[Path] = ()
) -> tuple[str, ...]:
    """Try the file transport that `flat` describes, with the stored keys where none are typed, and store nothing.

    The warnings; raises InvalidInput by field.
    """
    settings = parse_transport(flat, load_settings(session), clear=clear)
    session.commit()
    return _try_transport(settings, script_dirs)


def try_script_for(session: Session, site: Site, mac: str, flat: Mapping[str, str], by: Actor) -> ScriptRun:
    """Run the script that `flat` names for one device with the files it has now; nothing but the run is recorded.

    Raises InvalidInput by field, InvalidValue and NotFound for the device.
    """
    settings = parse_transport(flat, load_settings(session))
    device = read_device(session, parse_mac(mac))
    if device is None:
        raise NotFound(f"There is no device {mac}. Choose one that is entered.")
    transport = ScriptTransport(settings.script_path, site.config.script_dirs)
    try:
        transport.probe()
    except TransportError as e:
        raise InvalidInput({e.field: str(e)}) from e
    with writing(session):
        fields = {"script_path": ["", settings.script_path]}
        record_change(session, by, "test script", "device", device.mac, tenant_id=device.tenant.id, fields=fields)
    return try_script(session, site, transport, device)


def _try_transport(settings: ProvisioningSettings, script_dirs: Sequence[Path]) -> tuple[str, ...]:
    transport = build_transport(settings, script_dirs)
    if transport is None:
        return ()
    try:
        return tuple(transport.probe())
    except TransportError as e:
        raise InvalidInput({e.field or "transport": str(e)}) from e
    finally:
        transport.close()


def _check_version(expected: int, found: ProvisioningSettings) -> None:
    if found.version != expected:
        raise Conflict("Somebody else saved the settings since you opened this page. Load it again and compare.")


def changed_fields(before: ProvisioningSettings, after: ProvisioningSettings) -> dict[str, Any]:
    """The fields that differ, as [old, new]; of secrets only that they changed."""
    old, new = asdict(before), asdict(after)
    return {
        name: CHANGED if name in SECRET_FIELDS else [old[name], new[name]]
        for name in old
        if name != "version" and old[name] != new[name]
    }
