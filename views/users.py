"""People who may sign in: list, add, role, password, disable (administrators only)."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from forms.errors import put_errors
from forms.people import ROLE_LABELS, ConfirmedForm, NewUserForm, PasswordForm, RequiredForm, RoleForm
from views.access import current_actor, requires, start_session, visible_tenants
from views.confirming import confirming_user
from views.database import db_session
from webprov.errors import InvalidInput, InvalidValue
from webprov.people import change_role, create_user, list_users, set_disabled, set_password
from webprov.rights import Right
from webprov.secondfactor import require_for, required_roles, turn_off
from webprov.store.models import User

bp = Blueprint("users", __name__, url_prefix="/users")


@bp.get("/")
@requires(Right.MANAGE_USERS)
def index() -> ResponseReturnValue:
    """Everybody, by name."""
    return _list_page(RequiredForm.of(required_roles(db_session())))


@bp.post("/second-factor")
@requires(Right.MANAGE_USERS)
def save_required() -> ResponseReturnValue:
    """Which roles have to have a second factor."""
    form = RequiredForm(prefix="required")
    if _confirmed(form, lambda: require_for(db_session(), current_actor(), form.roles)):
        flash("Saved. Who lacks a second factor is asked to set it up before anything else.")
        return redirect(url_for(".index"))
    return _list_page(form), 422


@bp.get("/new")
@requires(Right.MANAGE_USERS)
def new() -> ResponseReturnValue:
    """The form for a new account."""
    form = NewUserForm(role="support")
    form.offer_tenants(_tenants())
    return render_template("users/new.html", form=form)


@bp.post("/")
@requires(Right.MANAGE_USERS)
def create() -> ResponseReturnValue:
    """Add a person, or show the form again."""
    form = NewUserForm()
    form.offer_tenants(_tenants())

    def add() -> None:
        create_user(
            db_session(), current_actor(), name=form.name.data, password=form.password.data,
            role=form.chosen_role, tenant_id=form.chosen_tenant_id,
        )  # fmt: skip

    if _confirmed(form, add):
        flash(f"{form.name.data.strip()} can sign in.")
        return redirect(url_for(".index"))
    return render_template("users/new.html", form=form), 422


@bp.get("/<int:user_id>/")
@requires(Right.MANAGE_USERS)
def edit(user_id: int) -> ResponseReturnValue:
    """One account: role and tenant, password, disable."""
    return _edit_page(_user(user_id))


@bp.post("/<int:user_id>/role")
@requires(Right.MANAGE_USERS)
def save_role(user_id: int) -> ResponseReturnValue:
    """Another role or tenant."""
    user, form = _user(user_id), RoleForm(prefix="role")
    form.offer_tenants(_tenants())
    if _confirmed(
        form, lambda: change_role(db_session(), current_actor(), user, form.chosen_role, form.chosen_tenant_id)
    ):
        return _done(user, f"{user.name} has another role now.")
    return _edit_page(user, role_form=form), 422


@bp.post("/<int:user_id>/password")
@requires(Right.MANAGE_USERS)
def save_password(user_id: int) -> ResponseReturnValue:
    """Another password; their sessions end."""
    user, form = _user(user_id), PasswordForm(prefix="password")
    if _confirmed(form, lambda: set_password(db_session(), current_actor(), user, form.password.data)):
        return _done(user, f"{user.name} has another password now.")
    return _edit_page(user, password_form=form), 422


@bp.post("/<int:user_id>/state")
@requires(Right.MANAGE_USERS)
def save_state(user_id: int) -> ResponseReturnValue:
    """Disable an account, or let it in again."""
    user, form = _user(user_id), ConfirmedForm(prefix="state")
    if _confirmed(form, lambda: set_disabled(db_session(), current_actor(), user, not user.disabled)):
        return _done(user, f"{user.name} is shut out." if user.disabled else f"{user.name} can sign in again.")
    return _edit_page(user, state_form=form), 422


@bp.post("/<int:user_id>/second-factor")
@requires(Right.MANAGE_USERS)
def reset_second_factor(user_id: int) -> ResponseReturnValue:
    """Take it off somebody who lost the phone and the recovery codes."""
    user, form = _user(user_id), ConfirmedForm(prefix="factor")
    if _confirmed(form, lambda: turn_off(db_session(), current_actor(), user)):
        return _done(user, f"{user.name} signs in with the password alone.")
    return _edit_page(user, factor_form=form), 422


def _confirmed(form: Any, deed: Callable[[], Any]) -> bool:
    """Do `deed` if the form is complete and the person's own password fits; else the form says why not."""
    if not confirming_user(form):
        return False
    try:
        deed()
    except InvalidInput as e:
        put_errors(form, e.errors)
    except InvalidValue as e:
        form.form_errors.append(str(e))
    else:
        return True
    return False


def _done(user: User, sentence: str) -> ResponseReturnValue:
    """Back to the list; whoever changed their own account stays signed in."""
    flash(sentence)
    if user.id == current_user.id and not user.disabled:
        start_session(user)
    return redirect(url_for(".index"))


def _list_page(form: RequiredForm) -> str:
    users = list_users(db_session())
    return render_template("users/index.html", users=users, role_labels=ROLE_LABELS, required_form=form)


def _edit_page(user: User, **forms: Any) -> str:
    if "role_form" not in forms:
        forms["role_form"] = RoleForm(None, prefix="role", role=user.role, tenant_id=user.tenant_id or 0)
        forms["role_form"].offer_tenants(_tenants())
    forms.setdefault("password_form", PasswordForm(None, prefix="password"))
    forms.setdefault("state_form", ConfirmedForm(None, prefix="state"))
    forms.setdefault("factor_form", ConfirmedForm(None, prefix="factor"))
    return render_template("users/edit.html", user=user, role_labels=ROLE_LABELS, **forms)


def _user(user_id: int) -> User:
    return db_session().get(User, user_id) or abort(404)


def _tenants() -> list[tuple[int, str]]:
    return [(tenant.id, tenant.label or tenant.name) for tenant in visible_tenants()]
