"""Every endpoint is guarded (security UI-01, UI-02, UI-05)."""

import pytest

from views.access import is_public, right_of
from webprov.enums import Role
from webprov.rights import MATRIX, SYSTEM_RIGHTS, Right

PUBLIC = {
    "static",
    "bootstrap.static",
    "assets.icons",
    "assets.htmx",
    "people.login",
    "people.enter",
    "people.code",
    "people.enter_code",
    "people.setup",
    "people.create_first",
    "health.healthz",
    "metrics.metrics",
}


def _rules(app):
    """Each (endpoint, method, address), with 1 and names in place of the variables."""
    for rule in app.url_map.iter_rules():
        values = {name: "static" if name == "filename" else "1" for name in rule.arguments}
        address = app.url_map.bind("localhost").build(
            rule.endpoint, values, method=min(rule.methods), append_unknown=False
        )
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield rule.endpoint, method, address


def test_every_endpoint_has_a_right_or_is_on_the_public_list(app):
    public = {endpoint for endpoint in app.view_functions if is_public(app, endpoint)}

    assert public == PUBLIC
    assert {e for e in app.view_functions if e not in PUBLIC and not isinstance(right_of(app, e), Right)} == set()


def test_nobody_gets_in_without_signing_in(app, client):
    for endpoint, method, address in _rules(app):
        if endpoint not in PUBLIC:
            answer = client.open(address, method=method)
            assert answer.status_code == (302 if method == "GET" else 401), (endpoint, method)


def test_htmx_is_sent_to_the_sign_in_page(client):
    answer = client.get("/", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"
    assert answer.text == ""


@pytest.mark.parametrize("role", [Role.TENANT_ADMINISTRATOR, Role.SUPPORT])
def test_roles_reach_only_what_they_may(app, sign_in, tenants, role):
    client = sign_in(role, tenants["acme"])

    for endpoint, method, address in _rules(app):
        if endpoint in PUBLIC or endpoint == "people.logout":
            continue
        right = right_of(app, endpoint)
        allowed = right in MATRIX[role] and right not in SYSTEM_RIGHTS
        status = client.open(address, method=method).status_code
        assert (status != 403) == allowed, (endpoint, method, status)


def test_every_change_needs_a_csrf_token(app, admin):
    for endpoint, method, address in _rules(app):
        if method == "POST":
            assert admin.post(address).status_code == 400, endpoint
