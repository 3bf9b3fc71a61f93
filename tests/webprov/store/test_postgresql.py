"""PostgreSQL takes over by its URL: a server of our own, a first start, the demo fleet, and the same again."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from tests.factories import make_fetch
from tests.postgresql import fresh_postgresql
from tests.webprov.store.goback import downgrade
from webprov.changes.tenants import create_tenant
from webprov.config import load_config
from webprov.demo import fill_demo
from webprov.enums import Role
from webprov.fleet import state_counts
from webprov.importruns import run_next_import
from webprov.imports import find_import, start_import
from webprov.people import create_user
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices
from webprov.store.instance import open_instance
from webprov.store.leases import Lease
from webprov.store.migrating import migrate
from webprov.store.models import FetchRecord
from webprov.workload import workload


@pytest.fixture
def url():
    """A fresh database."""
    with fresh_postgresql() as found:
        yield found


def test_a_fleet_lives_in_postgresql(url, tmp_path):
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance"), "WEBPROV_DATABASE_URL": url})
    loader = SiteLoader(config)
    instance = open_instance(config)
    with instance.sessions() as session:
        fill_demo(session, loader)
        results = provision_devices(session, loader.load(session), [device.id for device in read_devices(session)])
        states = state_counts(session, loader.load(session))
        assert workload(session, loader.load(session))["devices"] == 60
    instance.close()

    again = open_instance(config)
    with again.sessions() as session:
        assert {result.error for result in results} == {""}
        assert state_counts(session, loader.load(session)) == states
    again.close()


def test_times_of_requests_survive_an_upgrade_and_a_way_back_in_postgresql(url, tmp_path):
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance"), "WEBPROV_DATABASE_URL": url})
    instance = open_instance(config)
    at = datetime(2026, 3, 29, 7, 30, 59, 999_999, tzinfo=UTC)
    with instance.sessions() as session:
        make_fetch(session, at=at)

    downgrade(instance.engine, "0016")
    with instance.engine.connect() as connection:
        stored = connection.scalar(text("SELECT at FROM fetches"))
    migrate(instance.engine)

    with instance.sessions() as session:
        assert (stored, session.scalar(select(FetchRecord.at))) == (at.replace(tzinfo=None), at)
    instance.close()


def test_imports_in_the_background_live_in_postgresql(url, tmp_path):
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance"), "WEBPROV_DATABASE_URL": url})
    instance, loader = open_instance(config), SiteLoader(config)
    lease = Lease(instance.sessions, "imports")
    by = Actor("Miriam", Role.ADMINISTRATOR)
    with instance.sessions() as session:
        create_user(session, CONSOLE, name=by.name, password="seven quiet lamps", role=by.role)
        tenant = create_tenant(session, "acme", {}, CONSOLE)
        files: list[tuple[str, dict[str, int]]] = []
        for label, counts in (("Desk", {"added": 3}), ("Ünder", {"changed": 3}), ("Ünder", {"unchanged": 3})):
            rows = (f"acme,805EC000000{n},yealink-t54w,{label} {n},{n},hush{n},blf,{n}" for n in range(3))
            header = "tenant,mac,model,label,line1_userid,line1_password,key1_type,key1_value"
            files.append(("\n".join([header, *rows]), counts))
        jobs = [(start_import(session, config, by, text.encode()), counts) for text, counts in files[:2]]
        people = "first_name,last_name,work\nAnn,Lind,1\nBo,Holm,2"
        jobs.append((start_import(session, config, by, people.encode(), tenant=tenant), {"added": 2}))
        changed = people.replace("2", "3")
        jobs.append(
            (start_import(session, config, by, changed.encode(), tenant=tenant), {"changed": 1, "unchanged": 1})
        )
        jobs.append((start_import(session, config, by, files[2][0].encode(), is_trial=True), files[2][1]))
        assert lease.hold()
        while run_next_import(session, instance, loader, lease):
            pass
        for job, counts in jobs:
            session.refresh(job)
            assert (job.state, job.error) == ("done", "")
            found = find_import(session, job).counts
            assert {name: number for name, number in found.items() if number and name != "waiting"} == counts
        stored = read_devices(session)
        assert [(one.label, one.version, one.lines[0].password) for one in stored] == [
            (f"Ünder {n}", 2, f"hush{n}") for n in range(3)
        ]
    instance.close()
