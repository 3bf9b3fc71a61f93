"""All templates by brand: which file wins for whom, which models use it, what is refused."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from views.access import chosen_tenant, requires
from views.database import db_session
from views.paging import here, pager
from views.site import current_site
from views.templates.blueprint import bp, tenant_list
from webprov.rights import Right
from webprov.templatebases import upgraded_places
from webprov.templatefiles import Template, list_templates

STATES = {
    "": "All files",
    "changed": "Changed here",
    "upgraded": "Whose shipped file has changed",
    "refused": "That cannot be used",
    "unused": "That no model uses",
}


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def index() -> ResponseReturnValue:
    """The list, narrowed by text, brand and state."""
    text, brand = request.args.get("q", "").strip()[:100], request.args.get("brand", "")
    state = request.args.get("state", "")
    tenant = chosen_tenant()
    upgraded = upgraded_places(db_session(), current_site())
    templates = list_templates(current_site(), tenant_list())
    found = [
        template
        for template in templates
        if text.casefold() in template.name.casefold()
        and brand in ("", template.brand)
        and _is(template, state, upgraded)
    ]
    page = pager(len(found))
    return render_template(
        "templates/index.html",
        templates=found[page.offset : page.last],
        page=page,
        text=text,
        brand=brand,
        state=state,
        states=STATES,
        refused=sum(_is(template, "refused", upgraded) for template in templates),
        upgraded=upgraded,
        behind=sum(_is(template, "upgraded", upgraded) for template in templates),
        brands=sorted({template.brand for template in templates if template.brand}, key=str.casefold),
        name_of=tenant.name if tenant else "",
        unfiltered=here(q=None, brand=None, state=None, page=None),
    )


def _is(template: Template, state: str, upgraded: set[tuple[str, str]]) -> bool:
    match state:
        case "upgraded":
            return any(file.scope != "shipped" and (file.tenant, file.name) in upgraded for file in template.files)
        case "changed":
            return any(file.scope != "shipped" for file in template.files)
        case "refused":
            return any(template.refused(file) for file in template.files)
        case "unused":
            return not template.models
    return state == ""
