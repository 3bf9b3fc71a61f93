"""P1b: phones' HTTP against nginx with one worker and a password file: what a file server without any rules can do."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.bench_phone_get import SECONDS, make_fleet, running, serve_webprov, storm
from benchmarks.goals import Result, Row, Skipped, interleaved, print_table
from benchmarks.load import requests_per_second
from webprov.config import load_config
from webprov.store.instance import open_instance
from webprov.store.settings import load_settings


def measure() -> list[Result]:
    """The rows of P1b."""
    nginx, openssl = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"), shutil.which("openssl")
    if nginx is None:
        return [Skipped("P1b", "nginx is not installed (Debian: nginx-light)")]
    if openssl is None:
        return [Skipped("P1b", "openssl is not installed, which makes nginx's password file")]
    with tempfile.TemporaryDirectory() as folder:
        config = load_config({"WEBPROV_INSTANCE": folder})
        requests = storm(make_fleet(config))
        plain = write_configuration(folder, "plain", lambda password: "{PLAIN}" + password)
        hashed = write_configuration(folder, "hashed", partial(_apr1, openssl))
        servers = {
            "webprov": partial(serve_webprov, folder),
            "nginx": partial(serve_nginx, nginx, str(plain)),
            "htpasswd": partial(serve_nginx, nginx, str(hashed)),
        }
        kept = interleaved({name: partial(_one_round, serve, requests, kept=True) for name, serve in servers.items()})
        del servers["htpasswd"]
        new = interleaved({name: partial(_one_round, serve, requests, kept=False) for name, serve in servers.items()})
    return [
        Row("P1b", "phones' HTTP against nginx, kept connections", "GET/s", kept["webprov"], kept["nginx"], 0.15),
        Row("P1b", "the same, a new connection per GET", "GET/s", new["webprov"], new["nginx"], 0.25),
        Row("P1b", "against nginx with a default htpasswd file", "GET/s", kept["webprov"], kept["htpasswd"], 1.0),
    ]


def write_configuration(folder: str, name: str, stored: Callable[[str], str]) -> Path:
    """A configuration for the instance's files, its port left open, with the password as `stored` makes it."""
    config = load_config({"WEBPROV_INSTANCE": folder})
    instance = open_instance(config)
    with instance.sessions() as session:
        settings = load_settings(session)
    instance.close()
    place = Path(folder) / f"nginx-{name}"
    place.mkdir()
    (place / "passwords").write_text(f"{settings.http_user}:{stored(settings.http_password)}\n")
    temporary = " ".join(f"{kind}_temp_path {place};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    guard = f'auth_basic webprov; auth_basic_user_file "{place}/passwords";'
    location = f"location /provisioning/ {{ alias {config.provisioning_dir}/; {guard} }}"
    (place / "nginx.conf").write_text(
        f"user root; worker_processes 1; daemon off; pid {place}/pid; error_log /dev/null crit;\n"
        f"events {{ worker_connections 4096; }}\n"
        f"http {{ access_log off; keepalive_requests 10000000; {temporary}\n"
        f"server {{ listen 127.0.0.1:PORT backlog=2048; {location} }} }}\n"
    )
    return place


def serve_nginx(program: str, place: str, port: int) -> None:
    """nginx in the place of this process."""
    template = Path(place) / "nginx.conf"
    (Path(place) / "used.conf").write_text(template.read_text().replace("PORT", str(port)))
    os.execv(program, [program, "-p", place, "-c", "used.conf"])  # so that the signal that ends us ends it


def _apr1(openssl: str, password: str) -> str:
    done = subprocess.run(
        [openssl, "passwd", "-apr1", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _one_round(serve: Callable[[int], None], requests: list[bytes], *, kept: bool) -> float:
    with running(serve) as port:
        requests_per_second(port, requests, 0.5, kept=kept)
        return requests_per_second(port, requests, SECONDS, kept=kept)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
