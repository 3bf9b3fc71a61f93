"""Workers killed at any moment: jobs and contacts come to their end without anybody pressing a button (R2, R13).

WEBPROV_LONG=1 makes the hunts as long as the figures say.
"""

import os
import random
import time

import pytest
from sqlalchemy import select

from tests.factories import MAC, MODELS, TEMPLATES, make_device, make_tenant, small_config
from tests.webprov.workers import Workers, make_fleet, wait_for
from webprov.changes.contacts import add_contact
from webprov.changes.settings import save_settings
from webprov.directories import dirty_tenants
from webprov.jobs import jobs_under_way, start_provision_job
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.jobrecords import JobRecord
from webprov.syncdue import due_contacts
from webprov.workload import LEFT_OVER, workload

LONG = bool(os.environ.get("WEBPROV_LONG"))
DIRECTORY = """\
## format: xml encoding=utf-8
<?xml version="1.0" encoding="UTF-8"?>
<people>
% for contact in CONTACTS:
<person name="${contact.NAME}" work="${contact.WORK}"/>
% endfor
</people>
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Every main file says at its start and its end what it was made from; models have a directory."""
    monkeypatch.setenv("WEBPROV_CONTACTS_INTERVAL", "1")
    monkeypatch.setenv("WEBPROV_RETRY_INTERVAL", "2")
    config = small_config(tmp_path)
    head, _, rest = TEMPLATES["phone.cfg"].partition("\n")
    marked = f"{head}\nbegin = ${{NTP_SERVER}}\n{rest.removesuffix(chr(92) + chr(10))}\nend = ${{NTP_SERVER}}\n"
    (config.templates_dir / "test" / "phone.cfg").write_text(marked)
    (config.templates_dir / "test" / "directory.xml").write_text(DIRECTORY)
    rule = "translation_map = test\ndirectory_1 = test/directory.xml -> test.xml"
    (config.models_dir / "test.ini").write_text(MODELS.replace("translation_map = test", rule))
    return config


@pytest.fixture
def workers(config):
    started = Workers(config)
    yield started
    started.close()


def marks(path):
    lines = path.read_text().splitlines()
    return lines[0].removeprefix("begin = "), lines[-1].removeprefix("end = ")


def test_jobs_whose_workers_are_killed_converge_without_a_button(config, session, workers):
    count, rounds = (1_000, 100) if LONG else (60, 5)
    ids = make_fleet(session, count)
    chance = random.Random(11)

    for number in range(rounds):
        save_settings(session, {"ntp_server": f"ntp{number}.example"}, CONSOLE)
        if not jobs_under_way(session):
            start_provision_job(session, CONSOLE, ids, f"Round {number}")
        worker = workers.start()
        time.sleep(chance.uniform(0.4, 2.0))
        workers.kill(worker)
        files = list(config.provisioning_dir.glob("805ec0*[0-9a-f].cfg"))
        assert [path.name for path in files if len(set(marks(path))) != 1] == []
        session.rollback()
    workers.start()
    assert wait_for(lambda: session.rollback() or not jobs_under_way(session), 120)
    start_provision_job(session, CONSOLE, ids, "The last one")
    workers.start()

    def converged():
        session.rollback()
        return not any(workload(session, SiteLoader(config).load(session))[name] for name in LEFT_OVER)

    assert wait_for(converged, 120)
    files = list(config.provisioning_dir.glob("805ec0*[0-9a-f].cfg"))
    assert len(files) == count
    assert {marks(path) for path in files} == {(f"ntp{rounds - 1}.example",) * 2}
    assert list(config.provisioning_dir.rglob(".*.tmp")) == []
    assert {job.state for job in session.scalars(select(JobRecord))} == {"done"}


def test_contacts_edited_while_workers_are_killed_reach_disk_and_storage(config, session, workers, storage, tmp_path):
    edits, kill_each = (200, 20) if LONG else (24, 6)
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), MAC)
    save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/"), CONSOLE)
    chance = random.Random(13)

    worker = workers.start()
    for number in range(edits):
        add_contact(session, CONSOLE, "acme", {"first_name": f"Ann <{number}>", "work": f"{1000 + number}"})
        time.sleep(chance.uniform(0.0, 0.4))
        if number % kill_each == kill_each - 1:
            workers.kill(worker)
            worker = workers.start()

    def arrived():
        session.rollback()
        site = SiteLoader(config).load(session)
        return not dirty_tenants(session, site) and not due_contacts(session, site)

    assert wait_for(arrived, 90)
    text = (config.provisioning_dir / "CONTACTS/acme/test.xml").read_text()
    assert all(f'work="{1000 + number}"' in text for number in range(edits))
    assert storage.objects()[f"{tmp_path.name}/CONTACTS/acme/test.xml"].decode() == text
