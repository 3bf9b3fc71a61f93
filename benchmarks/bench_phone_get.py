"""P1: phones' HTTP in a storm; each phone asks for the shared file, its own, and an optional one that is missing."""

import base64
import logging
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any

import flask
import waitress
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from benchmarks.goals import Result, Row, interleaved, print_table
from benchmarks.load import requests_per_second, wait_for
from webprov.config import Config, load_config
from webprov.plainparts import run_http
from webprov.store.database import bump, writing
from webprov.store.instance import open_instance
from webprov.store.models import Device, FetchRecord, RenderedFileRecord, Tenant
from webprov.store.settings import load_settings

PHONES = 2_000
SECONDS = 3.0
STORM_SECONDS = 15.0
_LOG_SECONDS = 8
OWN_BYTES = 6_800
SHARED_BYTES = 3_000


def measure() -> list[Result]:
    """The rows of P1a."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config({"WEBPROV_INSTANCE": folder})
        login = make_fleet(config)
        requests = storm(login)
        servers = {
            "webprov": partial(serve_webprov, folder),
            "bare": partial(serve_bare, str(config.provisioning_dir), login),
            "flask": partial(serve_flask, str(config.provisioning_dir), login),
        }
        subjects = {name: partial(_one_round, serve, requests) for name, serve in servers.items()}
        seen = interleaved(subjects)
        recorded, answered = _storm_recorded(folder, requests)
    return [
        Row("P1a", "phones' HTTP against a bare WSGI app", "GET/s", seen["webprov"], seen["bare"], 0.80),
        Row("P1a", "phones' HTTP against Flask send_from_directory", "GET/s", seen["webprov"], seen["flask"], 3.0),
        Row("P1a", "requests of a long storm in the fetch log", "GETs", recorded, answered, 1.0),
    ]


def make_fleet(config: Config) -> str:
    """An instance with devices and their files, as provisioning leaves them; the Authorization header that opens it."""
    instance = open_instance(config)
    with instance.sessions() as session, writing(session):
        session.add(Tenant(id=1, name="acme"))
        session.flush()
        macs = [f"805EC0{number:06X}" for number in range(PHONES)]
        devices = [{"id": number, "mac": mac, "tenant_id": 1, "model": "m"} for number, mac in enumerate(macs, 1)]
        session.execute(insert(Device), devices)
        files = [_file(config, "y000000000096.cfg", SHARED_BYTES, None)]
        files += [_file(config, f"{d['mac'].lower()}.cfg", OWN_BYTES, d["id"]) for d in devices]
        session.execute(insert(RenderedFileRecord), files)
        bump(session, "files")
        login = login_of(session)
    instance.close()
    return login


def login_of(session: Session) -> str:
    """The Authorization header that opens the files of all devices."""
    settings = load_settings(session)
    pair = f"{settings.http_user}:{settings.http_password}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def _file(config: Config, name: str, size: int, device_id: int | None) -> dict[str, Any]:
    content = (f"#!version:1.0.0.1\n# {name}\n" + "account.1.label = Phone\n" * size)[:size].encode()
    (config.provisioning_dir / name).write_bytes(content)
    digest = sha256(content).hexdigest()
    return {"device_id": device_id, "path": name, "path_key": name, "sha256": digest, "size": size, "masked": b""}


def storm(login: str, macs: Sequence[str] = ()) -> list[bytes]:
    """Three requests a phone, of these or of `make_fleet`."""
    names = []
    for mac in macs or [f"805EC0{number:06X}" for number in range(PHONES)]:
        names += ["y000000000096.cfg", f"{mac.lower()}.cfg", f"{mac.lower()}.boot"]
    head = f"Host: pbx.example:8081\r\nUser-Agent: Yealink SIP-T54W 96.86.0.45\r\nAuthorization: {login}\r\n"
    return [f"GET /provisioning/{name} HTTP/1.1\r\n{head}\r\n".encode() for name in names]


def serve_webprov(folder: str, port: int) -> None:
    """The product: gatekeeper, look-up, log."""
    instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
    run_http(instance, socket.create_server(("127.0.0.1", port)))


def serve_bare(root: str, login: str, port: int) -> None:
    """The least that could serve these files."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ.get("HTTP_AUTHORIZATION") != login:
            start_response("401 Unauthorized", [("Content-Length", "0"), ("WWW-Authenticate", 'Basic realm="x"')])
            return [b""]
        try:
            with open(root + environ["PATH_INFO"].removeprefix("/provisioning"), "rb") as file:  # noqa: PTH123
                content = file.read()
        except OSError:
            start_response("404 Not Found", [("Content-Length", "9"), ("Content-Type", "text/plain")])
            return [b"Not found"]
        start_response("200 OK", [("Content-Length", str(len(content))), ("Content-Type", "text/plain")])
        return [content]

    waitress.serve(app, host="127.0.0.1", port=port, threads=4, connection_limit=1_000, _quiet=True)


def serve_flask(root: str, login: str, port: int) -> None:
    """What most people would write."""
    app = flask.Flask("floor")

    @app.get("/provisioning/<path:name>")
    def fetch(name: str) -> Any:
        if flask.request.headers.get("Authorization") != login:
            return "", 401
        return flask.send_from_directory(root, name)

    waitress.serve(app, host="127.0.0.1", port=port, threads=4, connection_limit=1_000, _quiet=True)


def _one_round(serve: Callable[[int], None], requests: list[bytes]) -> float:
    with running(serve) as port:
        requests_per_second(port, requests, 0.5)
        return requests_per_second(port, requests, SECONDS)


def _storm_recorded(folder: str, requests: list[bytes]) -> tuple[int, int]:
    """How many requests of a storm are in the fetch log afterwards, and how many were answered."""
    instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
    count = select(func.count()).select_from(FetchRecord)
    try:
        with instance.sessions() as session:
            before = session.scalar(count) or 0
            with running(partial(serve_webprov, folder)) as port:
                answered = round(requests_per_second(port, requests, STORM_SECONDS) * STORM_SECONDS)
                time.sleep(_LOG_SECONDS)
            session.rollback()
            return (session.scalar(count) or 0) - before, answered
    finally:
        instance.close()


@contextmanager
def running(serve: Callable[[int], None], wait: Callable[[int], None] | None = None) -> Iterator[int]:
    """`serve(port)` in a process on the last core while this one keeps to the first; yields the port.

    `wait(port)` comes back once it answers; by default, once it takes connections.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=_on_last_core, args=(serve, port), daemon=True)
    process.start()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    try:
        (wait or wait_for)(port)
        yield port
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.join(10)


def _on_last_core(serve: Callable[[int], None], port: int) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    serve(port)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
