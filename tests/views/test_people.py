"""Signing in and out, set-up, sessions (security UI-06, UI-08, UI-13)."""

import time

import pytest

from tests.pages import PASSWORD, error_at, post
from views import access
from webprov.enums import Role
from webprov.people import create_user, find_user, set_disabled, set_password
from webprov.rights import CONSOLE
from webprov.store.instance import new_setup_token
from webprov.store.models import ChangeRecord, SignInFailure, User


@pytest.fixture
def noor(session):
    return create_user(session, CONSOLE, name="Noor", password=PASSWORD, role=Role.ADMINISTRATOR)


def test_login_opens_the_page_that_was_asked_for(client, noor):
    asked = client.get("/users/")

    answer = post(client, asked.location, asked.location, name="Noor", password=PASSWORD)

    assert asked.location == "/login?next=/users/"
    assert answer.location == "/users/"
    assert client.get("/users/").status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/\\evil.example", "evil", "", "javascript:x"]
)
def test_login_never_leads_to_another_site(client, noor, target):
    answer = post(client, f"/login?next={target}", "/login", name="Noor", password=PASSWORD)

    assert answer.location == "/"


def test_wrong_password_is_refused_in_one_sentence(client, noor):
    answer = post(client, "/login", "/login", name="Noor", password="wrong")

    assert answer.status_code == 422
    assert "Name and password do not fit" in answer.text
    assert 'value="wrong"' not in answer.text
    assert client.get("/").location.startswith("/login")


def test_sixth_try_is_told_to_wait(client, noor, session):
    session.add_all(SignInFailure(user_name="Noor", source=f"10.0.0.{n}") for n in range(5))
    session.commit()

    answer = post(client, "/login", "/login", name="Noor", password=PASSWORD)

    assert answer.status_code == 422
    assert "Wait 15 minutes" in answer.text


def test_empty_boxes_have_an_error_each(client, noor):
    answer = post(client, "/login", "/login")

    assert error_at(answer, "name") == "Enter your name."
    assert error_at(answer, "password") == "Enter your password."


def test_session_cookie_is_new_at_sign_in_and_guarded(client, noor):
    client.get("/login")
    before = client.get_cookie("webprov")

    answer = post(client, "/login", "/login", name="Noor", password=PASSWORD)

    cookie = answer.headers["Set-Cookie"]
    assert client.get_cookie("webprov").value != (before.value if before else "")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_session_cookie_is_bound_to_the_host_over_https(app, noor):
    client = app.test_client()
    answer = client.get("/login", base_url="https://localhost")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-webprov=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize(
    "event",
    [
        lambda session, user: set_password(session, CONSOLE, user, "nine loud kettles"),
        lambda session, user: set_disabled(session, CONSOLE, user, True),
    ],
    ids=["password", "disabled"],
)
def test_changes_to_the_account_end_its_sessions(sign_in, session, noor, event):
    client = sign_in(Role.SUPPORT, name="Kim")

    event(session, find_user(session, "Kim"))

    assert client.get("/").location.startswith("/login")


def test_an_old_cookie_is_worth_nothing_after_sign_out(app, admin):
    other = app.test_client()
    other.set_cookie("webprov", admin.get_cookie("webprov").value)
    assert other.get("/").status_code == 200

    assert post(admin, "/logout").location == "/login"

    assert other.get("/").status_code == 302
    assert other.post("/users/", headers={"HX-Request": "true"}).status_code == 401


@pytest.mark.parametrize(
    ("since", "seen", "status"),
    [
        (0, 0, 200),
        (access.ABSOLUTE_SECONDS - 60, 60, 200),
        (access.ABSOLUTE_SECONDS + 1, 0, 302),
        (access.IDLE_SECONDS + 1, access.IDLE_SECONDS + 1, 302),
        (-3600, -3600, 302),
    ],
    ids=["fresh", "nearly 12 h", "over 12 h", "idle", "clock set back"],
)
def test_sessions_end_by_time(admin, since, seen, status):
    now = int(time.time())
    with admin.session_transaction() as cookie:
        cookie["since"], cookie["seen"] = now - since, now - seen

    assert admin.get("/").status_code == status


def test_polling_does_not_keep_a_session_alive(admin):
    seen = int(time.time()) - 600
    with admin.session_transaction() as cookie:
        cookie["seen"] = seen

    admin.get("/", headers={"X-Poll": "1"})
    with admin.session_transaction() as cookie:
        assert cookie["seen"] == seen

    admin.get("/")
    with admin.session_transaction() as cookie:
        assert cookie["seen"] > seen


def test_setup_makes_the_first_administrator_and_closes(app, client, session):
    secret = new_setup_token(session)
    assert client.get("/login").location == "/setup"

    refused = post(client, "/setup", "/setup", token="guess", name="Noor", password=PASSWORD)
    weak = post(client, "/setup", "/setup", token=secret, name="Noor", password="password1234")
    made = post(client, "/setup", "/setup", token=secret, name="Noor", password=PASSWORD)

    assert "not the token" in error_at(refused, "token")
    assert "first that are guessed" in error_at(weak, "password")
    assert made.location == "/"
    assert client.get("/users/").status_code == 200
    assert session.query(User).one().role_kind is Role.ADMINISTRATOR
    assert app.test_client().get("/setup").status_code == 404
    assert app.test_client().post("/setup").status_code in (400, 404)


def test_signing_in_and_out_is_recorded(admin, session):
    post(admin, "/logout")

    records = [(r.action, r.user_name, r.address) for r in session.query(ChangeRecord) if r.user_name != "console"]
    assert records == [("sign in", "Miriam Kumar", "127.0.0.1"), ("sign out", "Miriam Kumar", "127.0.0.1")]
