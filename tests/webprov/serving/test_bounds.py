"""What strangers make a listener remember is bounded (security PH-05): a few sources with small bounds here,
WEBPROV_LONG=1 sends 200,000 against the real ones.
"""

import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.webprov.serving.fleet import MAC, basic
from webprov.enums import Protocol
from webprov.serving import devicelogins, fetchlog, guessing, sources, strangers
from webprov.serving.askers import Asker
from webprov.serving.fetching import Fetching
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import GuessRecord

LONG = bool(os.environ.get("WEBPROV_LONG"))
SOURCES = 200_000 if LONG else 600
BOUND = 100
_AT_ONCE = 5_000 if LONG else 150


@pytest.fixture
def fetching(instance, fleet, monkeypatch):
    """Serves TFTP to everybody, without a listener; with small bounds, and pruning at each turn."""
    if not LONG:
        for module, name in (
            (sources, "_REMEMBERED"),
            (guessing, "_SOURCES"),
            (fetchlog, "_KNOWN_MOST"),
            (strangers, "MOST"),
            (devicelogins, "_REMEMBERED"),
        ):
            monkeypatch.setattr(module, name, BOUND)
        monkeypatch.setattr(guessing, "_PRUNE_SECONDS", 0)
    fleet.change(tftp_enabled=True, tftp_networks="0.0.0.0/0 ::/0")
    opened = Fetching(instance)
    yield opened
    opened.close()


def resident_bytes() -> int:
    """The memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settle(fetching) -> None:
    fetching._guesses._batches.settle(120)
    fetching.log.settle(120)


def ask_from_everywhere(fetching, count: int) -> None:
    """Each source, every other one of IPv6, asks for a file of a MAC of its own that is no device."""
    for number in range(count):
        text = (
            f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1" if number % 2 else str(ip_address(0x0A000000 + number))
        )
        source = fetching.gatekeeper.source(Protocol.TFTP, text)
        fetching.fetch_file(f"{0x805EC1000000 + number:012x}.cfg", Asker(Protocol.TFTP, source, "x" * 300))
        if number % _AT_ONCE == 0:
            settle(fetching)
    settle(fetching)


def test_ph05_sources_without_end_take_memory_with_an_end(fetching, session):
    ask_from_everywhere(fetching, BOUND)
    before = resident_bytes()

    ask_from_everywhere(fetching, SOURCES)

    assert resident_bytes() - before < 100_000_000
    limit = guessing._SOURCES
    assert len(fetching.gatekeeper.rules.tftp_sources._known) <= sources._REMEMBERED
    assert len(fetching._guesses._near) <= limit
    assert len(fetching._guesses._out) <= limit
    assert session.query(UnknownPhone).count() <= strangers.MOST
    assert session.query(GuessRecord).count() <= limit + _AT_ONCE + 1  # pruned once a turn


def test_ph05_many_that_are_near_their_limit_are_remembered_up_to_the_bound(fetching):
    for number in range(3 * BOUND):
        fetching._guesses._remember_near(f"10.0.{number >> 8}.{number & 255}", guessing.Kind.NAMES, near=True)

    assert 0 < len(fetching._guesses._near) <= guessing._SOURCES


def test_ph05_addresses_of_known_phones_are_remembered_up_to_the_bound(fetching, fleet):
    fleet.add_phone()
    for number in range(3 * BOUND):
        source = fetching.gatekeeper.source(Protocol.TFTP, f"10.1.{number >> 8}.{number & 255}")
        assert fetching.fetch_file(f"{MAC.lower()}.cfg", Asker(Protocol.TFTP, source)).found
        fetching.log.settle(5) if number % BOUND == 0 else None

    settle(fetching)

    assert 0 < len(fetching.log._known) <= fetchlog._KNOWN_MOST + BOUND


def test_ph05_user_names_without_end_take_memory_with_an_end(fetching):
    source = fetching.gatekeeper.source(Protocol.HTTP, "192.0.2.1")
    for number in range(BOUND + 10):
        header = basic(f"user{number}", "wrong")
        fetching.gatekeeper._logins.of(f"user{number}")
        fetching.gatekeeper._logins.of(f"user{number}" * 1_000)
    fetching.gatekeeper.check_http(source, header, "GET", "/provisioning/x", 0.0)

    known = fetching.gatekeeper._logins._known
    assert 0 < len(known) <= devicelogins._REMEMBERED
    assert max(map(len, known)) < 100
