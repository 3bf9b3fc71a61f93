"""Changes of many devices at once do exactly what the same changes do one by one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.properties import examples
from webprov.changes.bulkchanges import BulkChanges
from webprov.changes.devices import apply_input, find_device
from webprov.changes.differing import differing
from webprov.deviceinput import parse_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.devicedata import read_device, read_tenants
from webprov.store.models import ChangeRecord, CustomVariable

COLUMNS = [
    "tenant", "label", "timezone", "override", "enabled", "admin_password", "prov_user", "line1_userid",
    "line1_password", "line1_label", "line1_var_RING", "line1_var_PIN", "line2_userid", "line2_password",
    "line2_label", "key1_type", "key1_value", "key1_line", "m1key2_type", "m1key2_label", "var_SIP_PORT",
    "var_API_TOKEN",
]  # fmt: skip
CELLS = {
    "tenant": ["", "acme", "globex"],
    "timezone": ["", "Europe/Berlin"],
    "enabled": ["on", "off"],
    "key1_type": ["", "blf", "line"],
    "m1key2_type": ["", "speeddial"],
    "key1_line": ["", "1", "2"],
}
ROWS = st.lists(st.sampled_from(COLUMNS), unique=True, max_size=8).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(CELLS.get(name, ["", "a", "b"])) for name in names})
)


class _Undone(Exception):
    pass


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    found = SiteLoader(config).load(session)
    make_device(session, found)
    return found


def outcome(session, change):
    """What is stored and recorded after `change`, which is then undone."""
    found = None
    with suppress(_Undone), writing(session):
        last = session.scalars(select(ChangeRecord.id).order_by(ChangeRecord.id.desc())).first()
        change()
        session.flush()
        session.expire_all()
        records = session.scalars(select(ChangeRecord).where(ChangeRecord.id > last)).all()
        variables = session.scalars(select(CustomVariable)).all()
        found = (
            read_device(session, MAC),
            [(one.user_name, one.action, one.thing, one.name, one.tenant_id, one.fields) for one in records],
            sorted((one.line, one.name, one.value, one.secret) for one in variables),
        )
        raise _Undone
    return found


def typed(cells):
    parts = {"key1_type": "blf"} if cells.get("key1_value") else {}
    parts |= {"m1key2_type": "speeddial"} if cells.get("m1key2_label") else {}
    return parse_device({"mac": MAC, **cells, **{name: cells.get(name) or kind for name, kind in parts.items()}})


@given(before=ROWS, after=ROWS)
@examples(60, 3_000)
def test_the_same_is_stored_and_recorded(session, site, before, after):
    given_before, given_after = typed(before), typed(after)

    def at_once():
        apply_input(session, site, find_device(session, MAC, CONSOLE), given_before, CONSOLE)
        session.flush()
        session.expire_all()
        stored = read_device(session, MAC)
        left = differing(given_after, stored)
        if left is None:
            return
        tenants = {tenant.name: tenant for tenant in read_tenants(session).values()}
        changes = BulkChanges(session.get_bind().dialect, CONSOLE)
        if changes.add(left, stored, tenants[left.values.get("tenant") or stored.tenant.name]):
            changes.store(session)
        else:
            apply_input(session, site, find_device(session, MAC, CONSOLE), left, CONSOLE)

    def one_by_one():
        apply_input(session, site, find_device(session, MAC, CONSOLE), given_before, CONSOLE)
        session.flush()
        session.expire_all()
        apply_input(session, site, find_device(session, MAC, CONSOLE), given_after, CONSOLE)

    assert outcome(session, at_once) == outcome(session, one_by_one)


@pytest.mark.parametrize(
    ("cells", "is_plain"),
    [
        ({"label": "Lobby", "tenant": "globex", "admin_password": "new"}, True),
        ({"line1_label": "x", "line2_userid": "1002", "key3_type": "blf", "key3_value": "1"}, True),
        ({"prov_password": "long-enough-22"}, False),
        ({"line1_userid": "", "line1_password": ""}, False),
        ({"line1_label": "x", "line1_var_RING": "3"}, False),
        ({"var_SIP_PORT": "5062"}, False),
    ],
)
def test_only_other_values_are_changed_at_once(session, site, cells, is_plain):
    stored = read_device(session, MAC)
    left = differing(parse_device({"mac": MAC, **cells}), stored)
    tenants = {tenant.name: tenant for tenant in read_tenants(session).values()}

    assert BulkChanges(session.get_bind().dialect, CONSOLE).add(left, stored, tenants["acme"]) is is_plain
