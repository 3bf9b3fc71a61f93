"""One template: its files scope by scope, the text of one of them, who uses it, what an upgrade changed."""

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from views.access import chosen_tenant, current_actor, requires, within
from views.database import db_session
from views.offers import Offer, stale_offer
from views.site import current_site
from views.templates.blueprint import bp, own_file, the_template
from webprov.changes.templates import versions_of
from webprov.phones.phonemodel import Scope
from webprov.previews import diff_rows
from webprov.rights import Right
from webprov.store.models import Device
from webprov.templatebases import upgraded
from webprov.templatefiles import Template, TemplateFile, shipped_text, template_text

_MOST_NAMED = 50
TABS = {"text": "Text", "difference": "Difference to shipped", "upgrade": "Upgrade", "versions": "Versions"}


@bp.get("/<path:name>/")
@requires(Right.SEE_SYSTEM)
def show(name: str) -> ResponseReturnValue:
    """The file that `?scope=` names (:shipped, :all, or a tenant), or the one that wins for the chosen tenant."""
    template, tenant = the_template(name), chosen_tenant()
    file = _chosen(template, tenant.name if tenant else "")
    session, site = db_session(), current_site()
    changed = upgraded(session, site, file)
    editable = current_actor().may(Right.EDIT_MODELS)
    shipped = shipped_text(site, name)
    tabs = {key: label for key, label in TABS.items() if _has(key, file, bool(changed), shipped is not None, editable)}
    tab = request.args.get("tab", "text")
    text = template_text(file)
    return render_template(
        "templates/show.html",
        template=template,
        file=file,
        winner=template.winner(tenant.name if tenant else ""),
        own=own_file(template, tenant.name if tenant else ""),
        tabs=tabs,
        tab=tab if tab in tabs else "text",
        text=text,
        difference=diff_rows(shipped or "", text) if tab == "difference" else [],
        upgrade=changed,
        versions=versions_of(session, name, file.tenant) if tab == "versions" and editable else [],
        editable=editable,
        offer=_offer(template),
    )


@bp.get("/download")
@requires(Right.SEE_SYSTEM)
def download() -> ResponseReturnValue:
    """The bytes of one file, as they lie on disk."""
    name = request.args.get("name", "")
    file = _chosen(the_template(name), "")
    if file.path.is_symlink():
        abort(404)
    response = Response(template_text(file), mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=name.rpartition("/")[2])
    return response


def _chosen(template: Template, tenant: str) -> TemplateFile:
    wanted = request.args.get("scope", "")
    if not wanted:
        return template.winner(tenant) or template.files[0]
    named = {Scope.SHIPPED: ":shipped", Scope.GLOBAL: ":all"}  # no tenant is named so
    return next((file for file in template.files if named.get(file.scope, file.tenant) == wanted), None) or abort(404)


def _has(tab: str, file: TemplateFile, changed: bool, shipped: bool, editable: bool) -> bool:
    if tab == "text" or file.scope is Scope.SHIPPED:
        return tab == "text"
    return {"difference": shipped, "upgrade": changed, "versions": editable}[tab]


def _offer(template: Template) -> Offer:
    """A job names few models; a template that more of them use is offered for all that is stale."""
    keys = [model.key for model in template.models]
    if len(keys) > _MOST_NAMED:
        return stale_offer((), within(Device.tenant_id))
    return stale_offer(keys, Device.model.in_(keys), within(Device.tenant_id))
