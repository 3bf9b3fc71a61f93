"""Reading pages of the admin UI as a browser does."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "seven quiet lamps"


def token(client: FlaskClient, page: str = "/account/password") -> str:
    """The CSRF token that `page` carries."""
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(page).text)
    assert found, page
    return found[1]


def post(client: FlaskClient, address: str, page: str = "/account/password", **values: str) -> TestResponse:
    """Post `values` as the form on `page` does, with its token."""
    return client.post(address, data={"csrf_token": token(client, page), **values})


def error_at(answer: TestResponse, field: str) -> str:
    """The sentence at the field of that id; empty where there is none."""
    found = re.search(rf'id="{field}-error">.*?<span>(.*?)</span>', answer.text, re.DOTALL)
    return found[1] if found else ""
