"""Before a delicate deed the person types their own password again (security UI-12)."""

from flask_login import current_user
from flask_wtf import FlaskForm

from forms.errors import put_errors
from forms.people import NOT_CONFIRMED
from views.access import client_address
from views.database import db_session
from webprov.errors import SignInRefused
from webprov.signin import check_credentials
from webprov.store.models import User


def confirming_user(form: FlaskForm) -> User | None:
    """The person who sent `form`, if it is complete and its `own_password` fits; else None, and the form says why."""
    return own_password_fits(form) if form.validate() else None


def own_password_fits(form: FlaskForm) -> User | None:
    """As `confirming_user`, for a form whose other fields are checked elsewhere."""
    if not form.own_password.data:
        put_errors(form, {"own_password": NOT_CONFIRMED})
        return None
    try:
        return check_credentials(db_session(), current_user.name, form.own_password.data, client_address())
    except SignInRefused as e:
        put_errors(form, {"own_password": str(e)})
        return None
