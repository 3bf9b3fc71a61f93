"""Saving Provisioning Settings (path (a) of the design)."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.errors import Conflict
from webprov.rights import Actor
from webprov.settingsinput import parse_settings
from webprov.store.database import bump, writing
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings, load_settings, store_settings


def save_settings(
    session: Session,
    flat: Mapping[str, str],
    by: Actor,
    *,
    clear: Collection[str] = (),
    version: int | None = None,
) -> ProvisioningSettings:
    """Check and store the typed fields, all or nothing; what is not in `flat` stays as it is.

    Raises InvalidInput by field, and Conflict when `version` (what the person saw) is not the present one (DB-04).
    """
    with writing(session):
        before = load_settings(session)
        if version is not None and version != before.version:
            raise Conflict("Somebody else saved the settings since you opened this page. Load it again and compare.")
        settings = parse_settings(flat, before, clear=clear)
        fields = changed_fields(before, settings)
        if not fields:
            return before
        settings = store_settings(session, settings, by.name)
        bump(session, "settings")
        record_change(session, by, "change", "settings", "Provisioning settings", fields=fields)
    return settings


def changed_fields(before: ProvisioningSettings, after: ProvisioningSettings) -> dict[str, Any]:
    """The fields that differ, as [old, new]; of secrets only that they changed."""
    old, new = asdict(before), asdict(after)
    return {
        name: CHANGED if name in SECRET_FIELDS else [old[name], new[name]]
        for name in old
        if name != "version" and old[name] != new[name]
    }
