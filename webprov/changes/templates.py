"""Changing templates from the pages: checked by the gate before they are written, with the last versions kept."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.changes.tenants import find_tenant
from webprov.delivery.filestore import FileStore
from webprov.errors import Conflict, InvalidInput, NotFound, TemplateError
from webprov.phones.phonemodel import Scope
from webprov.rendering.expressions import nearest_name
from webprov.rendering.gate import check_template
from webprov.rendering.names import BUILT_IN_NAMES, SET_NAMES, SET_PREFIX
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.database import bump, writing
from webprov.store.models import CustomVariable, Tenant
from webprov.store.templaterecords import TemplateVersion
from webprov.templatebases import put_base
from webprov.templatefiles import TemplateFile, digest, template_path, template_text, template_users

KEPT_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class Note:
    """What is wrong with a template, or odd: at a line (from 1; 0 = none in particular)."""

    line: int
    sentence: str


@dataclass(frozen=True)
class TemplateDraft:
    """A template as it would be saved: `text` None = without the scope's own file. `seen` names what is on disk now
    ("" = nothing); `site` has the library that this makes. With `faults` it cannot be used, with `doubts` it can."""

    name: str
    tenant: str
    path: Path
    text: str | None
    before: str | None
    seen: str
    site: Site
    faults: tuple[Note, ...] = ()
    doubts: tuple[Note, ...] = ()


def draft_template(session: Session, site: Site, name: str, tenant: str, text: str | None) -> TemplateDraft:
    """What saving `text` would do; nothing is written. Raises InvalidValue for a name that cannot be."""
    path = template_path(site, name, tenant, tenant_names(session))
    text = None if text is None else _normal(text)
    before = template_text(_own(name, tenant, path)) if path.is_file() else None
    after = site.fresh().drafted(template=(path, None if text is None else text.encode()))
    faults = tuple(_faults(site, after, name, tenant, text))
    doubts = () if text is None or faults else tuple(_doubts(session, site, name, text))
    return TemplateDraft(name, tenant, path, text, before, _seen(before), after, faults, doubts)


def save_template(
    session: Session, site: Site, name: str, tenant: str, text: str | None, by: Actor, *, seen: str | None = None
) -> TemplateDraft:
    """Write the scope's own file (None: remove it, so that the wider scope counts again), or nothing at all.

    What it held is kept, the last KEPT_VERSIONS times. Raises InvalidInput (`text`) for what the gate refuses, and
    Conflict where the file is no longer what the person saw (`seen`).
    """
    by.check(Right.EDIT_MODELS)
    tenant_id = find_tenant(session, tenant, by).id if tenant else None
    with writing(session):
        bump(session, "templates")  # those who come second wait here, and then see what the first has written
        draft = draft_template(session, site, name, tenant, text)
        if seen is not None and seen != draft.seen:
            raise Conflict("Somebody else changed this file since you opened it. Compare, then save again.")
        if draft.faults:
            raise InvalidInput({"text": _sentence(draft.faults[0])})
        if draft.text == draft.before:
            return draft
        _keep(session, site, draft, by)
        action = "delete" if text is None else "create" if draft.before is None else "change"
        versions = ["" if state is None else digest(state)[:12] for state in (draft.before, draft.text)]
        record_change(session, by, action, "template", name, tenant_id=tenant_id, fields={"version": versions})
        _write(site, draft)
    site.loader.look_again()
    return draft


def versions_of(session: Session, name: str, tenant: str) -> list[TemplateVersion]:
    """What the file held before, the latest first."""
    query = select(TemplateVersion).where(TemplateVersion.name == name, TemplateVersion.tenant == tenant)
    return list(session.scalars(query.order_by(TemplateVersion.id.desc())))


def find_version(session: Session, name: str, tenant: str, number: int) -> TemplateVersion:
    """One of them; raises NotFound."""
    found = session.get(TemplateVersion, number)
    if found is None or (found.name, found.tenant) != (name, tenant):
        raise NotFound("There is no such version of this template.")
    return found


def mark_compared(session: Session, site: Site, name: str, tenant: str, by: Actor) -> None:
    """The override has been brought in line with the shipped file as it is now."""
    by.check(Right.EDIT_MODELS)
    tenant_id = find_tenant(session, tenant, by).id if tenant else None
    with writing(session):
        put_base(session, site, name, tenant)
        record_change(session, by, "compare", "template", name, tenant_id=tenant_id)


def tenant_names(session: Session) -> list[str]:
    """The names of all tenants: their folders hold no global templates."""
    return list(session.scalars(select(Tenant.name)))


def _own(name: str, tenant: str, path: Path) -> TemplateFile:
    return TemplateFile(name, Scope.TENANT if tenant else Scope.GLOBAL, tenant, path)


def _normal(text: str) -> str:
    """LF line ends, and one at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") or not text else text + "\n"


