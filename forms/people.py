"""Forms about people: signing in, the first administrator, accounts, one's own password."""

from collections.abc import Collection

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from webprov.enums import Role

ROLE_LABELS = {
    Role.ADMINISTRATOR: "Administrator",
    Role.TENANT_ADMINISTRATOR: "Tenant administrator",
    Role.SUPPORT: "Support",
}


NOT_CONFIRMED = "Enter your own password, so that nobody else does this in your name."


def _new_password(label: str) -> PasswordField:
    return PasswordField(label, [InputRequired("Enter a password.")], render_kw={"autocomplete": "new-password"})


def _own_password(label: str = "Your password") -> PasswordField:
    return PasswordField(label, [InputRequired(NOT_CONFIRMED)], render_kw={"autocomplete": "current-password"})


def _code(label: str) -> StringField:
    return StringField(
        label, [InputRequired("Enter the code that the app shows.")],
        render_kw={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "none"},
    )  # fmt: skip


class SignInForm(FlaskForm):
    """Name and password; both may be pasted and filled in by a password manager."""

    name = StringField("Name", [InputRequired("Enter your name.")], render_kw={"autocomplete": "username"})
    password = PasswordField(
        "Password", [InputRequired("Enter your password.")], render_kw={"autocomplete": "current-password"}
    )


class CodeForm(FlaskForm):
    """The second step of signing in: a code of the app, or a recovery code."""

    code = _code("Code")


class SetupForm(FlaskForm):
    """The first administrator, against the token that the console shows."""

    token = StringField(
        "Set-up token", [InputRequired("Enter the token that webprov printed when it started.")],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )  # fmt: skip
    name = StringField("Your name", [InputRequired("Enter your name.")], render_kw={"autocomplete": "username"})
    password = _new_password("Password")


class ConfirmedForm(FlaskForm):
    """A deed that asks for the password of the person who does it (security UI-12)."""

    own_password = _own_password()


class RoleForm(ConfirmedForm):
    """Role and tenant of an account; `tenants` are (id, name) pairs."""

    role = SelectField("Role", choices=[SelectChoice(role.value, text) for role, text in ROLE_LABELS.items()])
    tenant_id = SelectField("Tenant", coerce=int, default=0)

    def offer_tenants(self, tenants: list[tuple[int, str]]) -> None:
        """Fill the list of tenants; 0 stands for all of them."""
        self.tenant_id.choices = [SelectChoice(0, "All tenants"), *(SelectChoice(*tenant) for tenant in tenants)]

    @property
    def chosen_role(self) -> Role:
        """The role as its enum."""
        return Role(self.role.data)

    @property
    def chosen_tenant_id(self) -> int | None:
        """The tenant's id, None for all."""
        return self.tenant_id.data or None


class SecondFactorForm(ConfirmedForm):
    """The first code of an app, which shows that it has the secret."""

    code = _code("Code that the app shows")


class RequiredForm(ConfirmedForm):
    """Which roles have to have a second factor."""

    administrator = BooleanField(ROLE_LABELS[Role.ADMINISTRATOR])
    tenant_administrator = BooleanField(ROLE_LABELS[Role.TENANT_ADMINISTRATOR])
    support = BooleanField(ROLE_LABELS[Role.SUPPORT])

    @property
    def roles(self) -> list[Role]:
        """Those that were ticked."""
        return [role for role in Role if self[_field_of(role)].data]

    @staticmethod
    def of(roles: Collection[Role]) -> "RequiredForm":
        """The form as it stands."""
        return RequiredForm(None, prefix="required", **{_field_of(role): role in roles for role in Role})


def _field_of(role: Role) -> str:
    return role.value.replace("-", "_")


class NewUserForm(RoleForm):
    """A new account."""

    name = StringField("Name", [InputRequired("Enter the name that this person signs in with.")],
                       render_kw={"autocomplete": "off"})  # fmt: skip
    password = _new_password("Password")


class PasswordForm(ConfirmedForm):
    """Another password for somebody."""

    password = _new_password("New password")


class OwnPasswordForm(FlaskForm):
    """Another password for oneself."""

    own_password = _own_password("Password until now")
    password = _new_password("New password")
    repeated = _new_password("New password again")

    def validate_repeated(self, field: PasswordField) -> None:
        """Both boxes must hold the same."""
        if field.data != self.password.data:
            raise ValidationError("The two new passwords differ. Type the same in both boxes.")
