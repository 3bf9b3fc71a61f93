"""Setting up a second factor and signing in with it (security UI-07)."""

import html
import re
import time

import pyotp
import pytest

from tests.pages import PASSWORD, post
from views import people
from webprov.enums import Role
from webprov.people import create_user, find_user, set_password
from webprov.rights import CONSOLE
from webprov.secondfactor import new_secret, require_for, turn_on
from webprov.store.models import User

PAGE = "/account/second-factor"


@pytest.fixture
def noor(session):
    """Somebody with a second factor; `noor.app` shows its codes. The one of now is still good."""
    user = create_user(session, CONSOLE, name="Noor", password=PASSWORD, role=Role.ADMINISTRATOR)
    secret = new_secret()
    user_codes = turn_on(session, CONSOLE, user, secret, pyotp.TOTP(secret).at(time.time() - 30))
    return pyotp.TOTP(secret), user_codes


def set_up(client) -> tuple[pyotp.TOTP, str]:
    """Turn it on as a person does; the app, and the page with the recovery codes."""
    key = re.search(r'<code class="wp-break">([A-Z2-7 ]+)</code>', client.get(PAGE).text)[1].replace(" ", "")
    app = pyotp.TOTP(key)
    answer = post(client, PAGE, PAGE, code=app.at(time.time() - 30), own_password=PASSWORD)
    assert answer.status_code == 200, answer.text
    return app, answer.text


def with_password(client, **more):
    return post(client, "/login?next=/users/", "/login", name="Noor", password=PASSWORD, **more)


def test_setting_it_up_and_signing_in_with_it(app, admin):
    shown, page = set_up(admin)
    codes = re.findall(r"<li><code>([0-9a-f-]+)</code></li>", page)
    assert len(codes) == 10
    assert html.unescape(re.search(r'data-copy="([^"]+)"', page)[1]) == "\n".join(codes)
    assert "10 recovery codes left" in admin.get(PAGE).text

    other = app.test_client()
    asked = post(other, "/login?next=/users/", "/login", name="Miriam Kumar", password=PASSWORD)
    assert asked.location == "/login/code?next=/users/"
    assert other.get("/users/").location.startswith("/login")
    wrong = post(other, asked.location, asked.location, code="000000")
    assert (wrong.status_code, "does not fit" in wrong.text) == (422, True)
    right = post(other, asked.location, asked.location, code=shown.now())

    assert right.location == "/users/"
    assert other.get("/users/").status_code == 200


def test_a_recovery_code_lets_in_as_well(client, noor):
    with_password(client)

    assert post(client, "/login/code", "/login/code", code=noor[1][0]).status_code == 302
    assert "9 recovery codes left" in client.get(PAGE).text


@pytest.mark.parametrize("event", ["time", "password", "nothing"])
def test_the_second_step_ends_when_the_first_is_old(client, noor, session, monkeypatch, event):
    with_password(client)
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/login/code").text)[1]
    if event == "time":
        later = time.time() + people._CODE_SECONDS + 1
        monkeypatch.setattr(people.time, "time", lambda: later)
    elif event == "password":
        set_password(session, CONSOLE, find_user(session, "Noor"), "other quiet lamps")

    answer = client.post("/login/code", data={"csrf_token": token, "code": noor[1][0]})

    assert answer.location == ("/" if event == "nothing" else "/login")


def test_nobody_is_asked_for_a_code_before_the_password(client, noor):
    assert client.get("/login/code").location == "/login"


def test_roles_that_have_to_have_one_see_nothing_else_before(app, sign_in, session):
    client = sign_in(Role.SUPPORT, name="Sam")
    require_for(session, CONSOLE, [Role.SUPPORT])

    assert client.get("/devices/").location == PAGE
    assert client.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == PAGE
    assert post(client, "/account/password", PAGE).status_code == 403
    assert "Your role has to have a second factor" in client.get(PAGE).text
    assert client.get("/login").location == "/"
    set_up(client)

    assert client.get("/devices/").status_code == 200
    assert "Turn off" not in client.get(PAGE).text
    refused = post(client, f"{PAGE}/off", PAGE, **{"off-own_password": PASSWORD})
    assert refused.status_code == 422
    assert "Your role has to have a second factor" in refused.text


def test_turning_it_off_and_new_codes_ask_for_the_password(admin, session):
    set_up(admin)

    for path, field in ((f"{PAGE}/off", "off"), (f"{PAGE}/codes", "codes")):
        assert post(admin, path, PAGE, **{f"{field}-own_password": "wrong"}).status_code == 422
    made = post(admin, f"{PAGE}/codes", PAGE, **{"codes-own_password": PASSWORD})
    assert made.text.count("<li><code>") == 10
    assert post(admin, f"{PAGE}/off", PAGE, **{"off-own_password": PASSWORD}).location == PAGE

    assert session.query(User).one().totp_secret == ""
    assert admin.get("/users/").status_code == 200


def test_it_needs_the_code_and_the_password(admin, session):
    admin.get(PAGE)

    wrong = post(admin, PAGE, PAGE, code="000000", own_password=PASSWORD)
    without = post(admin, PAGE, PAGE, code="000000", own_password="wrong")

    assert (wrong.status_code, without.status_code) == (422, 422)
    assert "does not fit" in wrong.text
    assert session.query(User).one().totp_secret == ""


def test_administrators_take_it_off_and_say_who_has_to_have_one(admin, noor, session):
    number = find_user(session, "Noor").id
    session.commit()

    assert admin.get("/users/").text.count("<td>Password and code</td>") == 1
    done = post(admin, f"/users/{number}/second-factor", f"/users/{number}/", **{"factor-own_password": PASSWORD})
    assert done.location == "/users/"
    assert session.get(User, number, populate_existing=True).totp_secret == ""
    assert f"/users/{number}/second-factor" not in admin.get(f"/users/{number}/").text
    form = {"required-support": "on", "required-tenant_administrator": "on", "required-own_password": PASSWORD}
    assert post(admin, "/users/second-factor", "/users/", **form).location == "/users/"

    page = admin.get("/users/").text
    ticked = [
        name
        for name in ("administrator", "tenant_administrator", "support")
        if re.search(rf'<input[^>]*checked[^>]*name="required-{name}"', page)
    ]
    assert ticked == ["tenant_administrator", "support"]


def test_the_key_stands_in_no_address_and_no_log(admin, caplog):
    with caplog.at_level("DEBUG"):
        shown, _ = set_up(admin)

    assert shown.secret not in caplog.text
