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


def post_settings(
    client: FlaskClient, path: str = "/settings/", headers: dict[str, str] | None = None, **changes: str | None
) -> TestResponse:
    """Post the form of Provisioning Settings as a browser would, with `changes` and one's own password typed in.

    None leaves a field out, as an unticked box is.
    """
    page = client.get("/settings/").text
    data = {"csrf_token": token(client, "/settings/"), "version": re.search(r'name="version" value="(\d+)"', page)[1]}
    for tag in re.findall(r"<input[^>]+>", page):
        name, kind = re.search(r'name="([^"]+)"', tag), re.search(r'type="([^"]+)"', tag)
        skipped = kind and (
            (kind[1] in ("checkbox", "radio") and " checked" not in tag)
            or kind[1] == "search"
            or (kind[1] == "hidden" and name[1] != "seen")
        )
        if name and kind and not skipped:
            value = re.search(r'value="([^"]*)"', tag)
            data[name[1]] = value[1] if value else "on"
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'<option selected value="([^"]+)"', body)
        data[name] = chosen[1] if chosen else ""
    data |= {"own_password": PASSWORD, **changes}
    return client.post(path, data={k: v for k, v in data.items() if v is not None}, headers=headers)
