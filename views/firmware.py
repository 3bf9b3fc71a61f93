"""Firmware and other files for phones: what is there, upload, delete; administrators only (spec 7, 8)."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.partials import wants_partial
from views.site import current_site
from webprov.assetfiles import AssetFolder, asset_folder, delete_asset, firmware_in_use, upload_asset
from webprov.errors import InvalidValue
from webprov.rights import Right

bp = Blueprint("firmware", __name__, url_prefix="/firmware")


@bp.url_value_preprocessor
def _allow_large_uploads(endpoint: str | None, _values: object) -> None:
    """Raise the limit before anything reads the body."""
    if endpoint == "firmware.upload":
        request.max_content_length = current_app.extensions["webprov"].config.upload_limit_bytes


@bp.get("/")
@requires(Right.MANAGE_ASSETS)
def index() -> ResponseReturnValue:
    """The firmware of the models in use, and the files of one folder."""
    return _page()


@bp.post("/upload")
@requires(Right.MANAGE_ASSETS)
def upload() -> ResponseReturnValue:
    """Store the file that was chosen in `folder`, under its own name or `name`."""
    sent, folder = request.files.get("file"), request.form.get("folder", "").strip().strip("/")
    if sent is None or not sent.filename:
        return _refused("Choose a file first.", folder)
    name = request.form.get("name", "").strip() or sent.filename.replace("\\", "/").rpartition("/")[2]
    wanted = request.form.get("wanted", "")
    try:
        stored = upload_asset(
            db_session(), _assets(), f"{folder}/{name}" if folder else name, sent.stream, current_actor()
        )
    except InvalidValue as e:
        return _refused(str(e), folder)
    done = "replaced" if stored.replaced else "stored"
    flash(f"{stored.name} is {done}: {stored.size:,} bytes, SHA-256 {stored.sha256}.")
    if wanted and wanted != name:
        flash(f"The model names {wanted}, so phones will not load {name} until its firmware line says so.", "warning")
    target = url_for(".index", folder=None if wanted else folder or None)
    return ("", 200, {"HX-Redirect": target}) if wants_partial() else redirect(target)


@bp.get("/checksum")
@requires(Right.MANAGE_ASSETS)
def checksum() -> ResponseReturnValue:
    """The SHA-256 of one file: large ones take a moment, so it is worked out on request."""
    name = request.args.get("name", "")
    digest = _assets().checksum(name)
    if wants_partial():
        return render_template("firmware/_checksum.html", digest=digest)
    flash(f"{name}: SHA-256 {digest}")
    return redirect(url_for(".index", folder=name.rpartition("/")[0] or None))


@bp.get("/delete")
@requires(Right.MANAGE_ASSETS)
def ask_delete() -> ResponseReturnValue:
    """What goes with the file."""
    return render_template("firmware/delete.html", file=_assets().find(request.args.get("name", "")), users=_users())


@bp.post("/delete")
@requires(Right.MANAGE_ASSETS)
def delete() -> ResponseReturnValue:
    """Delete it."""
    name = request.form.get("name", "")
    delete_asset(db_session(), _assets(), name, current_actor())
    flash(f"{name} is deleted. Phones that ask for it get nothing.")
    return redirect(url_for(".index", folder=name.rpartition("/")[0] if _has_more(name) else None))


def _assets() -> AssetFolder:
    site = current_site()
    return asset_folder(db_session(), site.config.provisioning_dir, site.catalog)


def _page(error: str = "", folder: str | None = None) -> str:
    assets = _assets()
    shown = request.args.get("folder", "").strip("/") if folder is None else folder
    folders, files = assets.entries(shown if folder is None or assets.has_folder(shown) else "")
    return render_template(
        "firmware/index.html", **_values(assets), shown=shown, folders=folders, files=files, error=error
    )


def _values(assets: AssetFolder) -> dict[str, Any]:
    site = current_site()
    return {
        "firmware": list(firmware_in_use(db_session(), site.catalog, assets)),
        "free": assets.free_bytes,
        "limit": site.config.upload_limit_bytes,
        "root": site.config.provisioning_dir,
    }


def _refused(sentence: str, folder: str) -> ResponseReturnValue:
    if wants_partial():
        return render_template("firmware/_error.html", error=sentence), 422
    return _page(sentence, folder), 422


def _users() -> list[Any]:
    """The models in use whose firmware the file of this request is."""
    name = request.args.get("name", "").casefold()
    return [one for one in _values(_assets())["firmware"] if one.name.casefold() == name]


def _has_more(name: str) -> bool:
    return _assets().has_folder(name.rpartition("/")[0])
