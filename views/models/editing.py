"""Changing a model for all or for one tenant: as fields, as text, under a new key, and back to what is shipped."""

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms.fields.choices import SelectChoice

from forms.errors import put_errors
from forms.models import NewModelForm, SectionForm, model_form
from views.access import current_actor, requires, visible_tenants
from views.database import db_session
from views.effects import at_a_glance, effect_values
from views.models.blueprint import Place, bp, the_place
from views.partials import wants_partial
from views.site import current_site
from webprov.changes.models import ModelDraft, check_key, draft_model, save_model, section_body, seen_of
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.modelinput import ModelField, faults_of, merged_body, model_fields
from webprov.previews import diff_rows
from webprov.rights import Right
from webprov.whatif import what_if_files

_NEW = "brand = \nlabel = \nlines = 1\ntemplate_1 = brand/phone.cfg -> ${mac}.cfg\n"


@dataclass
class Editor:
    """The page of one section: the form in the chosen shape, and the body that it makes of the section."""

    place: Place
    as_text: bool
    form: FlaskForm
    fields: list[ModelField]
    body: str
    stored: str | None
    seen: str


@bp.get("/edit")
@requires(Right.EDIT_MODELS)
def edit() -> ResponseReturnValue:
    """The form of the common keys, or with `?as=text` the whole section."""
    return _page(_editor())


@bp.post("/edit")
@requires(Right.EDIT_MODELS)
def save() -> ResponseReturnValue:
    """Write the section, or show the form again with what has to change and everything typed."""
    editor = _editor()
    place = editor.place
    errors = {} if editor.as_text else faults_of(editor.fields, request.form)
    if errors:
        put_errors(editor.form, errors)
        return _page(editor), 422
    try:
        draft = _draft(editor)
        if draft.faults:
            _put_faults(editor, draft)
            return _page(editor, faults=draft.faults), 422
        save_model(
            db_session(), current_site(), place.key, place.tenant, editor.body, current_actor(), seen=editor.seen
        )
    except Conflict:
        theirs = editor.stored or ""
        editor.seen = seen_of(editor.stored)
        return _page(editor, clash=diff_rows(theirs, editor.body)), 422
    except (InvalidInput, InvalidValue) as e:
        editor.form.form_errors.append(str(e))
        return _page(editor), 422
    flash("Saved." if draft.changes else "Saved; it says the same as before.")
    return redirect(_model_address(place))


@bp.post("/check")
@requires(Right.EDIT_MODELS)
def check() -> ResponseReturnValue:
    """What is wrong with what is typed, and how many devices it would give new files."""
    editor = _editor()
    try:
        draft = _draft(editor)
    except InvalidValue as e:
        return render_template("models/_check.html", trouble=str(e), faults=[])
    found = None if draft.faults else at_a_glance(_what(draft))
    return render_template("models/_check.html", faults=draft.faults, glance=found, changes=draft.changes)


@bp.post("/effect")
@requires(Right.EDIT_MODELS)
def effect() -> ResponseReturnValue:
    """What saving changes: the keys, and the files of a few devices or of all."""
    editor = _editor()
    try:
        draft = _draft(editor)
    except InvalidValue as e:
        editor.form.form_errors.append(str(e))
        return _page(editor), 422
    values = {"changes": draft.changes, "faults": draft.faults} | effect_values(_what(draft))
    if wants_partial():
        return render_template("models/_effect.html", place=editor.place, **values)
    return _page(editor, **values)


@bp.get("/return")
@requires(Right.EDIT_MODELS)
def ask_return() -> ResponseReturnValue:
    """Ask before a scope's section goes, with what that changes."""
    place = the_place()
    draft = draft_model(current_site(), place.key, place.tenant, None)
    values = {"changes": draft.changes, "faults": draft.faults} | effect_values(_what(draft))
    left = draft.site.catalog.model(place.key, place.tenant)
    return render_template("models/return.html", place=place, seen=draft.seen, left=left, **values)


