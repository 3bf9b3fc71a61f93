"""What the pages of models share: the blueprint, and whose model a page is about."""

from dataclasses import dataclass

from flask import Blueprint, abort, request

from views.access import visible_tenants
from views.site import current_site
from webprov.phones.inifile import Section

bp = Blueprint("models", __name__, url_prefix="/models")


@dataclass(frozen=True)
class Place:
    """A section that is edited: of model `key`, for `tenant` ("" = for all)."""

    key: str
    tenant: str

    @property
    def address(self) -> dict[str, str]:
        """What names this place in an address."""
        return {"key": self.key, "scope": self.tenant}

    @property
    def section(self) -> Section | None:
        """The section as the catalogue has it, usable or not; None where the scope has none."""
        return current_site().catalog.section(self.key, self.tenant)


def the_place(key: str | None = None) -> Place:
    """What `?key=` and `?scope=` name; 404 where there is no such section in any scope, or no such tenant."""
    key, tenant = request.args.get("key", "") if key is None else key, request.args.get("scope", "")
    if tenant and tenant not in {one.name for one in visible_tenants()}:
        abort(404)
    place = Place(key, tenant)
    if not current_site().catalog.origins(key, tenant):
        abort(404)
    return place
