"""What a monitor is told, and who else is (security LG-05)."""

import base64

import pytest

from tests.pages import PASSWORD
from webprov.enums import Role


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def values(answer):
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


def test_a_monitor_signs_in_by_basic_and_gets_numbers(app, sign_in):
    sign_in(Role.SUPPORT, name="monitor")

    answer = app.test_client().get("/metrics", headers=basic("monitor", PASSWORD))

    told = values(answer)
    assert answer.content_type.startswith("text/plain")
    assert (told["webprov_devices"], told["webprov_worker_up"], told["webprov_outbox_oldest_seconds"]) == (0, 0, 0)


def test_somebody_signed_in_sees_them_too(admin):
    assert "webprov_stale" in values(admin.get("/metrics"))


@pytest.mark.parametrize("headers", [{}, basic("monitor", "wrong"), basic("", ""), {"Authorization": "Bearer x"}])
def test_others_are_asked_to_sign_in_and_told_nothing(client, sign_in, headers):
    sign_in(Role.SUPPORT, name="monitor")

    answer = client.get("/metrics", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert "webprov_" not in answer.text


def test_people_of_one_tenant_do_not_see_the_whole_system(sign_in, tenants):
    assert sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"]).get("/metrics").status_code == 401
