"""Trouble as a page: inside the frame, one sentence, a request id; never a traceback or a version (security LG-04)."""

import logging
import secrets

from flask import Flask, Response, g, make_response, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from webprov.errors import Conflict, NotAllowed, NotFound, WebprovError

log = logging.getLogger(__name__)

_TEXTS = {
    400: ("The request was not complete", "Go back, load the page again and repeat what you did."),
    401: ("Your session has ended", "Sign in again; what you typed is still in the form behind this page."),
    403: ("This is not for your role", "Ask an administrator of this system."),
    404: ("Nothing here", "The address is wrong, or the thing was deleted or moved."),
    405: ("Not this way", "This address answers to another kind of request. Go back and use the buttons there."),
    413: ("Too much at once", "The upload is larger than this page takes. Send it in smaller parts."),
    422: ("This cannot be done", "Go back and change what you entered."),
    500: ("Something went wrong here", "Nothing was saved. Try again; if it stays, look for the number in the log."),
}
_FORM_MIB = 2
_KINDS: dict[type[WebprovError], int] = {NotFound: 404, NotAllowed: 403, Conflict: 409}


def init_errors(app: Flask) -> None:
    """Answer every error of `app` with a page, or for htmx with its sentence."""
    app.before_request(_name_request)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(WebprovError, _on_expected)
    app.register_error_handler(Exception, _on_unexpected)


def _name_request() -> None:
    g.request_id = secrets.token_hex(5)


def _on_csrf(_error: CSRFError) -> Response:
    return _page(400, "The page was open too long. Load it again and repeat what you did.")


def _on_http(error: HTTPException) -> Response:
    response = _page(error.code or 500, _too_large() if error.code == 413 else "")
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _too_large() -> str:
    """What the page takes, in words, where that is more than a form."""
    limit = (request.max_content_length or 0) // (1024 * 1024)
    return f"This page takes files of up to {limit:,} MiB. Nothing was stored." if limit > _FORM_MIB else ""


def _on_expected(error: WebprovError) -> Response:
    code = next((code for kind, code in _KINDS.items() if isinstance(error, kind)), 422)
    return _page(code, str(error))


def _on_unexpected(error: Exception) -> Response:
    log.error("request %s: %s %s failed", _request_id(), request.method, request.path, exc_info=error)
    return _page(500)


def _page(code: int, sentence: str = "") -> Response:
    heading, remedy = _TEXTS.get(code, _TEXTS[422] if code < 500 else _TEXTS[500])
    sentence = sentence or remedy
    if request.headers.get("HX-Request"):
        return make_response(f"{heading}. {sentence} ({_request_id()})", code, {"Content-Type": "text/plain"})
    frame = "errors/inside.html" if current_user.is_authenticated else "errors/outside.html"
    body = render_template(frame, heading=heading, sentence=sentence, request_id=_request_id(), code=code)
    return make_response(body, code)


def _request_id() -> str:
    return str(g.get("request_id", "-"))
