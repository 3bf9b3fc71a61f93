"""Tenants: list, add, edit, the text they add per model, delete (administrators); their variables (spec 9)."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from forms.errors import put_errors
from forms.tenants import DeleteTenantForm, NewTenantForm, OverrideForm, TenantForm
from views.access import chosen_tenant, current_actor, requires, visible_tenants
from views.database import db_session
from views.offers import stale_offer
from views.site import current_site
from views.variablegrid import Grid, grid_blueprint
from webprov.changes.tenants import (
    TENANT_FIELDS,
    create_tenant,
    delete_tenant,
    find_tenant,
    save_tenant,
    save_tenant_override,
)
from webprov.changes.variables import VariableScope
from webprov.enums import FileState
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.fleet import state_counts
from webprov.rendering.servers import sip_variables
from webprov.rights import Right
from webprov.store.devicedata import TenantData
from webprov.store.models import CustomVariable, Device, Tenant
from webprov.store.settings import ProvisioningSettings, load_settings

bp = Blueprint("tenants", __name__, url_prefix="/tenants")

_SERVERS = {"registrar": "REG_SERVER", "backup_registrar": "REG_SERVER_BACKUP", "sip_proxy": "PROXY_SERVER",
            "backup_sip_proxy": "PROXY_SERVER_BACKUP", "ntp_server": "NTP_SERVER"}  # fmt: skip
_FOLLOWS = {"= REG_SERVER": "Empty: the registrar.", "= REG_SERVER_BACKUP": "Empty: the backup registrar."}


@bp.get("/")
@requires(Right.MANAGE_TENANTS)
def index() -> ResponseReturnValue:
    """All tenants by name, with their devices and what they set themselves."""
    query = select(Tenant.name, func.count()).join(Device).group_by(Tenant.name)
    counts = {row[0]: row[1] for row in db_session().execute(query)}
    tenants_here = visible_tenants()
    own = {tenant.id: {field: getattr(tenant, field) for field in _SERVERS} for tenant in tenants_here}
    return render_template("tenants/index.html", tenants_here=tenants_here, counts=counts, own=own)


@bp.get("/new")
@requires(Right.MANAGE_TENANTS)
def new() -> ResponseReturnValue:
    """The form for another tenant."""
    return _form_page("tenants/new.html", NewTenantForm(None))


@bp.post("/")
@requires(Right.MANAGE_TENANTS)
def create() -> ResponseReturnValue:
    """Add a tenant, or show the form again."""
    form = NewTenantForm()
    try:
        tenant = create_tenant(db_session(), form.name.data or "", form.flat(), current_actor())
    except InvalidInput as e:
        put_errors(form, e.errors)
        return _form_page("tenants/new.html", form), 422
    flash(f"{tenant.label or tenant.name} is there. Phones can be added to it.")
    return redirect(url_for(".index"))


@bp.get("/<name>/")
@requires(Right.MANAGE_TENANTS)
def edit(name: str) -> ResponseReturnValue:
    """One tenant's own settings."""
    one = find_tenant(db_session(), name, current_actor())
    form = TenantForm(None, data={field: getattr(one, field) for field in TENANT_FIELDS})
    return _tenant_page("tenants/edit.html", one, form=form, version=one.version)


@bp.post("/<name>/")
@requires(Right.MANAGE_TENANTS)
def save(name: str) -> ResponseReturnValue:
    """Store them, or show the form again with everything typed."""
    form, version = TenantForm(), request.form.get("version", type=int)
    try:
        one = save_tenant(db_session(), name, form.flat(), current_actor(), version=version)
    except InvalidInput as e:
        put_errors(form, e.errors)
    except Conflict as e:
        form.form_errors.append(str(e))
    else:
        return _saved(one, url_for(".edit", name=name))
    one = find_tenant(db_session(), name, current_actor())
    return _tenant_page("tenants/edit.html", one, form=form, version=version), 422


@bp.get("/<name>/override")
@requires(Right.MANAGE_TENANTS)
def override(name: str) -> ResponseReturnValue:
    """The text that the tenant adds to every file of the model chosen in `?model=`."""
    one = find_tenant(db_session(), name, current_actor())
    return _override_page(one, OverrideForm(None, text=_overrides(one).get(request.args.get("model", ""), "")))


@bp.post("/<name>/override")
@requires(Right.MANAGE_TENANTS)
def save_override(name: str) -> ResponseReturnValue:
    """Store that text; an empty one removes it."""
    one, form = find_tenant(db_session(), name, current_actor()), OverrideForm()
    model = request.args.get("model", "")
    if model not in _models(one):
        abort(404)
    try:
        save_tenant_override(db_session(), name, model, form.text.data or "", current_actor())
    except InvalidValue as e:
        put_errors(form, {"text": str(e)})
        return _override_page(one, form), 422
    return _saved(one, url_for(".override", name=name, model=model))


