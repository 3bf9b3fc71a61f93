"""Who may do what: the matrix of rights, in one place (spec 9, security UI-02)."""

from dataclasses import dataclass
from enum import StrEnum

from webprov.enums import Role


class Right(StrEnum):
    """One thing that a person may or may not do. Those on devices count within the tenants a person sees."""

    SEE = "see"  # devices, models, templates, fetches, jobs, masked previews
    PROVISION = "provision"  # render and write again
    CHECK_SYNC = "check-sync"
    EDIT_DEVICES = "edit devices"  # devices, lines, keys
    EDIT_CONTACTS = "edit contacts"
    EDIT_TENANT_VARIABLES = "edit tenant variables"
    EDIT_TENANTS = "edit tenants"
    EDIT_SETTINGS = "edit settings"  # provisioning settings, global variables
    EDIT_MODELS = "edit models"  # models and templates
    REVEAL = "reveal secrets"
    MANAGE_USERS = "manage users"
    SEE_CHANGES = "see changes"


_SUPPORT = frozenset({Right.SEE, Right.PROVISION, Right.CHECK_SYNC})
_TENANT = _SUPPORT | {Right.EDIT_DEVICES, Right.EDIT_CONTACTS, Right.EDIT_TENANT_VARIABLES, Right.SEE_CHANGES}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.TENANT_ADMINISTRATOR: _TENANT,
    Role.SUPPORT: _SUPPORT,
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a signed-in person, or the command line (`COMMAND_LINE`). `tenant_id` None sees every tenant."""

    name: str
    role: Role
    tenant_id: int | None = None
    address: str = ""

    def may(self, right: Right, tenant_id: int | None = None) -> bool:
        """Whether this person has `right`, on things of `tenant_id` where one is given."""
        return right in RIGHTS[self.role] and self.sees(tenant_id)

    def sees(self, tenant_id: int | None) -> bool:
        """Whether things of this tenant exist for this person; None stands for things of the whole system."""
        return self.tenant_id is None or tenant_id is None or tenant_id == self.tenant_id


COMMAND_LINE = Actor("command line", Role.ADMINISTRATOR)
