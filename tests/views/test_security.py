"""What every answer carries (security UI-05, UI-09, UI-10, LG-04)."""

import re

import pytest
from flask import request

from tests.pages import post, token
from webprov.config import load_config
from webprov.enums import Role
from webprov.errors import Conflict
from wsgi import create_app

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGES = ["/", "/users/", "/users/new", "/account/password", "/search?q=x", "/nothing"]


@pytest.fixture
def broken(app):
    """An app with a page that fails, and one that is in conflict."""

    def crash():
        raise RuntimeError("canary secret")

    def conflict():
        raise Conflict("Noor saved the same thing.")

    for name, view in (("crash", crash), ("conflict", conflict)):
        view.webprov_public = True
        app.add_url_rule(f"/{name}", name, view)
    return app.test_client()


@pytest.mark.parametrize(
    "address", ["/login", "/static/theme.css", "/static/icons.svg", "/nothing", "/healthz", "/users/"]
)
def test_headers_are_on_every_answer(client, address):
    with client.get(address) as answer:
        headers = answer.headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "HX-Request" in headers["Vary"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_people_are_not_stored(admin, page):
    assert admin.get(page).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", ["/static/theme.css", "/static/htmx.min.js", "/static/icons.svg"])
def test_files_are_kept_by_browsers(admin, address):
    with admin.get(address) as answer:
        pass

    assert "public" in answer.headers["Cache-Control"]
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("page", [*PAGES, "/users/1/"])
def test_pages_hold_nothing_inline(admin, page):
    text = admin.get(page).text

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|js:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=\"/)", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_crash_is_a_page_with_a_number_and_no_more(broken, caplog):
    answer = broken.get("/crash")

    number = re.search(r"request <code>([0-9a-f]{10})</code>", answer.text)[1]
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    assert number in caplog.text
    assert answer.headers["Content-Security-Policy"] == POLICY


def test_expected_trouble_says_its_sentence(broken):
    page = broken.get("/conflict")
    fragment = broken.get("/conflict", headers={"HX-Request": "true"})

    assert page.status_code == fragment.status_code == 409
    assert "Noor saved the same thing." in page.text
    assert fragment.mimetype == "text/plain"
    assert "Noor saved the same thing." in fragment.text


def test_error_pages_keep_the_frame_for_people_inside(admin):
    answer = admin.get("/nothing")

    assert answer.status_code == 404
    assert 'id="column"' in answer.text
    assert admin.delete("/users/").status_code == 405
    assert admin.delete("/users/").headers["Allow"]


def test_bodies_over_2_mib_are_refused(admin):
    answer = admin.post(
        "/account/theme", data={"theme": "x" * (2 * 1024 * 1024 + 1)}, headers={"X-CSRFToken": token(admin)}
    )

    assert answer.status_code == 413
    assert "smaller parts" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_other_sites_cannot_change_anything(admin, headers):
    answer = admin.post("/account/theme", data={"theme": "dark", "csrf_token": token(admin)}, headers=headers)

    assert answer.status_code == 400
    assert 'data-theme="system"' in admin.get("/").text


def test_a_token_of_somebody_else_is_refused(admin, sign_in):
    foreign = token(sign_in(name="Kim"))

    assert admin.post("/account/theme", data={"theme": "dark", "csrf_token": foreign}).status_code == 400


def test_healthz_tells_only_that_it_lives_and_works(client):
    told = client.get("/healthz").json

    assert told.keys() == {"status", "worker", "jobs", "job_kinds", "unconfirmed", "duties", "certificates"}
    assert (told["status"], told["worker"], told["jobs"]) == ("ok", False, 0)


def test_forwarded_addresses_are_believed_from_trusted_proxies_only(tmp_path):
    environ = {"WEBPROV_INSTANCE": str(tmp_path / "instance"), "WEBPROV_TRUSTED_PROXIES": "127.0.0.1/32,10.0.0.0/8"}
    app = create_app(load_config(environ))
    seen = []
    app.before_request(lambda: seen.append((request.remote_addr, request.scheme)))
    forged = {"X-Forwarded-For": "1.2.3.4, 203.0.113.9, 10.0.0.7", "X-Forwarded-Proto": "https"}

    app.test_client().get("/healthz", headers=forged)
    app.test_client().get("/healthz", headers=forged, environ_base={"REMOTE_ADDR": "192.0.2.1"})

    assert seen == [("203.0.113.9", "https"), ("192.0.2.1", "http")]


def test_debug_is_off_and_the_key_is_derived(app):
    assert not app.debug
    assert len(app.secret_key) == 32


def test_tenant_of_somebody_else_is_404_like_a_missing_one(sign_in, tenants):
    client = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"])

    foreign, missing = client.get("/?tenant=globex"), client.get("/?tenant=nosuch")

    assert foreign.status_code == missing.status_code == 404
    assert "Globex" not in foreign.text
    assert client.get("/?tenant=acme").status_code == 200
    assert post(client, "/account/theme", theme="dark").status_code == 302
