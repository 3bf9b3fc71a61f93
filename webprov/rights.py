"""Who may do what: the one matrix of roles and rights, and the person who acts (spec 9, security UI-02)."""

from dataclasses import dataclass
from enum import StrEnum

from webprov.enums import Role
from webprov.errors import NotAllowed, NotFound


class Right(StrEnum):
    """What a page or action asks for. A page names exactly one."""

    OWN_ACCOUNT = "own account"
    SEE_DEVICES = "see devices"  # devices, lines, keys, contacts, fetches; previews with secrets masked
    PROVISION = "provision"  # re-provision and check-sync
    EDIT_DEVICES = "edit devices"  # with their lines, keys and variables
    EDIT_CONTACTS = "edit contacts"
    EDIT_TENANT = "edit tenant"  # a tenant's own variables
    SEE_MODELS = "see models"
    SEE_SYSTEM = "see system"  # settings, templates, sync, unknown phones
    EDIT_SETTINGS = "edit settings"  # with the variables of the whole system
    EDIT_MODELS = "edit models"  # with templates
    SYNC = "sync"  # contacts and shared assets to the storage, now
    MANAGE_TENANTS = "manage tenants"
    MANAGE_USERS = "manage users"
    MANAGE_UNKNOWN = "manage unknown phones"  # ignore them, let blocked addresses in again
    MANAGE_ASSETS = "manage firmware and files"
    SEE_CHANGES = "see changes"
    REVEAL_SECRETS = "reveal secrets"


SYSTEM_RIGHTS = frozenset(
    {
        Right.SEE_SYSTEM,
        Right.EDIT_SETTINGS,
        Right.EDIT_MODELS,
        Right.SYNC,
        Right.MANAGE_TENANTS,
        Right.MANAGE_USERS,
        Right.MANAGE_UNKNOWN,
        Right.MANAGE_ASSETS,
        Right.SEE_CHANGES,
        Right.REVEAL_SECRETS,
    }
)
"""Rights over the whole system: nobody who is tied to one tenant has them."""

_READING = frozenset({Right.OWN_ACCOUNT, Right.SEE_DEVICES, Right.SEE_MODELS, Right.PROVISION})

MATRIX: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.TENANT_ADMINISTRATOR: _READING | {Right.EDIT_DEVICES, Right.EDIT_CONTACTS, Right.EDIT_TENANT},
    Role.SUPPORT: _READING | {Right.SEE_SYSTEM},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """The person (or the console) behind a change. `tenant_id` ties them to one tenant, None = all of them."""

    name: str
    role: Role
    tenant_id: int | None = None
    address: str = ""

    def may(self, right: Right, tenant_id: int | None = None) -> bool:
        """Whether this person has `right`, for things of tenant `tenant_id` where one is given."""
        if right not in MATRIX[self.role]:
            return False
        if self.tenant_id is None:
            return True
        return right not in SYSTEM_RIGHTS and tenant_id in (None, self.tenant_id)

    def check(self, right: Right, tenant_id: int | None = None) -> None:
        """Raise NotAllowed without the right; NotFound for a foreign tenant, as if the thing were not there (UI-03)."""
        if not self.may(right):
            raise NotAllowed(f"Your role does not allow this ({right}). Ask an administrator.")
        if not self.may(right, tenant_id):
            raise NotFound("There is no such thing here.")

    def sees(self, tenant_id: int) -> bool:
        """Whether things of this tenant exist for this person."""
        return self.tenant_id in (None, tenant_id)

    @property
    def tenant_ids(self) -> frozenset[int] | None:
        """The tenants whose things this person sees; None = all."""
        return None if self.tenant_id is None else frozenset({self.tenant_id})


CONSOLE = Actor("console", Role.ADMINISTRATOR)
"""Whoever runs the `webprov` command on this machine."""

SERVICE = Actor("webprov", Role.ADMINISTRATOR)
"""webprov itself, where it puts something right unasked."""
