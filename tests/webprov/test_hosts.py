from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.enums import Protocol
from webprov.errors import InvalidValue
from webprov.hosts import Host, compose_url, parse_host, parse_network


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("pbx.acme.example", Host("pbx.acme.example")),
        ("PBX.Acme.example.", Host("pbx.acme.example")),
        ("pbx:5061", Host("pbx", 5061)),
        ("192.168.20.5:8081", Host("192.168.20.5", 8081)),
        ("2001:DB8::1", Host("2001:db8::1")),
        ("[2001:db8::1]:8443", Host("2001:db8::1", 8443)),
        ("[2001:db8::1]", Host("2001:db8::1")),
    ],
)
def test_parse_host_reads_names_addresses_and_ports(text, host):
    assert parse_host(text) == host
    assert parse_host(str(host)) == host


@pytest.mark.parametrize(
    "text",
    ["", "pbx_acme", "http://pbx", "pbx/", "-pbx", "pbx-", "a..b", "pbx:0", "pbx:65536", "pbx:x", "10.0.0.256",
     "10.0.0", "fe80::1%eth0", "[::1", "[pbx]:80", "x" * 64, "pbx acme", "pbx\n", "pb\u00fcx", "pbx:٨٠"],
)  # fmt: skip
def test_parse_host_refuses_with_a_remedy(text):
    if text == "pbx\n":  # blanks at the ends are trimmed
        assert parse_host(text) == Host("pbx")
        return
    with pytest.raises(InvalidValue, match=r"Enter|Write|leave out"):
        parse_host(text)


def test_parse_host_may_refuse_a_port():
    with pytest.raises(InvalidValue, match="leave out the port"):
        parse_host("pbx:80", port_allowed=False)


def test_parse_network_normalises():
    assert parse_network(" 10.20.3.4/16 ") == "10.20.0.0/16"
    with pytest.raises(InvalidValue, match=r"10\.20\.0\.0/33"):
        parse_network("10.20.0.0/33")


@examples(200, 20_000)
@given(user=st.text(min_size=1, max_size=20), password=st.text(max_size=20), folder=st.text(max_size=20))
def test_tp10_compose_url_round_trips_any_credentials_and_path(user, password, folder):
    url = compose_url(Protocol.HTTPS, Host("2001:db8::1", 8443), f"/prov/{folder}x", user=user, password=password)

    parts = urlsplit(url)
    assert (parts.hostname, parts.port, unquote(parts.path)) == ("2001:db8::1", 8443, f"/prov/{folder}x")
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.username or "") == user
    assert unquote(parts.password or "") == password


@pytest.mark.parametrize(
    ("protocol", "host", "path", "file_name", "url"),
    [
        (Protocol.HTTP, Host("pbx", 80), "/provisioning", "", "http://u:p@pbx/provisioning"),
        (Protocol.HTTP, Host("pbx", 8081), "/provisioning/", "", "http://u:p@pbx:8081/provisioning"),
        (Protocol.TFTP, Host("pbx", 69), "/provisioning", "", "tftp://pbx/provisioning"),
        (Protocol.FTPS, Host("pbx", 990), "", "", "ftps://u:p@pbx"),
        (Protocol.HTTP, Host("pbx"), "/p q", "T54W(96).rom", "http://u:p@pbx/p%20q/T54W%2896%29.rom"),
    ],
)
def test_compose_url_leaves_out_what_a_phone_adds_itself(protocol, host, path, file_name, url):
    assert compose_url(protocol, host, path, user="u", password="p", file_name=file_name) == url