def _seen(text: str | None) -> str:
    return "" if text is None else digest(text)[:16]


def _sentence(note: Note) -> str:
    return f"Line {note.line}: {note.sentence}" if note.line else note.sentence


def _faults(site: Site, after: Site, name: str, tenant: str, text: str | None) -> list[Note]:
    """What the gate refuses, in the text itself and in what it is brought together with."""
    faults = [] if text is None else [Note(one.line, one.reason) for one in check_template(name, text).refusals]
    if faults:
        return faults
    if text is not None:
        try:
            after.library.closure(name, tenant)
        except TemplateError as e:
            return [Note(e.line if e.file == name else 0, e.reason if e.file == name else str(e))]
    return [Note(0, sentence) for sentence in _newly_broken(site, after, name, tenant)]


def _newly_broken(site: Site, after: Site, name: str, tenant: str) -> list[str]:
    """Other templates that can be used now and could not be any more."""
    broken = []
    for model in template_users(site, tenant).get(name, ()):
        for main in (rule.template for rule in (*model.files, *model.members, *model.directories)):
            if name in site.library.reach(main, tenant) and main != name:
                broken += _broken(site, after, main, tenant)
    return list(dict.fromkeys(broken))


def _broken(site: Site, after: Site, main: str, tenant: str) -> list[str]:
    try:
        site.library.closure(main, tenant)
    except TemplateError:
        return []
    try:
        after.library.closure(main, tenant)
    except TemplateError as e:
        return [f"{main} could no longer be used: {e}"]
    return []


def _doubts(session: Session, site: Site, name: str, text: str) -> list[Note]:
    """Names that nothing defines at present; a variable of a tenant, device or line may still do so."""
    custom = set(session.scalars(select(CustomVariable.name).distinct()))
    sets = {one for model in site.catalog.models() for one in model.sets}
    known = custom | sets | {*BUILT_IN_NAMES, *SET_NAMES}
    return [
        Note(line, _unknown(used, known))
        for used, line in sorted(check_template(name, text).names.items(), key=lambda item: item[1])
        if used.removeprefix(SET_PREFIX) not in known
    ]


def _unknown(name: str, known: set[str]) -> str:
    nearest = nearest_name(name, known)
    hint = f" Did you mean {nearest}?" if nearest else ""
    return f"Nothing defines {name} yet; without it no file can be made.{hint}"


def _keep(session: Session, site: Site, draft: TemplateDraft, by: Actor) -> None:
    """Put away what the file holds, and at the start of an override what it is made from."""
    if draft.before is None:
        put_base(session, site, draft.name, draft.tenant)
        return
    row = TemplateVersion(tenant=draft.tenant, name=draft.name, text=draft.before, replaced_by=by.name)
    session.add(row)
    session.flush()
    old = [version.id for version in versions_of(session, draft.name, draft.tenant)[KEPT_VERSIONS:]]
    session.execute(delete(TemplateVersion).where(TemplateVersion.id.in_(old)))


def _write(site: Site, draft: TemplateDraft) -> None:
    files = FileStore(site.config.user_provisioning_dir)
    name = draft.path.relative_to(files.root).as_posix()
    if draft.text is None:
        files.remove([name])
    else:
        files.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        files.write({name: draft.text.encode()})
