"""Custom variables of the whole system, of a tenant, or of a device (spec 1, Template Variables)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, Differences, record_change
from webprov.checks import check_text, check_variable_name, looks_secret
from webprov.errors import InvalidInput, InvalidValue, NotFound
from webprov.rights import Actor
from webprov.store.database import bump, writing
from webprov.store.devicedata import CustomValue
from webprov.store.models import CustomVariable, Device, Tenant, utc_now


@dataclass(frozen=True)
class VariableScope:
    """Whose variables; all empty means the whole system. The rows come from queries that respect who asks."""

    tenant: Tenant | None = None
    device: Device | None = None

    @property
    def tenant_id(self) -> int | None:
        """The tenant that a change record of this scope belongs to."""
        return self.device.tenant_id if self.device else self.tenant.id if self.tenant else None


def list_variables(session: Session, scope: VariableScope) -> list[CustomVariable]:
    """The variables of a scope (not those of lines), by name."""
    query = select(CustomVariable).where(
        CustomVariable.tenant_id == (scope.tenant.id if scope.tenant else None),
        CustomVariable.device_id == (scope.device.id if scope.device else None),
        CustomVariable.line == 0,
    )
    return list(session.scalars(query.order_by(CustomVariable.name)))


def set_variables(
    session: Session,
    scope: VariableScope,
    values: Mapping[str, str],
    by: Actor,
    *,
    secret: Mapping[str, bool] | None = None,
) -> None:
    """Set these variables, all or none. A new one is a secret where `secret` says so or its name looks like it (SE-04).

    Raises InvalidInput by variable name.
    """
    checked = _checked(values)
    with writing(session):
        rows = {row.name: row for row in list_variables(session, scope)}
        differences = Differences()
        for name, value in checked.items():
            row = rows.get(name)
            if row is None:
                row = CustomVariable(name=name, value="", secret=looks_secret(name), line=0)
                row.tenant_id = scope.tenant.id if scope.tenant else None
                row.device_id = scope.device.id if scope.device else None
                session.add(row)
                differences[name] = ["", "added"]
            was_secret = row.secret
            if secret and name in secret:
                differences.put(row, "secret", secret[name], shown_as=f"{name} is a secret")
            differences.put(row, "value", value, shown_as=name, secret=row.secret or was_secret)
        _finish(session, scope, differences, by)


def add_variable(session: Session, scope: VariableScope, name: str, value: str, by: Actor, *, secret: bool) -> None:
    """Add one variable; a name that looks like a secret's is one in any case. Raises InvalidInput (name, value)."""
    _check_new(session, scope, name, value)
    set_variables(session, scope, {name: value}, by, secret={name.strip(): True} if secret else None)


def change_variable(session: Session, scope: VariableScope, name: str, value: str, by: Actor, *, secret: bool) -> None:
    """Give the variable `name` another value or flag; an empty value of a secret keeps what is stored.

    Raises InvalidInput (value), NotFound. What was a secret is typed again before pages show it (UI-12).
    """
    if not _keeps_secret(_row(session, scope, name), value, secret=secret):
        set_variables(session, scope, {name: value}, by, secret={name: secret})


def new_value(
    session: Session, scope: VariableScope, name: str, value: str, *, secret: bool, was: bool
) -> dict[str, CustomValue | None]:
    """What adding the variable (`was`: changing it) would store; raises as that does, and stores nothing."""
    if not was:
        _check_new(session, scope, name, value)
        name = name.strip()
        return {name: CustomValue(value.strip(), secret or looks_secret(name))}
    row = _row(session, scope, name)
    kept = _keeps_secret(row, value, secret=secret)
    return {name: CustomValue(row.value if kept else value.strip(), secret)}


def new_values(session: Session, scope: VariableScope, values: Mapping[str, str]) -> dict[str, CustomValue | None]:
    """What setting these variables would store; raises as that does, and stores nothing."""
    rows = {row.name: row for row in list_variables(session, scope)}
    return {
        name: CustomValue(value, rows[name].secret if name in rows else looks_secret(name))
        for name, value in _checked(values).items()
    }


def _row(session: Session, scope: VariableScope, name: str) -> CustomVariable:
    row = next((row for row in list_variables(session, scope) if row.name == name), None)
    if row is None:
        raise NotFound(f"There is no variable {name[:100]} here.")
    return row


def _check_new(session: Session, scope: VariableScope, name: str, value: str) -> None:
    errors = _errors_of(name, value)
    if not errors and any(row.name == name.strip() for row in list_variables(session, scope)):
        errors["name"] = f"There is {name.strip()} already. Edit its row, or choose another name."
    if errors:
        raise InvalidInput(errors)


def _keeps_secret(row: CustomVariable, value: str, *, secret: bool) -> bool:
    """Whether `row` stays as it is, being a secret of which nothing was typed; raises InvalidInput (value)."""
    if row.secret and not value.strip():
        if not secret:
            raise InvalidInput({"value": "Type the value again: it can be read here from now on."})
        return True
    errors = _errors_of(row.name, value)
    if errors:
        raise InvalidInput({"value": " ".join(errors.values())})
    return False


def parse_assignments(text: str) -> dict[str, str]:
    """Rows like `NAME=value` as pasted; empty rows and those that begin with # are passed over.

    Raises InvalidInput by row: `1`, `2`, …
    """
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    for number, row in enumerate(text.splitlines(), start=1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        name, equals, value = row.partition("=")
        name = name.strip()
        found = _errors_of(name, value) if equals else {"name": "Write NAME=value: there is no = in this row."}
        if not found and name in values:
            found["name"] = f"{name} stands there twice. Remove one."
        if found:
            errors[str(number)] = " ".join(found.values())
        values[name] = value
    if errors:
        raise InvalidInput(errors)
    return values


def delete_variables(session: Session, scope: VariableScope, names: Iterable[str], by: Actor) -> None:
    """Delete these variables, all or none; raises NotFound for a name that is not there."""
    with writing(session):
        rows = {row.name: row for row in list_variables(session, scope)}
        differences = Differences()
        for name in names:
            if name not in rows:
                raise NotFound(f"There is no variable {name} here.")
            differences[name] = CHANGED if rows[name].secret else [rows[name].value, "removed"]
            session.delete(rows[name])
        _finish(session, scope, differences, by)


def _finish(session: Session, scope: VariableScope, differences: Differences, by: Actor) -> None:
    if not differences:
        return
    if scope.device:
        scope.device.version += 1
        scope.device.updated_at = utc_now()
    elif scope.tenant:
        scope.tenant.version += 1
    else:
        bump(session, "variables")
    name = scope.device.mac if scope.device else scope.tenant.name if scope.tenant else "Template variables"
    record_change(session, by, "change", "variables", name, tenant_id=scope.tenant_id, fields=differences)


def _errors_of(name: str, value: str) -> dict[str, str]:
    errors: dict[str, str] = {}
    for part, text, check in (("name", name, check_variable_name), ("value", value, check_text)):
        try:
            check(text)
        except InvalidValue as e:
            errors[part] = str(e)
    return errors


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    checked: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name, value in values.items():
        try:
            checked[check_variable_name(name)] = check_text(value)
        except InvalidValue as e:
            errors[name] = str(e)
    if errors:
        raise InvalidInput(errors)
    return checked
