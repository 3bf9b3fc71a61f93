import re

import pytest
from sqlalchemy import select

from tests.pages import post
from webprov.changes.tenants import save_tenant_override
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.store.models import Device, Tenant, TenantOverride


def tenant_of(session, name):
    session.rollback()
    return session.scalar(select(Tenant).where(Tenant.name == name))


@pytest.fixture
def device(session, tenants):
    """A device of acme."""
    session.add(Device(mac="805EC0000001", tenant_id=tenants["acme"], model="yealink-t54w"))
    session.commit()


def test_index_shows_devices_and_own_servers(admin, session, tenants, device):
    tenant_of(session, "acme").registrar = "pbx.acme.example"
    session.commit()

    rows = re.findall(r"<tr>.*?</tr>", admin.get("/tenants/").text, re.S)

    assert "pbx.acme.example" in rows[1]
    assert ">1<" in rows[1] or " 1 " in re.sub(r"<[^>]+>", " ", rows[1])
    assert "As the system" in rows[2]


def test_create_adds_a_tenant(admin, session):
    answer = post(admin, "/tenants/", "/tenants/new", name="initech", label="Initech", registrar="PBX.initech.example")

    assert answer.status_code == 302
    assert tenant_of(session, "initech").registrar == "pbx.initech.example"
    assert "Initech is there" in admin.get("/tenants/").text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": "Big Name"}, "Enter lower-case letters"),
        ({"name": "acme"}, "There is a tenant acme already"),
        ({"name": "x", "registrar": "pbx_acme"}, "underscores are not allowed"),
        ({"name": "x", "timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"name": "x", "language": "klingon!"}, "is not a language"),
    ],
)
def test_a_refused_tenant_keeps_what_was_typed(admin, session, tenants, typed, sentence):
    answer = post(admin, "/tenants/", "/tenants/new", label="<i>Typed</i>", **typed)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="&lt;i&gt;Typed&lt;/i&gt;"' in answer.text
    assert tenant_of(session, "x") is None


def test_edit_says_what_empty_fields_mean_and_saves(admin, session, tenants):
    page = admin.get("/tenants/acme/").text
    answer = post(admin, "/tenants/acme/", label="Acme Ltd", ntp_server="time.acme.example", version="1")

    assert "Empty: the registrar." in page
    assert not re.search(r'<input[^>]*name="name"', page)
    assert answer.status_code == 302
    assert (tenant_of(session, "acme").label, tenant_of(session, "acme").ntp_server) == (
        "Acme Ltd",
        "time.acme.example",
    )


def test_the_second_saver_loses_nothing(admin, session, tenants):
    post(admin, "/tenants/acme/", label="First", version="1")
    second = post(admin, "/tenants/acme/", label="Second", version="1")

    assert second.status_code == 422
    assert "Somebody else changed acme" in second.text
    assert 'value="Second"' in second.text
    assert tenant_of(session, "acme").label == "First"


def test_override_is_saved_per_model_and_removed_when_empty(admin, session, tenants):
    path = "/tenants/acme/override?model=yealink-t54w"
    post(admin, path, text="account.1.x = <1>\r\n")
    page = admin.get(path).text
    stored = [row.text for row in tenant_of(session, "acme").overrides]
    post(admin, path, text="")

    assert stored == ["account.1.x = <1>"]
    assert "account.1.x = &lt;1&gt;" in page
    session.rollback()
    assert session.scalars(select(TenantOverride)).all() == []


def test_override_refuses_control_characters_and_unknown_models(admin, tenants):
    refused = post(admin, "/tenants/acme/override?model=yealink-t54w", text="kept\x07")

    assert refused.status_code == 422
    assert "U+0007" in refused.text
    assert "kept" in refused.text
    assert admin.get("/tenants/acme/override?model=nothing").status_code == 404
    assert post(admin, "/tenants/acme/override?model=nothing", "/tenants/acme/", text="x").status_code == 404


def test_override_text_of_a_model_that_is_gone_can_still_be_removed(admin, session, tenants):
    save_tenant_override(session, "acme", "gone-9", "x", CONSOLE)

    post(admin, "/tenants/acme/override?model=gone-9", text="")

    assert tenant_of(session, "acme").overrides == []


def test_delete_asks_for_the_name(admin, session, tenants):
    wrong = post(admin, "/tenants/acme/delete", typed_name="globex")
    assert wrong.status_code == 422
    assert tenant_of(session, "acme") is not None

    right = post(admin, "/tenants/acme/delete", typed_name="acme")

    assert right.status_code == 302
    assert tenant_of(session, "acme") is None


def test_delete_is_refused_with_devices(admin, session, tenants, device):
    page = admin.get("/tenants/acme/delete").text
    answer = post(admin, "/tenants/acme/delete", typed_name="acme")

    assert "still has" in page
    assert "typed_name" not in page
    assert answer.status_code == 422
    assert tenant_of(session, "acme") is not None


def test_a_tenant_administrator_edits_only_the_own_variables(sign_in, session, tenants):
    person = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"])

    frame = person.get("/tenants/own", follow_redirects=True)
    saved = post(person, "/tenants/acme/variables/", "/tenants/acme/variables/?add=1", name="PARK_LOT", value="701")

    assert frame.request.path == "/tenants/acme/variables/"
    assert "Delete tenant" not in frame.text
    assert ">Variables<" in person.get("/").text
    assert saved.status_code == 302
    assert "701" in person.get("/tenants/acme/variables/").text
    for path in ("/tenants/", "/tenants/acme/", "/tenants/acme/override", "/tenants/acme/delete"):
        assert person.get(path).status_code == 403, path


def test_a_foreign_tenant_is_as_if_it_were_not_there(sign_in, session, tenants):
    person = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"])

    foreign = person.get("/tenants/globex/variables/")
    missing = person.get("/tenants/nothing/variables/")
    posted = post(person, "/tenants/globex/variables/", "/account/password", name="X", value="1")

    assert (foreign.status_code, missing.status_code, posted.status_code) == (404, 404, 404)


def test_support_has_no_tenants_page(sign_in, tenants):
    assert sign_in(Role.SUPPORT).get("/tenants/acme/variables/").status_code == 403


def test_variables_of_a_tenant_offer_to_provision_its_devices_alone(admin, session, tenants, device):
    session.add(Device(mac="805EC0000002", tenant_id=tenants["globex"], model="yealink-t54w"))
    session.commit()

    page = admin.get("/tenants/acme/variables/").text

    assert "Provision 1 device" in page
    assert '<input type="hidden" name="tenant" value="acme">' in page
