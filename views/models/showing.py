"""One model as a tenant, or nobody in particular, has it: what it is, its files, commands, devices, every key."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from views.access import chosen_tenant, current_actor, requires, visible_tenants, within
from views.database import db_session
from views.models.blueprint import bp
from views.offers import stale_offer
from views.paging import here
from views.site import current_site
from webprov.checks import looks_secret
from webprov.phones.catalog import Effective
from webprov.phones.phonemodel import PhoneModel, Scope
from webprov.pointing import pointings
from webprov.rendering.masking import MASK
from webprov.rights import Right
from webprov.store.models import Device, Tenant

TABS = {"general": "General", "files": "Files", "commands": "Commands", "devices": "Devices", "effective": "All keys"}
SHOWN_DEVICES = 50


@bp.get("/<path:key>/")
@requires(Right.SEE_MODELS)
def show(key: str) -> ResponseReturnValue:
    """The tab that `?tab=` names."""
    tenant, site = chosen_tenant(), current_site()
    name = tenant.name if tenant else ""
    model = site.catalog.model(key, name)
    if model is None:
        abort(404)
    tab = request.args.get("tab", "")
    uses = Device.model == key, within(Device.tenant_id)
    count = db_session().scalar(select(func.count()).where(*uses)) or 0
    devices = select(Device, Tenant.name).join(Tenant).where(*uses).order_by(Device.label, Device.mac)
    origins = site.catalog.origins(key, name)
    return render_template(
        f"models/{tab if tab in TABS else 'general'}.html",
        model=model,
        tab=tab if tab in TABS else "general",
        tabs=[_tab(name, label, tab if tab in TABS else "general", count) for name, label in TABS.items()],
        origins=origins,
        overrides=[origin for origin in origins if origin.scope is not Scope.SHIPPED],
        effective=_effective(model, name),
        hidden=MASK,
        group=pointings(site.settings, [model])[0],
        count=count,
        devices=db_session().execute(devices.limit(SHOWN_DEVICES)).all(),
        all_tenants=[one.name for one in visible_tenants()],
        editable=current_actor().may(Right.EDIT_MODELS),
        offer=stale_offer([key], *uses),
    )


def _tab(name: str, label: str, opened: str, count: int) -> tuple[str, str, bool, int | None]:
    address = here(tab=None if name == "general" else name)
    return label, address, name == opened, count if name == "devices" else None


def _effective(model: PhoneModel, tenant: str) -> list[Effective]:
    """Every key with its origin; what may hold secrets is hidden from those who may not see them."""
    found = current_site().catalog.effective(model.key, tenant)
    if current_actor().may(Right.REVEAL_SECRETS):
        return found
    return [_hidden(one) if one.key == "override" or looks_secret(one.key.upper()) else one for one in found]


def _hidden(one: Effective) -> Effective:
    return Effective(one.key, MASK, one.scope, one.tenant, one.section, one.source, None)
