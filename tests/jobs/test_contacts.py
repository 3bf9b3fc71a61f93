"""Edits at random times while workers are killed: in the end every directory says what the database says (R13, BG-03).

A few kills in the suite; WEBPROV_LONG=1 makes 200 edits over five minutes.
"""

import dataclasses
import os
import random
import time

import pytest
from sqlalchemy import select

from tests.factories import make_device, make_tenant, small_config
from tests.webprov.contactbook import add_people, book, give_directories
from tests.webprov.workers import Workers, wait_for
from webprov.changes.contacts import add_contact, ask_for_build, change_contact, delete_contacts
from webprov.directories import dirty_tenants
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.contactrecords import Contact
from webprov.store.models import Tenant

LONG = bool(os.environ.get("WEBPROV_LONG"))
EDITS = 200 if LONG else 24
SECONDS = 300.0 if LONG else 10.0
KILLS_EVERY = (5.0, 20.0) if LONG else (1.0, 3.0)
INTERVAL_SECONDS = 5 if LONG else 1
TENANTS = ("acme", "globex")


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    give_directories(config)
    return dataclasses.replace(config, contacts_interval_seconds=INTERVAL_SECONDS)


@pytest.fixture
def workers(config, instance, monkeypatch):
    monkeypatch.setenv("WEBPROV_CONTACTS_INTERVAL", str(INTERVAL_SECONDS))
    workers = Workers(config)
    yield workers
    workers.close()


@pytest.fixture
def site(config, session):
    """Two tenants with a desk phone and three contacts each."""
    loader = SiteLoader(config)
    for number, tenant in enumerate(TENANTS, start=1):
        make_tenant(session, tenant)
        make_device(session, loader.load(session), f"805EC000000{number}", tenant=tenant)
        add_people(session, "Ann", "Bo", "Cy", tenant=tenant)
    return loader.load(session)


def people(session, tenant):
    """Names and extensions as the database has them, in the order of a directory."""
    session.rollback()
    of_tenant = Contact.tenant_id == select(Tenant.id).where(Tenant.name == tenant).scalar_subquery()
    found = session.execute(select(Contact.first_name, Contact.extension).where(of_tenant))
    return sorted(((row.first_name, row.extension) for row in found), key=lambda pair: (pair[0].casefold(), *pair))


def edit(session, chance, number):
    """Somebody adds, changes or deletes a contact of either tenant."""
    tenant = chance.choice(TENANTS)
    of_tenant = Contact.tenant_id == select(Tenant.id).where(Tenant.name == tenant).scalar_subquery()
    ids = list(session.scalars(select(Contact.id).where(of_tenant)))
    what = chance.choice(("add", "change", "change", "delete")) if len(ids) > 1 else "add"
    if what == "add":
        add_contact(session, CONSOLE, tenant, {"first_name": f"New {number}", "extension": str(3000 + number)})
    elif what == "change":
        change_contact(session, CONSOLE, tenant, chance.choice(ids), {"first_name": f"Changed {number}"})
    else:
        delete_contacts(session, CONSOLE, tenant, [chance.choice(ids)])


def test_no_edit_is_lost_whenever_the_worker_is_killed(config, session, site, workers):
    chance = random.Random(13)
    worker = workers.start()
    end = time.monotonic() + SECONDS
    kill_at = time.monotonic() + chance.uniform(*KILLS_EVERY)

    for number in range(EDITS):
        edit(session, chance, number)
        time.sleep(max(0.0, (end - time.monotonic()) / (EDITS - number) * chance.uniform(0, 2)))
        if time.monotonic() > kill_at:
            workers.kill(worker)
            worker = workers.start()
            kill_at = time.monotonic() + chance.uniform(*KILLS_EVERY)

    def all_seen():
        session.rollback()
        return all(book(config, tenant) == people(session, tenant) for tenant in TENANTS)

    assert wait_for(all_seen, 60), [(book(config, tenant), people(session, tenant)) for tenant in TENANTS]
    assert wait_for(lambda: session.rollback() or not dirty_tenants(session, site), 60)


def test_an_edit_while_no_worker_runs_is_seen_once_one_does(config, session, site, workers):
    worker = workers.start()
    assert wait_for(lambda: book(config) == [("Ann", "201"), ("Bo", "202"), ("Cy", "203")], 60)
    workers.kill(worker)
    change_contact(session, CONSOLE, "acme", 1, {"first_name": "Anna"})

    workers.start()

    assert wait_for(lambda: book(config) == [("Anna", "201"), ("Bo", "202"), ("Cy", "203")], 60)


def test_somebody_who_asks_does_not_wait_for_the_interval(config, session, site, workers, monkeypatch):
    monkeypatch.setenv("WEBPROV_CONTACTS_INTERVAL", "280")
    slow = Workers(config)
    slow.start()
    assert wait_for(lambda: book(config) == [("Ann", "201"), ("Bo", "202"), ("Cy", "203")], 60)
    change_contact(session, CONSOLE, "acme", 1, {"first_name": "Anna"})

    ask_for_build(session, CONSOLE, "acme")

    seen = wait_for(lambda: book(config) == [("Anna", "201"), ("Bo", "202"), ("Cy", "203")], 60)
    slow.close()
    assert seen