@bp.post("/return")
@requires(Right.EDIT_MODELS)
def return_to_wider() -> ResponseReturnValue:
    """Take the section out: what is wider counts again."""
    place = the_place()
    try:
        save_model(
            db_session(), current_site(), place.key, place.tenant, None, current_actor(), seen=request.form.get("seen")
        )
    except (Conflict, InvalidInput) as e:
        flash(str(e), "error")
        return redirect(url_for(".ask_return", **place.address))  # type: ignore[arg-type]
    flash(f"The section of [{place.key}] is gone.")
    return redirect(_model_address(place))


@bp.get("/new")
@requires(Right.EDIT_MODELS)
def new() -> ResponseReturnValue:
    """A section of a new name: from scratch, or with `?from=` as a copy that inherits from another model."""
    source = request.args.get("from", "")
    model = current_site().catalog.model(source, request.args.get("scope", ""))
    copied = f"extends = {source}\nlabel = {model.label} copy\n" if model else _NEW
    form = NewModelForm(None, body=copied, scope=request.args.get("scope", ""))
    return _new_page(form)


@bp.post("/new")
@requires(Right.EDIT_MODELS)
def create() -> ResponseReturnValue:
    """Write the new section, or say what is wrong with it."""
    form = NewModelForm()
    key, tenant, body = (form.key.data or "").strip(), form.scope.data or "", form.body.data or ""
    faults: tuple[Any, ...] = ()
    try:
        check_key(key)
        draft = draft_model(current_site(), key, tenant, body)
        if draft.before.origins(key, tenant):
            raise InvalidValue(f"There is a model {key} already. Choose another key, or change that one.")
        faults = draft.faults
        if not faults:
            save_model(db_session(), current_site(), key, tenant, body, current_actor(), seen="")
            flash(f"{key} is there.")
            return redirect(_model_address(Place(key, tenant)))
        put_errors(form, {"body": faults[0].sentence})
    except InvalidValue as e:
        put_errors(form, {"key": str(e)})
    except Conflict as e:
        form.form_errors.append(str(e))
    return _new_page(form, faults=faults), 422


def _editor() -> Editor:
    """The page as it was asked for, or as it was sent."""
    place = the_place()
    site, posted = current_site(), request.form if request.method == "POST" else None
    stored = section_body(site, place.key, place.tenant)
    fields = model_fields(site.fresh().catalog, place.key, place.tenant)
    as_text = request.args.get("as") == "text"
    seen = posted.get("seen", "") if posted else seen_of(stored)
    if as_text:
        body = posted.get("body", "") if posted else stored or ""
        return Editor(place, True, SectionForm(None, body=body), fields, body.replace("\r\n", "\n"), stored, seen)
    body = merged_body(stored, fields, posted) if posted else stored or ""
    return Editor(place, False, model_form(fields, posted), fields, body, stored, seen)


def _draft(editor: Editor) -> ModelDraft:
    return draft_model(current_site(), editor.place.key, editor.place.tenant, editor.body)


def _what(draft: ModelDraft) -> Any:
    return what_if_files(current_site(), draft.site)


def _put_faults(editor: Editor, draft: ModelDraft) -> None:
    """Each fault at its field, or on top."""
    for fault in draft.faults:
        if editor.as_text and fault.line:
            put_errors(editor.form, {"body": f"Line {fault.line}: {fault.sentence}"})
        else:
            put_errors(editor.form, {fault.key or "section": fault.sentence})


def _page(editor: Editor, **values: Any) -> str:
    place = editor.place
    model = current_site().catalog.model(place.key, place.tenant)
    return render_template(
        "models/edit.html",
        editor=editor,
        place=place,
        form=editor.form,
        model=model,
        label=model.label if model else place.key,
        **values,
    )


def _new_page(form: NewModelForm, **values: Any) -> str:
    names = [SelectChoice(one.name, f"Tenant {one.label or one.name}") for one in visible_tenants()]
    form.scope.choices = [SelectChoice("", "All tenants"), *names]
    return render_template("models/new.html", form=form, families=current_site().catalog.families(), **values)


def _model_address(place: Place) -> str:
    """The page of the model where there is one left, else the list."""
    site = current_site().loader.load(db_session())
    tenant = {"tenant": place.tenant} if place.tenant else {}
    if site.catalog.model(place.key, place.tenant):
        return url_for(".show", key=place.key, **tenant)  # type: ignore[arg-type]
    return url_for(".index", **tenant)  # type: ignore[arg-type]
