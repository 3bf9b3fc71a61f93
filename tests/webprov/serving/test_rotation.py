"""A phone that has not fetched its new file yet signs in with what it knows (security PH-09)."""

import http.client
import subprocess
from datetime import timedelta

import pytest

from tests.webprov.serving.fleet import MAC
from webprov.changes.rotation import end_previous
from webprov.changes.settings import save_settings
from webprov.enums import Protocol
from webprov.rights import CONSOLE
from webprov.serving.askers import Reason
from webprov.store.database import bump, writing
from webprov.store.models import utc_now
from webprov.store.rotation import PreviousLogin, store_previous

FILE = f"/provisioning/{MAC.lower()}.cfg"


def status(phones, option, login):
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", option, "-u", login]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{phones.port}{FILE}"], capture_output=True, text=True, timeout=10, check=False
    )
    return int(done.stdout)


def save(phones, **flat):
    with phones.fleet.instance.sessions() as session:
        save_settings(session, flat, CONSOLE)


@pytest.mark.parametrize("option", ["--basic", "--digest"])
def test_old_and_new_credentials_open_files_until_the_old_ones_are_ended(phones, option):
    phones.fleet.add_phone()
    old = f"{phones.fleet.settings.http_user}:{phones.fleet.settings.http_password}"
    save(phones, http_user="newer", http_password="brand-new-secret-1")

    assert status(phones, option, old) == http.client.OK
    assert status(phones, option, "newer:brand-new-secret-1") == http.client.OK
    assert status(phones, option, "newer:" + old.partition(":")[2]) == http.client.UNAUTHORIZED

    with phones.fleet.instance.sessions() as session:
        end_previous(session, "http", CONSOLE)

    assert status(phones, option, old) == http.client.UNAUTHORIZED
    assert status(phones, option, "newer:brand-new-secret-1") == http.client.OK


def test_old_credentials_end_with_their_time(phones):
    phones.fleet.add_phone()
    with phones.fleet.instance.sessions() as session, writing(session):
        login = PreviousLogin("http", "old", "old-secret-11", 1, utc_now() + timedelta(seconds=600))
        store_previous(session, [login])
        bump(session, "settings")
    rules = phones.fetching.gatekeeper.rules

    assert len(rules.outgoing("http", utc_now().timestamp())) == 1
    assert rules.outgoing("http", utc_now().timestamp() + 601) == []
    assert rules.outgoing("ftp", utc_now().timestamp()) == []


def test_ftp_takes_the_previous_pair_too(phones):
    settings = phones.fleet.settings
    save(phones, ftp_password="brand-new-secret-2")
    gatekeeper = phones.fetching.gatekeeper
    source = gatekeeper.source(Protocol.FTP, "127.0.0.1")

    assert gatekeeper.check_ftp(source, settings.ftp_user, settings.ftp_password).passed
    assert gatekeeper.check_ftp(source, settings.ftp_user, "brand-new-secret-2").passed
    assert gatekeeper.check_ftp(source, settings.ftp_user, "other").reason is Reason.WRONG_CREDENTIALS
