"""Files that pages load: htmx from its package, an icon sprite cut from bootstrap-icons, our own with a version.

Addresses carry a hash of the content, so browsers may keep them for good.
"""

import hashlib
import importlib.util
import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, url_for

from views.access import public

bp = Blueprint("assets", __name__)

# fmt: off
ICONS = frozenset({
    "arrow-clockwise", "arrow-counterclockwise", "arrow-down", "arrow-down-circle", "arrow-repeat", "arrow-up",
    "bell", "bookmark", "box-arrow-right", "broadcast", "building", "caret-down-fill", "caret-up-fill",
    "check-circle-fill", "check-lg", "chevron-down", "chevron-expand", "chevron-left", "chevron-right",
    "circle-half", "clipboard-plus", "clock-history", "cloud-upload", "copy", "dash-circle-dotted", "download",
    "exclamation-triangle-fill", "eye", "eye-slash", "file-earmark-code", "funnel", "grip-vertical", "hdd-network",
    "info-circle", "journal-text", "key", "layout-three-columns", "link-45deg", "list", "list-task", "lock-fill",
    "pause-circle", "pencil", "people", "people-fill", "person-circle", "person-lines-fill", "phone", "play", "plus-lg",
    "printer", "question-circle", "question-diamond", "search", "send", "shuffle", "slash-circle", "sliders",
    "speedometer2", "telephone", "three-dots", "trash", "unlock-fill", "upload", "x-lg", "x-octagon-fill"
})
# fmt: on
"""The icons in use, by their bootstrap-icons name; the sprite holds no others."""


@bp.get("/static/icons.svg")
@public
def icons() -> Response:
    """The sprite: `<use href="…/icons.svg#NAME">`."""
    return _forever(icon_sprite(), "image/svg+xml")


@bp.get("/static/htmx.min.js")
@public
def htmx() -> Response:
    """htmx 2, from the package that carries it."""
    return _forever(_htmx_source(), "text/javascript")


def asset(name: str) -> str:
    """The address of a file in `static/` (or of htmx.min.js, icons.svg), with its version."""
    made = {"icons.svg": ("assets.icons", icon_sprite), "htmx.min.js": ("assets.htmx", _htmx_source)}
    if name in made:
        endpoint, content = made[name]
        return url_for(endpoint, v=_version(content()))
    return url_for("static", filename=name, v=_version(_static(name)))


def bootstrap_file(name: str) -> str:
    """The address of a file of Bootstrap, as bootstrap-flask serves it."""
    return url_for("bootstrap.static", filename=name)


@cache
def icon_sprite() -> str:
    """An SVG of the symbols named in ICONS; raises LookupError for a name that bootstrap-icons lacks."""
    whole = _in_package("flask_bootstrap", "static/bootstrap5/icons/bootstrap-icons.svg").read_text("utf-8")
    symbols = dict(re.findall(r'(?s)(?=<symbol[^>]*\bid="([^"]+)")(<symbol.*?</symbol>)', whole))
    missing = sorted(ICONS - symbols.keys())
    if missing:
        raise LookupError(f"bootstrap-icons has no {', '.join(missing)}")
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols[name] for name in sorted(ICONS))}</svg>'


@cache
def _htmx_source() -> str:
    return _in_package("js_lib_htmx", "static/htmx/htmx.min.js").read_text("utf-8")


@cache
def _in_package(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        abort(404)
    return Path(spec.origin).parent / path


@cache
def _static(name: str) -> str:
    return (Path(current_app.static_folder or "") / name).read_text("utf-8")


@cache
def _version(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:10]


def _forever(content: str, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
