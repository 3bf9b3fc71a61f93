"""All models in one list: what is shipped, what was changed for all or for one tenant, and what is refused."""

from dataclasses import dataclass

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from views.access import chosen_tenant, current_actor, requires, visible_tenants, within
from views.database import db_session
from views.models.blueprint import bp
from views.paging import here, pager
from views.site import current_site
from webprov.phones.phonemodel import PhoneModel, Refusal, Scope
from webprov.rights import Right
from webprov.store.models import Device, Tenant


@dataclass(frozen=True)
class Row:
    """A model that counts somewhere, the scopes that have a say in it, and how many devices it has there."""

    model: PhoneModel
    scopes: tuple[Scope, ...]
    devices: int


@bp.get("/")
@requires(Right.SEE_MODELS)
def index() -> ResponseReturnValue:
    """All models with what was refused above them, narrowed by scope, brand and text."""
    text, brand = request.args.get("q", "").strip()[:100], request.args.get("brand", "")
    scope = request.args.get("from", "")
    models, counts = _models(), _device_counts()
    rows = [Row(model, _scopes(model), _count(counts, model)) for model in models if _fits(model, text, brand)]
    rows = [row for row in rows if scope in ("", *row.scopes)]
    page = pager(len(rows))
    return render_template(
        "models/index.html",
        rows=rows[page.offset : page.last],
        page=page,
        text=text,
        brand=brand,
        scope=scope,
        brands=sorted({model.brand for model in models}, key=str.casefold),
        unfiltered=here(q=None, brand=None, page=None, **{"from": None}),
        refusals=[(one, _to_correct(one)) for one in sorted(_refusals(), key=_follows)],
    )


def _to_correct(refusal: Refusal) -> str:
    """Where a refused section can be corrected by this person; empty where only in its file."""
    catalog = current_site().catalog
    if not refusal.model or not current_actor().may(Right.EDIT_MODELS):
        return ""
    for tenant in ("", *(one.name for one in visible_tenants())):
        section = catalog.section(refusal.model, tenant)
        if section and section.file == refusal.file:
            return url_for("models.edit", key=refusal.model, scope=tenant, **{"as": "text"})  # type: ignore[arg-type]
    return ""


def _follows(refusal: Refusal) -> bool:
    """Is it only the consequence of another one?"""
    return refusal.reason.startswith("It extends [")


def _refusals() -> list[Refusal]:
    """What cannot be used; people of one tenant do not see what others have."""
    mine = current_actor().tenant_id
    found = [*current_site().catalog.refusals, *current_site().library.check()]
    if mine is None:
        return found
    foreign = db_session().scalars(select(Tenant.name).where(Tenant.id != mine))
    folder = current_site().config.user_provisioning_dir.name
    hidden = tuple(f"{folder}/{name}/" for name in foreign)
    return [refusal for refusal in found if not refusal.file.startswith(hidden)]


def _models() -> list[PhoneModel]:
    """What the chosen tenant has; without one, the models of all and those that tenants changed."""
    catalog, tenant = current_site().catalog, chosen_tenant()
    if tenant:
        return list(catalog.models(tenant.name))
    found = list(catalog.models())
    for one in visible_tenants():
        found += [model for model in catalog.models(one.name) if model.scope is Scope.TENANT]
    return sorted(found, key=lambda model: (model.brand.casefold(), model.label.casefold(), model.key, model.tenant))


def _scopes(model: PhoneModel) -> tuple[Scope, ...]:
    origins = current_site().catalog.origins(model.key, model.tenant)
    return tuple(dict.fromkeys(origin.scope for origin in origins))


def _fits(model: PhoneModel, text: str, brand: str) -> bool:
    known = f"{model.brand} {model.label} {model.key}".casefold()
    return brand in ("", model.brand) and all(word in known for word in text.casefold().split())


def _device_counts() -> dict[tuple[str, str], int]:
    query = select(Device.model, Tenant.name, func.count()).join(Tenant).where(within(Device.tenant_id))
    return {(key, name): count for key, name, count in db_session().execute(query.group_by(Device.model, Tenant.name))}


def _count(counts: dict[tuple[str, str], int], model: PhoneModel) -> int:
    """The devices behind the row's link: of the model's tenant, or of all that are in view."""
    return sum(count for (key, name), count in counts.items() if key == model.key and model.tenant in ("", name))
