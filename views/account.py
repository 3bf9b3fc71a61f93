"""What people change about themselves: the password, the second factor, how the pages look."""

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from forms.errors import put_errors
from forms.people import ConfirmedForm, OwnPasswordForm, SecondFactorForm
from views.access import before_second_factor, current_actor, requires, start_session
from views.confirming import confirming_user
from views.database import db_session
from webprov.errors import InvalidInput, InvalidValue
from webprov.people import set_password, set_theme
from webprov.rights import Right
from webprov.secondfactor import address_for, is_required, new_secret, renew_recovery_codes, turn_off, turn_on
from webprov.store.models import User

bp = Blueprint("account", __name__, url_prefix="/account")

_NEW_FACTOR = "new-second-factor"
"""Where the session keeps the secret of an app that is being set up: its owner has it on the screen anyway."""


@bp.get("/password")
@requires(Right.OWN_ACCOUNT)
def password() -> ResponseReturnValue:
    """The form for another password."""
    return render_template("account/password.html", form=OwnPasswordForm())


@bp.post("/password")
@requires(Right.OWN_ACCOUNT)
def save_password() -> ResponseReturnValue:
    """Change it; every other session of this person ends."""
    form = OwnPasswordForm()
    if _change(form):
        flash("Password changed. Every other session of yours has ended.")
        return redirect(url_for("dashboard.index"))
    return render_template("account/password.html", form=form), 422


@bp.get("/second-factor")
@requires(Right.OWN_ACCOUNT)
@before_second_factor
def second_factor() -> ResponseReturnValue:
    """Set it up, or what can be done about it."""
    return _second_factor_page()


@bp.post("/second-factor")
@requires(Right.OWN_ACCOUNT)
@before_second_factor
def turn_on_second_factor() -> ResponseReturnValue:
    """Turn it on, and show the recovery codes, once."""
    form = SecondFactorForm()
    user = confirming_user(form)
    if user:
        try:
            codes = turn_on(db_session(), current_actor(), user, session.get(_NEW_FACTOR, ""), form.code.data)
        except InvalidInput as e:
            put_errors(form, e.errors)
        else:
            start_session(user)
            return render_template("account/recovery.html", codes=codes)
    return _second_factor_page(form), 422


@bp.post("/second-factor/codes")
@requires(Right.OWN_ACCOUNT)
def renew_codes() -> ResponseReturnValue:
    """Other recovery codes, shown once."""
    form = ConfirmedForm(prefix="codes")
    user = confirming_user(form)
    if user is None or not user.totp_secret:
        return _second_factor_page(codes_form=form), 422
    return render_template("account/recovery.html", codes=renew_recovery_codes(db_session(), current_actor(), user))


@bp.post("/second-factor/off")
@requires(Right.OWN_ACCOUNT)
def turn_off_second_factor() -> ResponseReturnValue:
    """Ask for the password alone again."""
    form = ConfirmedForm(prefix="off")
    user = confirming_user(form)
    if user:
        try:
            turn_off(db_session(), current_actor(), user)
        except InvalidValue as e:
            form.form_errors.append(str(e))
        else:
            start_session(user)
            flash("Your second factor is off.")
            return redirect(url_for(".second_factor"))
    return _second_factor_page(off_form=form), 422


@bp.post("/theme")
@requires(Right.OWN_ACCOUNT)
@before_second_factor
def theme() -> ResponseReturnValue:
    """Remember system, light or dark; with htmx the page turns at once and stays as it is."""
    chosen = request.form.get("theme", "")
    set_theme(db_session(), db_session().get_one(User, current_user.id), chosen)
    if request.headers.get("HX-Request"):
        return Response("", 204, {"HX-Trigger": f'{{"wp-theme": {{"theme": "{chosen}"}}}}'})
    return redirect(url_for("dashboard.index"))


def _second_factor_page(form: SecondFactorForm | None = None, **forms: ConfirmedForm) -> str:
    user = db_session().get_one(User, current_user.id)
    if user.totp_secret:
        forms.setdefault("codes_form", ConfirmedForm(None, prefix="codes"))
        forms.setdefault("off_form", ConfirmedForm(None, prefix="off"))
        values = {"left": len(user.recovery_codes), "is_required": is_required(db_session(), user.role_kind)}
        return render_template("account/second_factor.html", **values, **forms)
    secret = session.setdefault(_NEW_FACTOR, new_secret())
    picture = segno.make(address_for(secret, user.name, f"webprov {request.host}"), error="m")
    return render_template(
        "account/new_second_factor.html",
        form=form or SecondFactorForm(None),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        picture=Markup(picture.svg_inline(scale=5, border=2)),  # noqa: S704 - nothing but a drawing
    )


def _change(form: OwnPasswordForm) -> bool:
    """Whether it was done; else the form says why not."""
    user = confirming_user(form)
    if user is None:
        return False
    try:
        set_password(db_session(), current_actor(), user, form.password.data)
    except InvalidInput as e:
        put_errors(form, e.errors)
    else:
        start_session(user)
        return True
    return False
