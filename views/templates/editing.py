"""Changing a template for all or for one tenant, with what the gate says and what a device would get beside it."""

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms.fields.choices import SelectChoice

from forms.errors import put_errors
from forms.templates import NewTemplateForm, TemplateForm
from views.access import current_actor, requires, visible_tenants
from views.database import db_session
from views.effects import effect_values
from views.partials import wants_partial
from views.site import current_site
from views.templates.blueprint import Place, bp, own_file, tenant_list, the_place
from webprov.changes.templates import (
    TemplateDraft,
    draft_template,
    find_version,
    mark_compared,
    save_template,
    tenant_names,
)
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.previews import diff_rows
from webprov.rights import Right
from webprov.templatebases import upgraded
from webprov.templatefiles import Template, find_template, template_path, template_text, template_users
from webprov.templatehelp import help_groups
from webprov.templatepreviews import offered_devices, preview_template
from webprov.whatif import what_if_files

_EMPTY = "## format: keyvalue comment=# quote=none encoding=utf-8\n"
_MOST_UPLOADED = 512 * 1024


@dataclass
class Editor:
    """The page of one file: what is typed (or stored), and what the page saw on disk."""

    place: Place
    template: Template | None
    form: TemplateForm
    draft: TemplateDraft

    @property
    def is_own(self) -> bool:
        """Whether the scope has a file of its own already."""
        return self.draft.before is not None


@bp.get("/edit")
@requires(Right.EDIT_MODELS)
def edit() -> ResponseReturnValue:
    """The editor with the scope's file; where it has none yet, with that of the wider scope.

    `?version=` opens it with an earlier text, to be looked at and saved.
    """
    place = the_place()
    template = find_template(current_site(), place.name, tenant_list())
    wider = template.winner(place.tenant) if template else None
    text = template_text(wider) if wider else _EMPTY
    number = request.args.get("version", type=int)
    if number:
        text = find_version(db_session(), place.name, place.tenant, number).text
    return _page(_editor(place, text), restored=bool(number))


@bp.post("/edit")
@requires(Right.EDIT_MODELS)
def save() -> ResponseReturnValue:
    """Write the file, or show the editor again with what has to change and everything typed."""
    editor = _posted()
    place, form, draft = editor.place, editor.form, editor.draft
    try:
        save_template(
            db_session(), current_site(), place.name, place.tenant, draft.text or "", current_actor(),
            seen=form.seen.data or "",
        )  # fmt: skip
    except InvalidInput as e:
        put_errors(form, e.errors)
        return _page(editor), 422
    except Conflict:
        form.seen.data = draft.seen
        return _page(editor, clash=diff_rows(draft.before or "", draft.text or "")), 422
    flash("Saved.")
    return redirect(_show(place))


@bp.post("/check")
@requires(Right.EDIT_MODELS)
def check() -> ResponseReturnValue:
    """While it is typed: what the gate says, and what the chosen device would get."""
    if wants_partial():
        return render_template("templates/_parts.html", **_values(_posted()))
    return _page(_posted())


@bp.post("/effect")
@requires(Right.EDIT_MODELS)
def effect() -> ResponseReturnValue:
    """How many devices of which tenants get new files, with the difference for a few or for all."""
    editor = _posted()
    values = effect_values(what_if_files(current_site(), editor.draft.site))
    if wants_partial():
        return render_template("templates/_effect.html", place=editor.place, draft=editor.draft, **values)
    return _page(editor, **values)


@bp.post("/upload")
@requires(Right.EDIT_MODELS)
def upload() -> ResponseReturnValue:
    """Open the editor with a file from the person's computer; nothing is saved yet."""
    place, sent = the_place(), request.files.get("file")
    content = sent.read(_MOST_UPLOADED + 1) if sent else b""
    try:
        if not content or len(content) > _MOST_UPLOADED:
            raise InvalidValue("Choose a text file of at most 512 KiB.")
        text = content.decode("utf-8-sig")
    except (InvalidValue, UnicodeDecodeError) as e:
        flash(str(e) if isinstance(e, InvalidValue) else "The file is not UTF-8. Save it in that encoding.", "error")
        return redirect(url_for(".edit", **place.address))  # type: ignore[arg-type]
    return _page(_editor(place, text), uploaded=True)


@bp.get("/return")
@requires(Right.EDIT_MODELS)
def ask_return() -> ResponseReturnValue:
    """Ask before the scope's file goes, with what that changes."""
    place = the_place()
    draft = draft_template(db_session(), current_site(), place.name, place.tenant, None)
    values = effect_values(what_if_files(current_site(), draft.site))
    left = draft.site.library.exists(place.name, place.tenant)
    return render_template("templates/return.html", place=place, draft=draft, left=left, **values)


