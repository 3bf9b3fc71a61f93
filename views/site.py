"""The Site of a request: settings, catalogue, templates and files of this moment."""

from flask import current_app, g

from views.database import db_session
from webprov.site import Site, SiteLoader


def current_site() -> Site:
    """Loaded once per request; the loader keeps catalogue and compiled templates for the whole process."""
    if "site" not in g:
        g.site = _loader().load(db_session())
    site: Site = g.site
    return site


def _loader() -> SiteLoader:
    extensions = current_app.extensions
    if "webprov-site" not in extensions:
        extensions["webprov-site"] = SiteLoader(extensions["webprov"].config)
    loader: SiteLoader = extensions["webprov-site"]
    return loader
