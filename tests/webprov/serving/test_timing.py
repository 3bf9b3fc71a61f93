"""Refusals take equally long because the same is done for each (security PH-03): compared is what takes time."""

import os
import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event

from tests.webprov.serving.fleet import wait_for
from webprov.enums import Protocol, ProvisioningWindow, UserAgentCheck
from webprov.serving.askers import Asker, Identity, Proven
from webprov.serving.fetching import Fetching
from webprov.store.database import writing
from webprov.store.models import utc_now
from webprov.store.windowrecords import DeviceWindow

OURS = "Yealink SIP-T54W 96.86.0.45"


@pytest.fixture
def fetching(instance, fleet, session):
    """Devices whose files are refused, each for another reason; the map of files is fresh."""
    opened = Fetching(instance)
    fleet.add_phone("805EC0000001", enabled=False)
    fleet.add_phone("805EC0000002", tenant="elsewhere")
    fleet.change_tenant("elsewhere", networks="198.51.100.0/24")
    own = fleet.add_phone("805EC0000003")
    closed = fleet.add_phone("805EC0000004")
    with writing(session):
        session.add(DeviceWindow(device_id=closed, closes_at=utc_now() - timedelta(hours=1)))
    opened.me = Identity(Proven.DEVICE, own)
    wait_for(lambda: opened._index._is_fresh() and opened._index.knows("805EC0000004"))
    yield opened
    opened.close()


@pytest.fixture
def work(instance, fetching, monkeypatch):
    """What the test's own thread did since it asked last."""
    done = Counter()
    here = threading.get_ident()

    def counted(name, function):
        def call(*arguments, **more):
            done[name] += threading.get_ident() == here
            return function(*arguments, **more)

        return call

    def executed(*_):
        done["query"] += threading.get_ident() == here

    event.listen(instance.engine, "before_cursor_execute", executed)
    monkeypatch.setattr(os, "open", counted("open", os.open))
    monkeypatch.setattr(fetching._assets, "find", counted("assets", fetching._assets.find))
    yield done
    event.remove(instance.engine, "before_cursor_execute", executed)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"device_credentials": True},
        {"provisioning_window": ProvisioningWindow.FIRST_FETCH},
        {"user_agent_check": UserAgentCheck.REFUSE},
        {"provisioning_window": ProvisioningWindow.FIRST_FETCH, "user_agent_check": UserAgentCheck.REFUSE},
    ],
)
def test_ph03_every_refusal_does_the_same_work(fetching, fleet, work, settings):
    fleet.change(**settings)
    shared = Identity(Proven.SHARED)
    asked = {
        "unknown MAC": ("805ec0999999.cfg", shared),
        "no such name": ("nothing.cfg", shared),
        "hidden": (".htaccess", shared),
        "disabled": ("805ec0000001.cfg", shared),
        "outside its network": ("805ec0000002.cfg", shared),
        "another device": ("805ec0000004.cfg", fetching.me),
    }
    if "provisioning_window" in settings:
        asked["window closed"] = ("805ec0000004.cfg", shared)
    source = fetching.gatekeeper.source(Protocol.HTTP, "192.0.2.1")
    costs = {}

    for _ in range(2):  # models are read once
        for what, (name, identity) in asked.items():
            work.clear()
            assert not fetching.fetch_file(name, Asker(Protocol.HTTP, source, OURS, identity)).found, what
            costs[what] = +work

    assert len({tuple(sorted(cost.items())) for cost in costs.values()}) == 1, costs
    assert costs["disabled"]["assets"] == 1
