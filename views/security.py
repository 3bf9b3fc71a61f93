"""What every answer and every cookie of the admin UI carries (security UI-05, UI-08, UI-09)."""

from flask import Flask, Response, abort, request
from flask.sessions import SecureCookieSessionInterface
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_READING = ("GET", "HEAD", "OPTIONS")


class HostCookies(SecureCookieSessionInterface):
    """Over HTTPS the session cookie is bound to the host (`__Host-`) and Secure; over plain HTTP it cannot be."""

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure


def init_security(app: Flask) -> None:
    """Headers, cookies, CSRF tokens and the check of where a request comes from."""
    app.session_interface = HostCookies()
    app.before_request(_refuse_other_sites)
    CSRFProtect(app)
    app.after_request(_add_headers)


def _refuse_other_sites() -> None:
    """Changes come from our own pages. Browsers send `Origin: null` for forms under our referrer policy."""
    if request.method in _READING:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(400, "The request came from another site.")
    if request.headers.get("Origin", "null") not in ("null", request.host_url.rstrip("/")):
        abort(400, "The request came from another site.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if not response.cache_control.public and current_user.is_authenticated:
        response.headers["Cache-Control"] = "no-store"
    response.vary.add("HX-Request")
    return response
