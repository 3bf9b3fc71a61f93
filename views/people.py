"""Signing in and out, and the page for the first administrator (security UI-06, UI-08, UI-13)."""

import time
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from forms.errors import put_errors
from forms.people import CodeForm, SetupForm, SignInForm
from views.access import before_second_factor, client_address, end_session, public, requires, start_session
from views.database import db_session
from webprov.errors import InvalidInput, SignInRefused
from webprov.people import create_first_administrator
from webprov.rights import Right
from webprov.secondfactor import verify_code
from webprov.signin import sign_out, verify_sign_in
from webprov.store.instance import has_users
from webprov.store.models import User

bp = Blueprint("people", __name__)

_ASKED = "asked-for-code"
_CODE_SECONDS = 300


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    """The sign-in page; straight on for those who are in, to set-up where nobody can be."""
    if not has_users(db_session()):
        return redirect(url_for(".setup"))
    if current_user.is_authenticated:
        return redirect(_next_page())
    return render_template("people/login.html", form=SignInForm())


@bp.post("/login")
@public
def enter() -> ResponseReturnValue:
    """Check name and password; the page again with one sentence where they do not fit."""
    form = SignInForm()
    if form.validate():
        try:
            user = verify_sign_in(db_session(), form.name.data, form.password.data, client_address())
        except SignInRefused as e:
            form.form_errors.append(str(e))
        else:
            if user.totp_secret:
                _ask_for_code(user)
                return redirect(url_for(".code", next=request.args.get("next")))
            start_session(user)
            return redirect(_next_page())
    return render_template("people/login.html", form=form), 422


@bp.get("/login/code")
@public
def code() -> ResponseReturnValue:
    """The second step for people with a second factor; back to the first where that was long ago."""
    if _asked_for_code() is None:
        return redirect(url_for(".login", next=request.args.get("next")))
    return render_template("people/code.html", form=CodeForm())


@bp.post("/login/code")
@public
def enter_code() -> ResponseReturnValue:
    """Check the code; the page again where it does not fit."""
    user = _asked_for_code()
    if user is None:
        return redirect(url_for(".login", next=request.args.get("next")))
    form = CodeForm()
    if form.validate():
        try:
            verify_code(db_session(), user, form.code.data, client_address())
        except SignInRefused as e:
            form.form_errors.append(str(e))
            form.code.data = ""  # it is worth nothing, or was mistyped: the next one is another
        else:
            start_session(user)
            return redirect(_next_page())
    return render_template("people/code.html", form=form), 422


@bp.post("/logout")
@requires(Right.OWN_ACCOUNT)
@before_second_factor
def logout() -> ResponseReturnValue:
    """End every session of this person."""
    user = db_session().get_one(User, current_user.id)
    sign_out(db_session(), user, client_address())
    end_session()
    flash("You are signed out, on every device.")
    return redirect(url_for(".login"))


@bp.get("/setup")
@public
def setup() -> ResponseReturnValue:
    """The page for the first administrator; gone once there is one."""
    if has_users(db_session()):
        abort(404)
    return render_template("people/setup.html", form=SetupForm())


@bp.post("/setup")
@public
def create_first() -> ResponseReturnValue:
    """Make the first administrator and sign them in."""
    if has_users(db_session()):
        abort(404)
    form = SetupForm()
    if form.validate():
        try:
            user = create_first_administrator(
                db_session(),
                token=form.token.data,
                name=form.name.data,
                password=form.password.data,
                address=client_address(),
            )
        except InvalidInput as e:
            put_errors(form, e.errors)
        else:
            start_session(user)
            return redirect(url_for("dashboard.index"))
    return render_template("people/setup.html", form=form), 422


def _ask_for_code(user: User) -> None:
    """Remember in a new session whose password did fit; nobody is signed in by that."""
    session.clear()
    session[_ASKED] = [user.id, user.session_version, int(time.time())]


def _asked_for_code() -> User | None:
    """Who typed the right password a moment ago in this browser, and still may."""
    number, version, at = session.get(_ASKED, (0, 0, 0))
    user = db_session().get(User, number)
    if user is None or user.disabled or user.session_version != version or not user.totp_secret:
        return None
    return user if 0 <= time.time() - at < _CODE_SECONDS else None


def _next_page() -> str:
    """The page that was asked for before signing in, if it is one of ours; else the dashboard."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc:
        return wanted
    return url_for("dashboard.index")