@bp.post("/return")
@requires(Right.EDIT_MODELS)
def return_to_wider() -> ResponseReturnValue:
    """Remove the scope's file: that of the wider scope counts again. Its text is kept among the versions."""
    place = the_place()
    seen = request.form.get("seen")
    try:
        save_template(db_session(), current_site(), place.name, place.tenant, None, current_actor(), seen=seen)
    except (Conflict, InvalidInput) as e:
        flash(str(e), "error")
        return redirect(url_for(".ask_return", **place.address))  # type: ignore[arg-type]
    flash(f"The file of {place.whom} is gone.")
    return redirect(_show(place))


@bp.post("/compared")
@requires(Right.EDIT_MODELS)
def compared() -> ResponseReturnValue:
    """The person has brought the override in line with the shipped file."""
    place = the_place()
    mark_compared(db_session(), current_site(), place.name, place.tenant, current_actor())
    flash("Marked as compared. You are told again when the shipped file changes.")
    return redirect(_show(place))


@bp.get("/new")
@requires(Right.EDIT_MODELS)
def new() -> ResponseReturnValue:
    """Where a new file goes: its name and for whom."""
    return _new_page(NewTemplateForm(None, scope=request.args.get("scope", "")))


@bp.post("/new")
@requires(Right.EDIT_MODELS)
def create() -> ResponseReturnValue:
    """To the editor of that file, once the name is one."""
    form = NewTemplateForm()
    name, tenant = (form.name.data or "").strip(), form.scope.data or ""
    try:
        if tenant and tenant not in tenant_list():
            raise InvalidValue("Choose one of the tenants.")
        template_path(current_site(), name, tenant, tenant_names(db_session()))
        if own_file(find_template(current_site(), name, tenant_list()), tenant):
            raise InvalidValue(f"There is {name} already. Choose another name, or change that file.")
    except InvalidValue as e:
        put_errors(form, {"name": str(e)})
        return _new_page(form), 422
    return redirect(url_for(".edit", name=name, scope=tenant))


def _posted() -> Editor:
    form = TemplateForm()
    return _editor(the_place(), form.text.data or "", form)


def _editor(place: Place, text: str, form: TemplateForm | None = None) -> Editor:
    template = find_template(current_site(), place.name, tenant_list())
    draft = draft_template(db_session(), current_site(), place.name, place.tenant, text)
    form = form or TemplateForm(None, text=text, seen=draft.seen)
    return Editor(place, template, form, draft)


def _values(editor: Editor) -> dict[str, Any]:
    """What the parts beside the text show that follow it."""
    session, site, place, draft = db_session(), current_site(), editor.place, editor.draft
    users = template_users(draft.site, place.tenant).get(place.name, [])
    find, wanted = request.values.get("find", "").strip()[:100], request.values.get("device", "")
    offered = offered_devices(session, site, users, place.tenant, find)
    chosen = wanted if wanted in [one.key for one in offered] or not offered else offered[0].key
    preview = preview_template(session, site, draft.site, place.name, chosen) if chosen and not draft.faults else None
    return {
        "editor": editor,
        "place": place,
        "form": editor.form,
        "draft": draft,
        "users": users,
        "find": find,
        "offered": offered,
        "chosen": chosen,
        "preview": preview,
        "view": request.values.get("view", "text"),
    }


def _page(editor: Editor, **values: Any) -> str:
    own = own_file(editor.template, editor.place.tenant)
    return render_template(
        "templates/edit.html",
        **_values(editor),
        helps=help_groups(db_session()),
        changed_below=upgraded(db_session(), current_site(), own) if own else [],
        **values,
    )


def _new_page(form: NewTemplateForm) -> str:
    names = [SelectChoice(one.name, f"Tenant {one.label or one.name}") for one in visible_tenants()]
    form.scope.choices = [SelectChoice("", "All tenants"), *names]
    return render_template("templates/new.html", form=form)


def _show(place: Place) -> str:
    """The page of the template where there is one left, else the list."""
    tenant = {"tenant": place.tenant} if place.tenant else {}
    if find_template(current_site().loader.load(db_session()), place.name, tenant_list()):
        return url_for(".show", name=place.name, **tenant)  # type: ignore[arg-type]
    return url_for(".index", **tenant)  # type: ignore[arg-type]
