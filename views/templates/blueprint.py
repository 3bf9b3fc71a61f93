"""What the pages of templates share: the blueprint, and which file a page is about."""

from dataclasses import dataclass

from flask import Blueprint, abort, request

from views.access import visible_tenants
from views.site import current_site
from webprov.phones.phonemodel import Scope
from webprov.rendering.gate import is_template_name
from webprov.templatefiles import Template, TemplateFile, find_template

bp = Blueprint("templates", __name__, url_prefix="/templates")


@dataclass(frozen=True)
class Place:
    """A file that is edited: the template `name` for `tenant` ("" = for all)."""

    name: str
    tenant: str

    @property
    def address(self) -> dict[str, str]:
        """What names this place in an address."""
        return {"name": self.name, "scope": self.tenant}

    @property
    def whom(self) -> str:
        """Who gets it, in words."""
        return self.tenant or "all tenants"


def tenant_list() -> list[str]:
    """The tenants whose templates this person may see."""
    return [one.name for one in visible_tenants()]


def the_place() -> Place:
    """What `?name=` and `?scope=` name; 404 for a tenant that is not there, or what is no name of a template."""
    name, tenant = request.args.get("name", ""), request.args.get("scope", "")
    if not is_template_name(name) or (tenant and tenant not in tenant_list()):
        abort(404)
    return Place(name, tenant)


def the_template(name: str) -> Template:
    """The template of that name; 404 where nobody has one."""
    return find_template(current_site(), name, tenant_list()) or abort(404)


def own_file(template: Template | None, tenant: str) -> TemplateFile | None:
    """The scope's own file, not that of a wider one."""
    scope = Scope.TENANT if tenant else Scope.GLOBAL
    files = template.files if template else ()
    return next((file for file in files if (file.scope, file.tenant) == (scope, tenant)), None)
