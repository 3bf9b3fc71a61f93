"""A hunt for secrets (security LG-01, SE-01, SE-06): canaries go in everywhere, none may come out where it must not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import Service, eventually, status
from webprov.enums import Role
from webprov.people import create_user
from webprov.rights import CONSOLE

MAC = "805EC0000001"
CANARIES = {
    "line": "canary-line-7Q2x",
    "admin": "canary-admin-8R3y",
    "own": "canary-own-9S4z",
    "variable": "canary-variable-1T5a",
    "http": "canary-http-2U6b",
    "override": "canary-override-3V7c",
    "person": "canary person 4W8d",
}


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    service.env["WEBPROV_LOG_LEVEL"] = "debug"
    yield service
    service.close()


def webprov(service, *words, **options):
    command = [sys.executable, "-m", "webprov", *words]
    done = subprocess.run(command, env=service.env, capture_output=True, text=True, **options)
    return done.stdout + done.stderr


def found_in(text):
    return [name for name, canary in CANARIES.items() if canary in text]


def command_lines():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue


def fill(service, folder):
    """Canaries in every kind of secret, by the ways in which people give them."""
    fleet = folder / "fleet.csv"
    fleet.write_text(
        "tenant,mac,model,line1_userid,line1_password,admin_password,prov_password,override,var_VPN_TOKEN\n"
        f"acme,{MAC},yealink-t54w,1000,{CANARIES['line']},{CANARIES['admin']},{CANARIES['own']},"
        f"vpn.key = {CANARIES['override']},{CANARIES['variable']}\n"
    )
    secret = folder / "http.txt"
    secret.write_text(CANARIES["http"])
    said = webprov(service, "tenants", "create", "acme")
    said += webprov(service, "devices", "import", str(fleet))
    said += webprov(service, "settings", "set", f"http_password=@{secret}")
    with service.instance.sessions() as session:
        create_user(session, CONSOLE, name="miriam", password=CANARIES["person"], role=Role.ADMINISTRATOR)
    return said


def test_no_canary_leaves_by_logs_output_process_list_or_database(service, tmp_path):
    said = fill(service, tmp_path)
    service.start()
    assert eventually(lambda: status(service.port, "/"))
    eventually(lambda: status(service.admin, "/healthz"))

    for words in (
        ["provision", "--all"], ["render", MAC], ["render", MAC, "--json"], ["explain", MAC, "--json", "--line", "1"],
        ["devices", "show", MAC, "--json"], ["settings", "show", "--json"], ["variables", "list"], ["check"],
    ):  # fmt: skip
        said += webprov(service, *words)
    exported = webprov(service, "devices", "export")
    url = f"http://127.0.0.1:{service.port}/provisioning/{MAC.lower()}.cfg"
    for login in (f"phones:{CANARIES['http']}", "phones:canary-line-7Q2x", f"{CANARIES['admin']}:x"):
        for scheme in ("--basic", "--digest"):
            subprocess.run(["curl", "-s", scheme, "--user", login, url], capture_output=True)
    lines = [line for line in command_lines() if "webprov" in line]
    service.process.terminate()
    service.process.wait(15)

    database = b"".join(path.read_bytes() for path in service.instance.config.instance.glob("webprov.sqlite3*"))
    written = (service.instance.config.provisioning_dir / f"{MAC.lower()}.cfg").read_text()
    assert CANARIES["line"] in written
    assert found_in(said) == []
    assert found_in(exported) == ["override"]  # a column of its own (contract), for those who may edit it
    assert found_in(service.errors.read_text()) == []
    assert found_in(service.process.stdout.read()) == []
    assert found_in("\n".join(lines)) == []
    assert found_in(database.decode("latin-1")) == []


def test_fs02_nothing_that_a_run_leaves_is_for_others_and_no_secret_lies_among_temporary_files(service, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    service.env["TMPDIR"] = str(temporary)
    before = os.umask(0)
    try:
        fill(service, tmp_path)
        service.start()
        assert eventually(lambda: status(service.port, "/"))
        webprov(service, "provision", "--all")
        webprov(service, "backup", str(service.instance.config.instance / "all.backup"))
    finally:
        os.umask(before)
    login = f"phones:{CANARIES['http']}"
    url = f"http://127.0.0.1:{service.port}/provisioning/{MAC.lower()}.cfg"
    subprocess.run(["curl", "-s", "--user", login, url], capture_output=True, check=True)
    made = [path for path in service.instance.config.instance.rglob("*") if not path.is_symlink()]
    left = b"".join(path.read_bytes() for path in temporary.rglob("*") if path.is_file())

    config = service.instance.config
    assert {config.instance / "all.backup", config.provisioning_dir / f"{MAC.lower()}.cfg"} <= set(made)
    assert [str(path) for path in made if path.stat().st_mode & 0o007] == []
    assert found_in(left.decode("latin-1")) == []


def test_revealed_output_is_asked_for(service, tmp_path):
    fill(service, tmp_path)

    shown = json.loads(webprov(service, "render", MAC, "--reveal", "--json"))

    assert CANARIES["line"] in shown[0]["content"]
