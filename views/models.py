"""Phone models as they are installed: shipped, changed for the whole system, or for one tenant (spec 4)."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from views.access import chosen_tenant, requires, visible_tenants, within
from views.database import db_session
from views.paging import here, pager
from views.site import current_site
from webprov.phones.phonemodel import PhoneModel, Scope
from webprov.pointing import pointings
from webprov.rights import Right
from webprov.store.models import Device, Tenant

bp = Blueprint("models", __name__, url_prefix="/models")

SHOWN_DEVICES = 10


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def index() -> ResponseReturnValue:
    """All models with what was refused above them, narrowed by brand and text."""
    site, models = current_site(), _models()
    text, brand = request.args.get("q", "").strip()[:100], request.args.get("brand", "")
    found = [model for model in models if brand in ("", model.brand) and _fits(model, text)]
    page = pager(len(found))
    counts = _device_counts()
    return render_template(
        "models/index.html",
        rows=[(model, _count(counts, model)) for model in found[page.offset : page.last]],
        page=page,
        text=text,
        brand=brand,
        brands=sorted({model.brand for model in models}, key=str.casefold),
        unfiltered=here(q=None, brand=None, page=None),
        refusals=[*site.catalog.refusals, *site.library.check()],
    )


@bp.get("/<path:key>/")
@requires(Right.SEE_SYSTEM)
def show(key: str) -> ResponseReturnValue:
    """One model as the chosen tenant (or nobody in particular) has it."""
    tenant, site = chosen_tenant(), current_site()
    name = tenant.name if tenant else ""
    model = site.catalog.model(key, name)
    if model is None:
        abort(404)
    uses = select(Device).where(Device.model == key, within(Device.tenant_id)).order_by(Device.label, Device.mac)
    return render_template(
        "models/show.html",
        model=model,
        origins=site.catalog.origins(key, name),
        group=pointings(site.settings, [model])[0],
        count=db_session().scalar(select(func.count()).select_from(uses.subquery())) or 0,
        devices=db_session().scalars(uses.limit(SHOWN_DEVICES)).all(),
    )


def _models() -> list[PhoneModel]:
    """What the chosen tenant has; without one, the models of all and those that tenants changed."""
    catalog, tenant = current_site().catalog, chosen_tenant()
    if tenant:
        return list(catalog.models(tenant.name))
    found = list(catalog.models())
    for one in visible_tenants():
        found += [model for model in catalog.models(one.name) if model.scope is Scope.TENANT]
    return sorted(found, key=lambda model: (model.brand.casefold(), model.label.casefold(), model.key, model.tenant))


def _fits(model: PhoneModel, text: str) -> bool:
    known = f"{model.brand} {model.label} {model.key}".casefold()
    return all(word in known for word in text.casefold().split())


def _device_counts() -> dict[tuple[str, str], int]:
    query = select(Device.model, Tenant.name, func.count()).join(Tenant).where(within(Device.tenant_id))
    return {(key, name): count for key, name, count in db_session().execute(query.group_by(Device.model, Tenant.name))}


def _count(counts: dict[tuple[str, str], int], model: PhoneModel) -> int:
    """The devices behind the row's link: of the model's tenant, or of all that are in view."""
    return sum(count for (key, name), count in counts.items() if key == model.key and model.tenant in ("", name))
