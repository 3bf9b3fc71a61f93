"""Signing in and out, and the page for the first administrator (security UI-06, UI-08, UI-13)."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from forms.errors import put_errors
from forms.people import SetupForm, SignInForm
from views.access import client_address, end_session, public, requires, start_session
from views.database import db_session
from webprov.errors import InvalidInput, SignInRefused
from webprov.people import create_first_administrator
from webprov.rights import Right
from webprov.signin import sign_out, verify_sign_in
from webprov.store.instance import has_users
from webprov.store.models import User

bp = Blueprint("people", __name__)


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
            start_session(user)
            return redirect(_next_page())
    return render_template("people/login.html", form=form), 422


@bp.post("/logout")
@requires(Right.OWN_ACCOUNT)
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


def _next_page() -> str:
    """The page that was asked for before signing in, if it is one of ours; else the dashboard."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc:
        return wanted
    return url_for("dashboard.index")
