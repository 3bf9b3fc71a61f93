"""What belongs to another tenant is answered like what does not exist, on every route (security UI-03)."""

import re

import pytest
from sqlalchemy import select

from tests.factories import make_device, make_tenant, small_config
from tests.pages import token
from views.access import right_of
from webprov.changes.contacts import add_contact
from webprov.changes.tenants import find_tenant
from webprov.enums import Role
from webprov.jobs import start_provision_job
from webprov.mac import format_mac
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE, Right
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.models import Base
from webprov.store.uploadrecords import UploadRecord

MINE = {"mac": "805EC0000001", "name": "acme", "key": "acme-door", "number": 1}
FOREIGN = {"mac": "805EC0000002", "name": "globex", "key": "globex-door", "number": 2}
MISSING = {"mac": "805EC0000009", "name": "nosuch", "key": "nosuch-door", "number": 9}
CHANGING = re.compile(r"request <code>\w+</code>|\"X-CSRFToken\": \".*?\"|name=\"csrf_token\".*?>|evision [29]")
"""What differs from request to request, and the name that was asked for."""


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def keeper(sign_in, session, config):
    """The browser of acme's tenant administrator; acme has one of everything with the number 1, globex with 2."""
    for name in ("acme", "globex"):
        make_tenant(session, name)
        folder = config.user_provisioning_dir / name
        folder.mkdir(parents=True)
        (folder / "models.txt").write_text(f"[{name}-door]\nextends = test-desk\nlabel = {name} door\n")
    site = SiteLoader(config).load(session)
    for one in (MINE, FOREIGN):
        device = make_device(session, site, one["mac"], tenant=one["name"], label=f"Desk of {one['name']}")
        provision_device(session, site, one["mac"])
        add_contact(session, CONSOLE, one["name"], {"last_name": f"Person of {one['name']}"})
        start_provision_job(session, CONSOLE, [device.id], f"Desks of {one['name']}")
        with writing(session):
            session.add(
                UploadRecord(
                    device_id=device.id,
                    path="boot.log",
                    path_key="boot.log",
                    size=1,
                    source="192.0.2.7",
                    protocol="ftp",
                )
            )
    session.rollback()
    return sign_in(Role.TENANT_ADMINISTRATOR, find_tenant(session, "acme", CONSOLE).id, "Tom Keeper")


def addresses(app):
    """Each (method, address of a thing of globex, that of a thing that does not exist).

    Where two names lead to a thing, each of them is swapped in turn.
    """
    build = app.url_map.bind("localhost").build
    for rule in app.url_map.iter_rules():
        if right_of(app, rule.endpoint) in (None, Right.OWN_ACCOUNT):
            continue
        own = {name: MINE.get(name, "1") for name in rule.arguments}
        for name in rule.arguments & FOREIGN.keys():
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield (
                    method,
                    *(build(rule.endpoint, own | {name: of[name]}, method=method) for of in (FOREIGN, MISSING)),
                )
        if not rule.arguments and "GET" in rule.methods:
            yield "GET", *(f"{rule.rule}?tenant={of['name']}" for of in (FOREIGN, MISSING))


def told(client, method, address, csrf):
    """All that an answer tells about the thing."""
    data = {"which": "waiting"} if method == "POST" else None
    answer = client.open(address, method=method, headers={"X-CSRFToken": csrf}, data=data)
    headers = [pair for pair in answer.headers if pair[0] not in ("Date", "Content-Length")]
    text = CHANGING.sub("", answer.text)
    for of in (FOREIGN, MISSING):
        for name in ("mac", "name", "key"):
            text = text.replace(of[name], name)
        text = text.replace(format_mac(of["mac"]), "mac")
    return answer.status_code, headers, text


def stored(session):
    """Every row of every table, but not that somebody was seen."""
    session.rollback()
    return {table.name: session.execute(select(table)).all() for table in Base.metadata.sorted_tables}


def test_every_route_answers_for_a_foreign_thing_as_for_a_missing_one(app, keeper, session):
    csrf, before = token(keeper), stored(session)

    for method, foreign, missing in addresses(app):
        found = told(keeper, method, foreign, csrf)
        assert found == told(keeper, method, missing, csrf), (method, foreign)

    assert stored(session) == before


@pytest.mark.parametrize("path", ["devices/{mac}/", "models/{key}/?tenant={name}", "jobs/{number}/", "tenants/{name}/"])
def test_those_things_are_there_for_an_administrator(admin, keeper, path):
    assert admin.get("/" + path.format(**FOREIGN)).status_code == 200
    assert admin.get("/" + path.format(**MISSING)).status_code == 404
