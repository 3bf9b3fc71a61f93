import time

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.enums import Protocol
from webprov.serving import fetchlog
from webprov.serving.askers import Reason
from webprov.serving.fetch import Fetch
from webprov.serving.fetchlog import FetchLog
from webprov.site import SiteLoader
from webprov.store.models import FetchRecord, KnownSource


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def log(instance):
    opened = FetchLog(instance)
    yield opened
    opened.close()


def fetched(source: str) -> Fetch:
    """The device got its file from there."""
    name = f"/provisioning/{MAC.lower()}.cfg"
    return Fetch(time.time(), Protocol.HTTP, source, source, "Phone", name, 200, Reason.DELIVERED, 7, MAC, 1, True)


def test_where_devices_fetch_from_is_written_down_also_after_a_failure(session, config, log, monkeypatch, caplog):
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), MAC)
    whole, fails = fetchlog.note_strangers, iter([True])

    def note_strangers(*given):
        if next(fails, False):
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        whole(*given)

    monkeypatch.setattr(fetchlog, "note_strangers", note_strangers)
    for sources in (["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.3"]):
        for source in sources:
            log.add(fetched(source))
        log.settle(5)
        log.settle(5)

    assert "Fetches cannot be written" in caplog.text
    assert session.scalars(select(KnownSource.source).order_by(KnownSource.source)).all() == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
    ]
    assert len(session.scalars(select(FetchRecord.id)).all()) == 4
