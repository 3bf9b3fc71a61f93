"""docs/nginx.conf in a real nginx on the loopback, before a real listener."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.service import eventually, free_port
from tests.webprov.serving.authority import Authority
from tests.webprov.serving.fleet import MAC
from webprov.config import load_config
from webprov.errors import ConfigError

CONF = Path(__file__).parents[3] / "docs" / "nginx.conf"
FILE = f"{MAC.lower()}.cfg"
FIRMWARE = bytes(range(256)) * 2_000

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@pytest.fixture
def config(config):
    return replace(config, trusted_proxies=(ip_network("127.0.0.1/32"),), accel_redirect="/_webprov_assets/")


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "authority")


class Proxied:
    """curl through nginx; the address is the one that phones use."""

    def __init__(self, port: int, authority: Authority, phones) -> None:
        self.port, self.authority, self.phones = port, authority, phones
        settings = phones.fleet.settings
        self.login = f"{settings.http_user}:{settings.http_password}"

    def curl(self, path: str, *options: str) -> tuple[int, bytes]:
        command = [
            "curl",
            "-sS",
            "--max-time",
            "20",
            "--cacert",
            str(self.authority.ca),
            "-w",
            "\n%{http_code}",
            *options,
        ]
        url = f"https://localhost:{self.port}{path}"
        done = subprocess.run([*command, url], capture_output=True, check=True, timeout=30)
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), body

    def fetch(self, path: str = f"/provisioning/{FILE}", *options: str) -> tuple[int, bytes]:
        return self.curl(path, "-u", self.login, *options)


@pytest.fixture
def proxied(start_phones, fleet, authority, config, tmp_path) -> Iterator[Proxied]:
    fleet.add_phone(content=b"#hello\n")
    firmware = config.provisioning_dir / "FIRMWARE-x" / "a b%.rom"
    firmware.parent.mkdir(parents=True)
    firmware.write_bytes(FIRMWARE)
    fleet.change(client_certificates="optional")
    phones, port = start_phones(), free_port()
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(_as_documented(folder, port, phones.port, authority, config))
    with (folder / "errors").open("wb") as errors:
        server = subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=errors)
    found = Proxied(port, authority, phones)
    try:
        assert eventually(lambda: _answers(found), 20), (folder / "errors").read_text()
        yield found
    finally:
        server.terminate()
        server.wait(10)


def _as_documented(folder: Path, port: int, phones_port: int, authority: Authority, config) -> str:
    """The document with its capitals filled in and the certificates of phones switched on, in what surrounds it."""
    certificate, key = authority.issue("localhost", "localhost")
    text = CONF.read_text()
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:8081": f"127.0.0.1:{phones_port}",
        "PBX.EXAMPLE;": "localhost;",
        "/etc/ssl/certs/PBX.EXAMPLE.pem": str(certificate),
        "/etc/ssl/private/PBX.EXAMPLE.key": str(key),
        "/SRV/WEBPROV/instance/provisioning/;": f"{config.provisioning_dir}/;",
        "/etc/webprov/phone-makers.pem": str(authority.ca),
        "    #ssl_": "    ssl_",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    user = "user root;\n" if os.getuid() == 0 else ""
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    around = f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
    return f"{user}{around}{text}\n}}\n"


def _answers(proxied: Proxied) -> bool:
    try:
        return proxied.curl("/")[0] == 404
    except subprocess.CalledProcessError:
        return False


@pytest.mark.parametrize("kind", ["--basic", "--digest"])
def test_a_phone_behind_nginx_signs_in_and_is_recorded_with_its_own_address(proxied, kind):
    answer = proxied.fetch(
        f"/provisioning/{FILE}", kind, "--interface", "127.0.0.42", "-H", "X-Forwarded-For: 10.9.9.9"
    )

    assert answer == (200, b"#hello\n")
    assert {fetch.address for fetch in proxied.phones.settle()} == {"127.0.0.42"}


def test_a_wrong_password_is_refused_and_nothing_but_provisioning_is_there(proxied):
    assert proxied.curl(f"/provisioning/{FILE}", "-u", "phones:wrong")[0] == 401
    assert proxied.fetch("/login")[0] == 404
    assert proxied.fetch("/_webprov_assets/FIRMWARE-x/a%20b%25.rom")[0] == 404


def test_firmware_is_decided_by_webprov_and_sent_by_nginx(proxied):
    url = "/provisioning/FIRMWARE-x/a%20b%25.rom"

    assert proxied.curl(url)[0] == 401
    assert proxied.fetch(url) == (200, FIRMWARE)
    assert proxied.fetch(url, "-r", "1000-1999") == (206, FIRMWARE[1000:2000])
    assert b"X-Accel-Redirect" not in proxied.fetch(url, "-I")[1]
    direct = proxied.phones.ask(url, source="127.0.0.9")
    assert (direct.status, direct.body, direct.header("X-Accel-Redirect")) == (200, FIRMWARE, "")


def test_ph12_the_certificate_of_a_phone_opens_its_file_and_a_header_opens_nothing(proxied):
    url = f"/provisioning/{FILE}"
    certificate, key = proxied.authority.issue(MAC)
    forged = ("-H", "X-SSL-Client-Verify: SUCCESS", "-H", f"X-SSL-Client-S-DN: CN={MAC}")

    assert proxied.curl(url, "--cert", str(certificate), "--key", str(key)) == (200, b"#hello\n")
    assert proxied.curl(url, *forged)[0] == 401


def test_a_location_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="WEBPROV_ACCEL_REDIRECT is “assets”"):
        load_config({"WEBPROV_ACCEL_REDIRECT": "assets"})
