from ipaddress import ip_network

import pytest

from webprov.serving.sources import Sources

PROXIES = (ip_network("10.0.0.0/24"), ip_network("2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("2001:db8:ffff::1", " 2001:db8::7 ", "2001:db8::7"),
    ],
)
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(peer, forwarded_for, client):
    assert Sources("", PROXIES).behind(peer, forwarded_for) == client


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_ipv6_counts_per_64(address, key):
    assert Sources("", ()).source(address).key == key


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        ("", "192.0.2.1", True),
        ("", "no address", False),
        ("192.0.2.0/24 2001:db8::/32", "192.0.2.1", True),
        ("192.0.2.0/24, 2001:db8::/32", "2001:db8::9", True),
        ("192.0.2.0/24", "198.51.100.1", False),
        ("192.0.2.0/24", "::ffff:192.0.2.1", True),
        ("nonsense", "192.0.2.1", False),
    ],
)
def test_networks_decide_who_may_ask(allowed, address, expected):
    assert Sources(allowed, ()).source(address).allowed is expected


def test_memory_for_addresses_is_bounded():
    sources = Sources("", ())

    for number in range(45_000):
        sources.source(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(sources._known) <= 20_000
