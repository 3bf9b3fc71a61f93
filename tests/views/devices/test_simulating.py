"""Simulate boot, against a real listener of the test's own instance."""

import socket
import threading

import pytest
from sqlalchemy import select

from tests.pages import post, token
from tests.webprov.serving.conftest import stop
from tests.webprov.serving.fleet import Fleet
from views.devices import simulating
from webprov.serving.fetching import Fetching
from webprov.serving.http import PhoneApp
from webprov.serving.httpserver import PHONE_LIMITS, make_server
from webprov.store.models import ChangeRecord

MINE, FOREIGN = "805EC0000001", "805EC0000002"
URL = f"/devices/{MINE}/simulate"


@pytest.fixture
def phones(instance, devices):
    """The phones' HTTP, at the port that the settings name."""
    listener = socket.create_server(("127.0.0.1", 0))
    Fleet(instance).change(server_address="127.0.0.1", http_port=listener.getsockname()[1])
    fetching = Fetching(instance)
    server = make_server(PhoneApp(fetching), listener, PHONE_LIMITS, unlimited=lambda address: False)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield listener.getsockname()[1]
    stop(server, thread)
    fetching.close()


def test_the_page_says_what_will_be_asked_and_no_secret(support, phones, instance):
    page = support.get(URL).text

    assert f"http://127.0.0.1:{phones}/provisioning" in page
    assert "805ec0000001-info.xml" in page
    assert Fleet(instance).settings.http_password not in page


def test_support_plays_the_boot_of_a_provisioned_phone(support, phones, session, instance):
    post(support, f"/devices/{MINE}/provision")

    page = post(support, URL).text

    assert "This phone would get everything that it needs." in page
    assert page.count("The current revision, 1.") == 3
    assert Fleet(instance).settings.http_password not in page
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "simulate")).one()
    assert (record.name, record.user_name) == (MINE, "Sam Support")


def test_what_is_missing_is_said_with_the_remedy(support, phones):
    page = post(support, URL).text

    assert "This phone would not start up as it should." in page
    assert "3 files that it needs are missing." in page
    assert "It has not been made: provision the device." in page


def test_htmx_gets_the_result_alone(support, phones):
    answer = support.post(URL, data={"csrf_token": token(support)}, headers={"HX-Request": "true"})

    assert answer.text.lstrip().startswith('<div id="simulation">')
    assert "<html" not in answer.text


def test_a_plan_that_cannot_be_made_says_why(support, devices, instance):
    Fleet(instance).change(http_enabled=False)

    assert "HTTP is switched off here." in support.get(URL).text
    assert "HTTP is switched off here." in post(support, URL).text


def test_only_two_run_at_once(support, phones, monkeypatch):
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(simulating, "_AT_ONCE", taken)

    answer = post(support, URL)

    assert answer.status_code == 302
    assert "Two simulations are running already." in support.get(URL).text


def test_a_foreign_device_is_not_there(keeper, devices):
    assert keeper.get(f"/devices/{FOREIGN}/simulate").status_code == 404
    assert post(keeper, f"/devices/{FOREIGN}/simulate").status_code == 404
    assert keeper.get(URL).status_code == 200
