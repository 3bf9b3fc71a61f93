"""Changing phone models from the pages: one section of a file below `user_provisioning/`, checked as a whole first."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.changes.tenants import find_tenant
from webprov.checks import looks_secret
from webprov.delivery.filestore import FileStore
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.phones.catalog import Catalog
from webprov.phones.inifile import MAX_FILE_BYTES, split_lines
from webprov.phones.inisections import drop_section, find_section, put_section
from webprov.phones.phonemodel import Refusal
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.database import bump, writing

NEW_FILE = "models.d/webprov.ini"
"""Where sections go that no file of their scope has yet; files that people wrote by hand are left alone."""

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a section cannot be saved: the line of its body (from 1; 0 = none in particular) and the key stated there."""

    line: int
    key: str
    sentence: str


@dataclass(frozen=True)
class ModelDraft:
    """A section as it would be saved: `body` is what is below its header, None = without it; `path` the file it goes
    into. `site` has the catalogue that this makes, from which `faults` come; `seen` names what is on disk now."""

    key: str
    tenant: str
    path: Path
    body: str | None
    text: str
    seen: str
    site: Site
    before: Catalog
    faults: tuple[Fault, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)


def section_body(site: Site, key: str, tenant: str) -> str | None:
    """What the scope's own section says, as it stands in its file; None where there is none. Raises InvalidValue."""
    found = find_section(_read(_path(site, site.fresh().catalog, key, tenant)).removeprefix(_BOM), key)
    return found.body if found else None


def seen_of(body: str | None) -> str:
    """Names the state of a section that a page shows, to tell later whether somebody else changed it (DB-04)."""
    return "" if body is None else hashlib.sha256(body.encode()).hexdigest()[:16]


def draft_model(site: Site, key: str, tenant: str, body: str | None) -> ModelDraft:
    """What saving this body for model or family `key` would do; nothing is written.

    Raises InvalidValue for a key that no section can have, and for files that cannot be changed.
    """
    check_key(key)
    body = None if body is None else "\n".join(line.rstrip() for line in split_lines(body)).strip("\n")
    now = site.fresh()
    path = _path(site, now.catalog, key, tenant)
    text = _read(path)
    plain = text.removeprefix(_BOM)
    found = find_section(plain, key)
    new = drop_section(plain, key) if body is None else put_section(plain, key, body)
    new = _BOM * text.startswith(_BOM) + new
    after = site.drafted(models={path: new})
    faults = _own_faults(body) or _faults(now, after, key, path, body)
    seen = seen_of(found.body if found else None)
    changes = _changes(now.catalog, after.catalog, key, tenant)
    return ModelDraft(key, tenant, path, body, new, seen, after, now.catalog, tuple(faults), changes)


def save_model(
    session: Session, site: Site, key: str, tenant: str, body: str | None, by: Actor, *, seen: str | None = None
) -> ModelDraft:
    """Write the section (None: take it out, so that the wider scope counts again), or nothing at all.

    Raises InvalidInput (`body`) where the catalogue would refuse something that it takes now, and Conflict where the
    section is no longer what the person saw (`seen`).
    """
    by.check(Right.EDIT_MODELS)
    tenant_id = find_tenant(session, tenant, by).id if tenant else None
    with writing(session):
        bump(session, "models")  # those who come second wait here, and then see what the first has written
        draft = draft_model(site, key, tenant, body)
        if seen is not None and draft.seen != seen:
            raise Conflict("Somebody else changed this section since you opened it. Compare, then save again.")
        if draft.faults:
            raise InvalidInput({"body": " ".join(fault.sentence for fault in draft.faults)})
        if not draft.changes and _read(draft.path) == draft.text:
            return draft
        action = "delete" if body is None else "change" if draft.seen else "create"
        record_change(session, by, action, "model", key, tenant_id=tenant_id, fields=_recorded(draft))
        _write(site, draft)
    site.loader.look_again()
    return draft


