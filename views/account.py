"""What people change about themselves: the password and how the pages look."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from forms.errors import put_errors
from forms.people import OwnPasswordForm
from views.access import current_actor, requires, start_session
from views.confirming import confirming_user
from views.database import db_session
from webprov.errors import InvalidInput
from webprov.people import set_password, set_theme
from webprov.rights import Right
from webprov.store.models import User

bp = Blueprint("account", __name__, url_prefix="/account")


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


@bp.post("/theme")
@requires(Right.OWN_ACCOUNT)
def theme() -> ResponseReturnValue:
    """Remember system, light or dark; with htmx the page turns at once and stays as it is."""
    chosen = request.form.get("theme", "")
    set_theme(db_session(), db_session().get_one(User, current_user.id), chosen)
    if request.headers.get("HX-Request"):
        return Response("", 204, {"HX-Trigger": f'{{"wp-theme": {{"theme": "{chosen}"}}}}'})
    return redirect(url_for("dashboard.index"))


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
