import pytest

from webprov.enums import Role
from webprov.errors import NotAllowed, NotFound
from webprov.rights import MATRIX, SYSTEM_RIGHTS, Actor, Right

READING = {Right.OWN_ACCOUNT, Right.SEE_DEVICES, Right.SEE_MODELS, Right.PROVISION}


def test_matrix_of_roles():
    assert {role: set(rights) for role, rights in MATRIX.items()} == {
        Role.ADMINISTRATOR: set(Right),
        Role.TENANT_ADMINISTRATOR: READING | {Right.EDIT_DEVICES, Right.EDIT_CONTACTS, Right.EDIT_TENANT},
        Role.SUPPORT: READING | {Right.SEE_SYSTEM},
    }


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("role", [Role.TENANT_ADMINISTRATOR, Role.SUPPORT])
def test_people_of_one_tenant_reach_nothing_else(role, right):
    actor = Actor("noor", role, tenant_id=3)

    assert not actor.may(right, 4)
    assert actor.may(right, 3) == actor.may(right) == (right in MATRIX[role] and right not in SYSTEM_RIGHTS)


def test_support_without_tenant_reads_everywhere():
    actor = Actor("sam", Role.SUPPORT)

    assert actor.may(Right.SEE_DEVICES, 4)
    assert actor.may(Right.SEE_SYSTEM)
    assert not actor.may(Right.REVEAL_SECRETS)
    assert actor.tenant_ids is None


def test_check_tells_a_missing_right_but_not_a_foreign_tenant():
    actor = Actor("noor", Role.TENANT_ADMINISTRATOR, tenant_id=3)

    actor.check(Right.EDIT_DEVICES, 3)
    with pytest.raises(NotAllowed, match="edit settings"):
        actor.check(Right.EDIT_SETTINGS)
    with pytest.raises(NotFound, match="no such thing"):
        actor.check(Right.EDIT_DEVICES, 4)
    assert actor.tenant_ids == {3}