def check_key(key: str) -> str:
    """The name of a section; raises InvalidValue."""
    if not key or key != key.strip() or not key.isprintable() or re.search(r"[\[\]]", key) or len(key) > 100:
        raise InvalidValue("Use 1 to 100 printable characters without [ and ], like acme-door, and no blank at an end.")
    return key


def _path(site: Site, catalog: Catalog, key: str, tenant: str) -> Path:
    """The file that has the section already, or the one for new sections."""
    user = site.config.user_provisioning_dir
    section = catalog.section(key, tenant)
    path = user.parent / section.file if section else user / tenant / NEW_FILE
    if path.is_symlink():
        raise InvalidValue(f"{path} is a symbolic link. Change the file that it leads to by hand.")
    return path


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not UTF-8"
        raise InvalidValue(f"{path} cannot be changed ({reason}). Correct it by hand first.") from e


def _write(site: Site, draft: ModelDraft) -> None:
    files = FileStore(site.config.user_provisioning_dir)
    name = draft.path.relative_to(files.root).as_posix()
    if draft.text.strip():
        files.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        files.write({name: draft.text.encode()})
    else:
        files.remove([name])


def _own_faults(body: str | None) -> list[Fault]:
    """What would end the section, or the file."""
    if body and len(body.encode()) > MAX_FILE_BYTES // 4:
        return [Fault(0, "", "The section is larger than 1 MiB. Shorten it.")]
    lines = body.split("\n") if body else []
    sentence = "A line that begins with [ would begin another section. Remove it."
    return [Fault(number, "", sentence) for number, line in enumerate(lines, start=1) if line.startswith("[")]


def _faults(now: Site, after: Site, key: str, path: Path, body: str | None) -> list[Fault]:
    """What the new catalogue refuses: in this section, and of others what is taken now."""
    shown = path.relative_to(path.parents[len(path.relative_to(now.config.user_provisioning_dir).parts)]).as_posix()
    section = after.catalog.section_at(shown, key)
    last = (body or "").count("\n") + 1
    known = {(old.file, old.model, old.reason) for old in now.catalog.refusals}
    faults = []
    for refusal in after.catalog.refusals:
        line = refusal.line - section.line if section and refusal.file == shown else -1
        if 0 <= line <= last:
            faults.append(Fault(line, _key_at(body, line), refusal.reason))
        elif (refusal.file, refusal.model, refusal.reason) not in known and (body is not None or refusal.model != key):
            faults.append(Fault(0, "", _elsewhere(refusal, key)))
    return faults


def _elsewhere(refusal: Refusal, key: str) -> str:
    where = f"{refusal.file}, line {refusal.line}"
    if refusal.model in ("", key):
        return f"{refusal.reason} ({where})"
    return f"It would no longer be possible to use [{refusal.model}] ({where}): {refusal.reason}"


def _key_at(body: str | None, line: int) -> str:
    lines = (body or "").split("\n")
    return lines[line - 1].partition("=")[0].strip() if 0 < line <= len(lines) else ""


def _changes(before: Catalog, after: Catalog, key: str, tenant: str) -> dict[str, list[str]]:
    """What the section says now and would say, key by key."""
    old, new = before.section(key, tenant), after.section(key, tenant)
    olds = {name: found.text for name, found in old.values.items()} if old else {}
    news = {name: found.text for name, found in new.values.items()} if new else {}
    return {
        name: [olds.get(name, ""), news.get(name, "")]
        for name in dict.fromkeys((*olds, *news))
        if olds.get(name) != news.get(name)
    }


def _recorded(draft: ModelDraft) -> dict[str, Any]:
    """The changes for the audit; what may hold secrets only as changed."""
    return {
        name: CHANGED if name == "override" or looks_secret(name.upper()) else change
        for name, change in draft.changes.items()
    } or {"section": CHANGED}
