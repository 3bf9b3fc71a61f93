"""Programs of the installation that run for a device (security TR-01, TR-02, TR-03, TR-04)."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.properties import LONG
from webprov.delivery.pushes import PushContext
from webprov.delivery.script import OUTPUT_BYTES, ScriptTransport, check_script
from webprov.errors import TransportError

CONTEXT = PushContext("805EC0000001", "acme", "test-desk", "dms.example", frozenset({"R=#*2cN-D39A", "abc"}))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "scripts"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def script(folder):
    def write(text, name="push.sh", mode=0o755):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    return write


def run(script, folder, *files, context=CONTEXT, **limits):
    return ScriptTransport(str(script), [folder], **limits).run([Path(name) for name in files], context)


def unwritable_by_owner_only(folder, script):
    return script("exit 0", mode=0o777), "push.sh can be changed by other users (mode 0777)."


def in_a_folder_of_all(folder, script):
    below = folder / "open"
    below.mkdir()
    below.chmod(0o777)
    path = below / "push.sh"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path, "open can be changed by other users"


def link_outside(folder, script):
    target = folder.parent / "elsewhere.sh"
    target.write_text("#!/bin/sh\n")
    target.chmod(0o755)
    link = folder / "push.sh"
    link.symlink_to(target)
    return link, "lies outside the folders"


def dangling_link(folder, script):
    link = folder / "push.sh"
    link.symlink_to(folder / "gone.sh")
    return link, "There is no file"


def circle(folder, script):
    link = folder / "push.sh"
    link.symlink_to(link)
    return link, "There is no file"


def pipe(folder, script):
    path = folder / "push.sh"
    os.mkfifo(path, 0o755)
    return path, "is no regular file"


def of_another_user(folder, script):
    if os.geteuid():
        pytest.skip("only root can give a file away")
    path = script("exit 0")
    os.chown(path, 12345, -1)
    return path, "belongs to another user"


BAD = [
    lambda folder, script: ("", "Enter the whole path"),
    lambda folder, script: ("push.sh", "Enter the whole path"),
    lambda folder, script: ("-rf", "Enter the whole path"),
    lambda folder, script: (folder / "missing.sh", "There is no file"),
    lambda folder, script: (f"{folder}/a\0b", "There is no file"),
    lambda folder, script: (folder, "is no regular file"),
    lambda folder, script: ("/bin/sh", "lies outside the folders"),
    lambda folder, script: (f"{folder}/../../../../../../../bin/sh", "lies outside the folders"),
    lambda folder, script: (script("exit 0", mode=0o644), "Make it executable"),
    unwritable_by_owner_only,
    in_a_folder_of_all,
    link_outside,
    dangling_link,
    circle,
    pipe,
    of_another_user,
]


@pytest.mark.parametrize("make", BAD)
def test_check_script_refuses(folder, script, make):
    path, part = make(folder, script)

    with pytest.raises(TransportError) as caught:
        check_script(str(path), [folder])

    assert part in str(caught.value)
    assert caught.value.field == "script_path"


def test_check_script_takes_a_link_within_its_folders(folder, script):
    link = folder / "current"
    link.symlink_to(script("exit 0"))

    assert check_script(str(link), [folder]) == (folder / "push.sh", [])


def test_check_script_warns_of_a_group_that_may_write(folder, script):
    _, warnings = check_script(str(script("exit 0", mode=0o775)), [folder])

    assert len(warnings) == 1
    assert "changed by its group (mode 0775)" in warnings[0]


def test_check_script_warns_of_a_folder_whose_group_may_write(folder, script):
    path = script("exit 0")
    folder.chmod(0o775)

    _, warnings = check_script(str(path), [folder])

    assert warnings == [f"The folder {folder} can be changed by its group (mode 0775). Better: chmod 755."]


def test_run_checks_again(folder, script):
    path = script("echo ran")
    transport = ScriptTransport(str(path), [folder])
    assert transport.probe() == []
    path.chmod(0o777)

    result = transport.run([], CONTEXT)

    assert (result.exit, result.output) == (None, "")
    assert "can be changed by other users" in result.error


def test_run_gives_absolute_paths_and_nothing_but_the_variables(folder, script, monkeypatch):
    monkeypatch.setenv("WEBPROV_DATABASE_URL", "postgresql://u:secret@db/x")
    path = script('for name in "$@"; do echo "<$name>"; done; pwd; umask; exec env')

    result = run(path, folder, "relative/$(touch x);.cfg", "/a b/c.cfg")

    first, second, cwd, mask, *variables = result.output.splitlines()
    assert (first, second) == (f"<{Path.cwd()}/relative/$(touch x);.cfg>", "</a b/c.cfg>")
    assert (cwd, mask) == ("/", "0077")
    values = dict(line.split("=", 1) for line in variables)
    assert {name: values.pop(name) for name in list(values) if name.startswith("PROV_")} == {
        "PROV_MAC": "805EC0000001",
        "PROV_TENANT": "acme",
        "PROV_MODE": "external",
        "PROV_SERVER": "dms.example",
        "PROV_MODEL_SEGMENT": "test-desk",
    }
    assert set(values) <= {"PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}


def test_run_gives_values_on_one_line(folder, script):
    hostile = replace(CONTEXT, tenant="ac\nLD_PRELOAD=/x\r\0me", server="dms\n.example")

    lines = run(script("exec env"), folder, context=hostile).output.splitlines()

    assert "PROV_TENANT=acLD_PRELOAD=/xme" in lines
    assert "PROV_SERVER=dms.example" in lines
    assert not any(line.startswith("LD_PRELOAD") for line in lines)


def test_run_takes_no_name_for_a_command_nor_an_option(folder, script, tmp_path):
    marker = tmp_path / "marker"
    names = [f"$(touch {marker});", f"`touch {marker}`", f"805ec0000001;touch {marker}", "-rf", "--help"]

    result = run(script('for name in "$@"; do echo "$name"; done'), folder, *names)

    assert result.output.splitlines() == [f"{Path.cwd()}/{name}" for name in names]
    assert not marker.exists()


def test_run_hands_on_no_open_file(folder, script):
    os.dup2(1, 77, inheritable=True)

    try:
        result = run(script("test -e /proc/self/fd/77 && echo handed on"), folder)
    finally:
        os.close(77)

    assert (result.exit, result.output) == (1, "")


def test_run_has_no_input_and_a_group_of_its_own(folder, script):
    result = run(script('read line; echo "read=$?"; ps -o pgid= -p $$ | tr -d " "; echo $$'), folder)

    read, group, own = result.output.splitlines()
    assert read == "read=1"
    assert group == own


def test_run_tells_exit_code_and_signal(folder, script):
    failed = run(script("echo no room >&2; exit 7"), folder)
    killed = run(script("kill -9 $$"), folder)

    assert (failed.exit, failed.output, failed.error) == (7, "no room", "push.sh ended with exit code 7.")
    assert (killed.exit, killed.error) == (-9, "push.sh was ended by SIGKILL.")


def test_run_ends_a_script_that_goes_on_for_ever_with_its_children(folder, script, tmp_path):
    pids = tmp_path / "pids"
    path = script(f"trap '' TERM; sleep 300 & echo $$ $! > {pids}; echo begun; while :; do sleep 1; done")

    result = run(path, folder, time_seconds=0.5, grace_seconds=0.2)

    assert result.exit == -9
    assert result.output == "begun"
    assert result.error == "push.sh was stopped: it took longer than 0 seconds."
    assert all_gone(int(pid) for pid in pids.read_text().split())


def test_run_ends_what_a_script_leaves_in_the_background(folder, script, tmp_path):
    pids = tmp_path / "pids"

    result = run(script(f"sleep 300 & echo $! > {pids}"), folder)

    assert (result.exit, result.error) == (0, "")
    assert all_gone([int(pids.read_text())])


def all_gone(pids):
    return all(gone(pid) for pid in pids)


def gone(pid):
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_no_more_than_two_run_at_once(folder, script, tmp_path):
    path = script(f"echo 1 >> {tmp_path}/turns; sleep 0.2; echo -1 >> {tmp_path}/turns")

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: run(path, folder), range(6)))

    turns = [int(turn) for turn in (tmp_path / "turns").read_text().split()]
    assert [result.error for result in results] == [""] * 6
    assert max(sum(turns[:end]) for end in range(len(turns))) == 2


def test_run_keeps_the_last_of_a_huge_output(folder, script):
    size = 1_000_000_000 if LONG else 30_000_000

    result = run(script(f"head -c {size} /dev/zero | tr '\\0' x; echo; echo the end"), folder)

    assert result.exit == 0
    assert len(result.output) <= OUTPUT_BYTES
    assert result.output.endswith("x\nthe end")


def test_run_masks_secrets_and_cleans_control_characters(folder, script):
    result = run(script(r"printf 'password R=#*2cN-D39A abc\n\033[31mred\033[0m\r\n\tok \377\n'"), folder)

    assert "R=#*" not in result.output
    assert result.output.splitlines()[0] == "password •••• abc"
    assert "\x1b" not in result.output
    assert "ok" in result.output


def test_run_refuses_arguments_that_do_not_fit(folder, script):
    result = run(script("echo ran"), folder, *(f"/p/{'x' * 200}{number}" for number in range(700)))

    assert (result.exit, result.output) == (None, "")
    assert "longer than 128 kB" in result.error


def test_run_of_something_that_is_no_program_says_so(folder):
    path = folder / "push.sh"
    path.write_bytes(b"\x7fELFnonsense")
    path.chmod(0o755)

    result = run(path, folder)

    assert result.exit is None
    assert "push.sh could not be started: exec format error." in result.error


def test_files_of_a_script_are_its_own_alone(folder, script, tmp_path):
    result = run(script(f"echo x > {tmp_path}/made"), folder)

    assert result.exit == 0
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
