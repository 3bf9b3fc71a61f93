"""Who uses a variable: which templates name it, and how many devices those reach (spec 1, Template Variables)."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webprov.errors import TemplateError
from webprov.site import Site, template_names
from webprov.store.models import Device, Tenant


@dataclass(frozen=True)
class Usage:
    """The templates that name a variable, and how many devices have a file from one of them."""

    templates: tuple[str, ...] = ()
    devices: int = 0


def variable_usage(session: Session, site: Site, names: Iterable[str], *where: ColumnElement[bool]) -> dict[str, Usage]:
    """The usage of each of `names` among the devices that meet `where`; those of missing models do not count."""
    found: dict[str, tuple[set[str], int]] = {name: (set(), 0) for name in names}
    groups = (
        select(Device.model, Tenant.name, func.count()).join(Tenant).where(*where).group_by(Device.model, Tenant.name)
    )
    for key, tenant, devices in session.execute(groups):
        used = _names_used(site, key, tenant)
        for name in found.keys() & used.keys():
            templates, count = found[name]
            found[name] = (templates | used[name], count + devices)
    return {name: Usage(tuple(sorted(templates)), count) for name, (templates, count) in found.items()}


def _names_used(site: Site, key: str, tenant: str) -> dict[str, set[str]]:
    """Every variable that the files of this model name, with the templates that do."""
    model = site.catalog.model(key, tenant)
    used: dict[str, set[str]] = {}
    for template in template_names(model) if model else ():
        try:
            files = site.library.closure(template, tenant).files
        except TemplateError:
            continue
        for file in files:
            for name in file.facts.names:
                used.setdefault(name, set()).add(file.name)
    return used