@bp.get("/<name>/delete")
@requires(Right.MANAGE_TENANTS)
def ask_delete(name: str) -> ResponseReturnValue:
    """What goes with the tenant, and the field for its name."""
    return _delete_page(find_tenant(db_session(), name, current_actor()), DeleteTenantForm(None))


@bp.post("/<name>/delete")
@requires(Right.MANAGE_TENANTS)
def delete(name: str) -> ResponseReturnValue:
    """Delete a tenant without devices and people, once its name was typed."""
    one, form = find_tenant(db_session(), name, current_actor()), DeleteTenantForm()
    if (form.typed_name.data or "").strip() != one.name:
        put_errors(form, {"typed_name": f"Type {one.name}, so that no other tenant is deleted."})
        return _delete_page(one, form), 422
    try:
        delete_tenant(db_session(), current_site(), name, current_actor())
    except Conflict as e:
        form.form_errors.append(str(e))
        return _delete_page(one, form), 422
    flash(f"{name} is deleted.")
    return redirect(url_for(".index", tenant=None))


@bp.get("/own")
@requires(Right.EDIT_TENANT)
def own_variables() -> ResponseReturnValue:
    """To the variables of the tenant that the person is tied to or has chosen."""
    one = chosen_tenant()
    return redirect(url_for("tenantvariables.index", name=one.name) if one else url_for(".index"))


def _scope(name: str) -> VariableScope:
    return VariableScope(tenant=find_tenant(db_session(), name, current_actor()))


def _variables_page(page: str, *, scope: VariableScope, **values: Any) -> str:
    offer = stale_offer((), Device.tenant_id == scope.tenant_id)
    return render_template(page, scope=scope, offer=offer, **values)


variables_bp = grid_blueprint(
    Grid(
        name="tenantvariables",
        url_prefix="/tenants/<name>/variables",
        sees=Right.EDIT_TENANT,
        edits=Right.EDIT_TENANT,
        page="tenants/variables.html",
        scope=_scope,
        render=_variables_page,
    )
)


def _saved(one: Tenant, address: str) -> ResponseReturnValue:
    stale = state_counts(db_session(), current_site(), Device.tenant_id == one.id)[FileState.STALE]
    flash(f"Saved. {stale} devices of {one.name} have stale files." if stale else "Saved.")
    return redirect(address)


def _form_page(page: str, form: TenantForm, **values: Any) -> str:
    settings = load_settings(db_session())
    form.offer_zones(settings.timezone)
    return render_template(page, form=form, helps=_empty_means(settings), **values)


def _tenant_page(page: str, one: Tenant, **values: Any) -> str:
    """A tab of a tenant. Its form, where it is that of the settings, learns what empty fields mean."""
    if isinstance(values.get("form"), TenantForm):
        return _form_page(page, values.pop("form"), one=one, variables_count=_variables_count(one), **values)
    return render_template(page, one=one, variables_count=_variables_count(one), **values)


def _override_page(one: Tenant, form: OverrideForm) -> str:
    models, chosen = _models(one), request.args.get("model", "")
    if chosen and chosen not in models:
        abort(404)
    own = [key for key, text in _overrides(one).items() if text]
    return _tenant_page("tenants/override.html", one, form=form, models=models, chosen=chosen, own=own)


def _delete_page(one: Tenant, form: DeleteTenantForm) -> str:
    devices = db_session().scalar(select(func.count()).where(Device.tenant_id == one.id)) or 0
    return _tenant_page("tenants/delete.html", one, form=form, devices=devices, overrides=len(_overrides(one)))


def _overrides(one: Tenant) -> dict[str, str]:
    return {row.model: row.text for row in one.overrides}


def _models(one: Tenant) -> dict[str, str]:
    """Key and label of the models that the tenant can use, and of those gone that it still has text for."""
    offered = {model.key: model.label for model in current_site().catalog.models(one.name)}
    return offered | {key: f"{key} (missing)" for key in _overrides(one) if key not in offered}


def _variables_count(one: Tenant) -> int:
    return db_session().scalar(select(func.count()).where(CustomVariable.tenant_id == one.id)) or 0


def _empty_means(settings: ProvisioningSettings) -> dict[str, str]:
    """Per field what phones get where it is empty, with the real value (ui guide 4)."""
    found = sip_variables(settings, TenantData(0, ""))
    helps = {"language": "Empty: English.", "parkext": "Empty: none."}
    for field, name in _SERVERS.items():
        value, source = found[name].value, found[name].source
        helps[field] = _FOLLOWS.get(source) or (f"Empty: {value} ({source})." if value else "Empty: none.")
    return helps
