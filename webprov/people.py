"""People who sign in: accounts, passwords, throttling (spec 9, security UI-06 to UI-08). Knows no request."""

import unicodedata
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, record_change
from webprov.enums import Role
from webprov.errors import InvalidInput, InvalidValue, NotFound
from webprov.passwords import check_password, hash_password
from webprov.rights import Actor
from webprov.store.database import writing
from webprov.store.instance import has_users, setup_token_fits
from webprov.store.models import InstanceFact, SignInFailure, Tenant, User

MAX_NAME = 64
THEMES = ("system", "light", "dark")


def list_users(session: Session) -> list[User]:
    """Everybody, by name."""
    return sorted(session.scalars(select(User)), key=lambda user: user.name.casefold())


def find_user(session: Session, name: str) -> User | None:
    """The person called `name`, whatever its case."""
    wanted = _folded(name)
    return next((user for user in session.scalars(select(User)) if _folded(user.name) == wanted), None)


def get_user(session: Session, name: str) -> User:
    """The person called `name`; raises NotFound."""
    user = find_user(session, name)
    if user is None:
        raise NotFound(f"There is nobody called “{name[:MAX_NAME]}”. See the list of users.")
    return user


def create_user(
    session: Session, by: Actor, *, name: str, password: str, role: Role, tenant_id: int | None = None
) -> User:
    """Add a person who can sign in; raises InvalidInput by field (name, password, role, tenant_id)."""
    with writing(session):
        return _add(session, by, name, password, role, tenant_id)


def create_first_administrator(session: Session, *, token: str, name: str, password: str, address: str) -> User:
    """Add the first administrator, against the one-time token of the set-up page (security UI-13).

    Raises NotFound once anybody can sign in, InvalidInput by field (token, name, password).
    """
    with writing(session):
        if has_users(session):
            raise NotFound("Set-up is done. Sign in.")
        if not setup_token_fits(session, token):
            raise InvalidInput({"token": "This is not the token that webprov printed last. Copy it from the console."})
        by = Actor(name.strip(), Role.ADMINISTRATOR, address=address)
        user = _add(session, by, name, password, Role.ADMINISTRATOR, None)
        fact = session.get(InstanceFact, "setup_token")
        if fact:
            session.delete(fact)
        return user


def change_role(session: Session, by: Actor, user: User, role: Role, tenant_id: int | None) -> None:
    """Give `user` another role or tenant and end their sessions; raises InvalidInput (role, tenant_id)."""
    with writing(session):
        errors = _role_errors(session, role, tenant_id)
        if role is not Role.ADMINISTRATOR and _is_last_administrator(session, user):
            errors["role"] = _LAST
        if errors:
            raise InvalidInput(errors)
        fields: dict[str, list[Any]] = {"role": [user.role, role.value], "tenant_id": [user.tenant_id, tenant_id]}
        user.role, user.tenant_id = role.value, tenant_id
        user.session_version += 1
        record_change(
            session, by, "change", "user", user.name, fields={k: v for k, v in fields.items() if v[0] != v[1]}
        )


def set_disabled(session: Session, by: Actor, user: User, disabled: bool) -> None:
    """Shut `user` out (all sessions end at once) or let them in again; raises InvalidValue for the last of all."""
    with writing(session):
        if disabled and _is_last_administrator(session, user):
            raise InvalidValue(_LAST)
        user.disabled = disabled
        user.session_version += 1
        record_change(session, by, "disable" if disabled else "enable", "user", user.name)


def set_password(session: Session, by: Actor, user: User, password: str) -> None:
    """Give `user` another password; all their sessions end, failed tries are forgotten. Raises InvalidInput."""
    errors = _password_errors(password, user.name)
    if errors:
        raise InvalidInput(errors)
    hashed = hash_password(password)
    with writing(session):
        user.password_hash = hashed
        user.session_version += 1
        session.execute(delete(SignInFailure).where(SignInFailure.user_name == user.name))
        record_change(session, by, "change", "user", user.name, fields={"password": CHANGED})


def set_theme(session: Session, user: User, theme: str) -> None:
    """Remember how `user` likes the pages; raises InvalidValue."""
    if theme not in THEMES:
        raise InvalidValue(f"Choose one of {', '.join(THEMES)}.")
    with writing(session):
        user.theme = theme


_LAST = "This is the last administrator who can sign in. Make somebody else administrator first."


def _add(session: Session, by: Actor, name: str, password: str, role: Role, tenant_id: int | None) -> User:
    name = unicodedata.normalize("NFC", name).strip()
    errors = _name_errors(session, name) | _password_errors(password, name) | _role_errors(session, role, tenant_id)
    if errors:
        raise InvalidInput(errors)
    user = User(name=name, password_hash=hash_password(password), role=role.value, tenant_id=tenant_id)
    session.add(user)
    fields = {"role": ["", role.value], "tenant_id": [None, tenant_id]}
    record_change(session, by, "create", "user", name, fields=fields)
    return user


def _name_errors(session: Session, name: str) -> dict[str, str]:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        return {"name": f"Enter a name of 1 to {MAX_NAME} characters, without line breaks."}
    if find_user(session, name):
        return {"name": f"There is already somebody called “{name}”. Choose another name."}
    return {}


def _password_errors(password: str, name: str) -> dict[str, str]:
    try:
        check_password(password, name)
    except InvalidValue as e:
        return {"password": str(e)}
    return {}


def _role_errors(session: Session, role: Role, tenant_id: int | None) -> dict[str, str]:
    if role is Role.ADMINISTRATOR and tenant_id is not None:
        return {"tenant_id": "An administrator runs the whole system. Choose “All tenants” or another role."}
    if role is Role.TENANT_ADMINISTRATOR and tenant_id is None:
        return {"tenant_id": "Choose the tenant that this person looks after."}
    if tenant_id is not None and session.get(Tenant, tenant_id) is None:
        return {"tenant_id": "There is no such tenant. Choose one of the list."}
    return {}


def _is_last_administrator(session: Session, user: User) -> bool:
    others = (
        select(func.count())
        .select_from(User)
        .where(User.role == Role.ADMINISTRATOR.value, User.disabled.is_(False), User.id != user.id)
    )
    return user.role == Role.ADMINISTRATOR.value and not user.disabled and not session.scalar(others)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
