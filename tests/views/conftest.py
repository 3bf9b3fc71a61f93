"""A real app on an instance of its own, people who can sign in, and clients that have."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.pages import PASSWORD, post
from webprov.config import Config
from webprov.enums import Role
from webprov.people import create_user
from webprov.rights import CONSOLE
from webprov.store.models import Tenant
from wsgi import create_app


@pytest.fixture
def app(config: Config, instance) -> Flask:
    """The admin UI of a fresh instance; errors come as pages, as people see them."""
    return create_app(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody has signed in."""
    return app.test_client()


@pytest.fixture
def tenants(session) -> dict[str, int]:
    """Two tenants and their ids."""
    session.add_all([Tenant(name="acme", label="Acme"), Tenant(name="globex", label="Globex")])
    session.commit()
    return {tenant.name: tenant.id for tenant in session.query(Tenant)}


@pytest.fixture
def sign_in(app: Flask, session) -> Callable[..., FlaskClient]:
    """Make somebody of that role (and tenant) and return their browser."""

    def enter(role: Role = Role.ADMINISTRATOR, tenant_id: int | None = None, name: str = "Miriam Kumar") -> FlaskClient:
        create_user(session, CONSOLE, name=name, password=PASSWORD, role=role, tenant_id=tenant_id)
        client = app.test_client()
        answer = post(client, "/login", "/login", name=name, password=PASSWORD)
        assert answer.status_code == 302, answer.text
        return client

    return enter


@pytest.fixture
def admin(sign_in) -> FlaskClient:
    """An administrator's browser."""
    return sign_in()
