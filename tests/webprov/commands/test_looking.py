import pytest

from tests.factories import MAC, TEMPLATES

SECRET = "R=#*2cN-D39A"
FILE = "805ec0000001.cfg"


def test_render_prints_every_file_masked(fleet):
    files = fleet.json("render", "80:5e:c0:00:00:01")

    assert [file["path"] for file in files] == [FILE, "805ec0000001-info.xml", "common.cfg"]
    assert all(file.keys() >= {"path", "content"} for file in files)
    assert "account.1.user = 1000\n" in files[0]["content"]
    assert SECRET not in str(files)
    assert f"==> {FILE} <==\n" in fleet("render", MAC)


def test_render_of_one_file_revealed_is_what_provisioning_writes(config, fleet):
    shown = fleet("render", MAC, "--file", FILE, "--reveal")
    fleet("provision", MAC)

    assert shown.encode() == (config.provisioning_dir / FILE).read_bytes()
    assert f"account.1.password = {SECRET}\n" in shown


def test_render_diff_shows_what_would_change(fleet):
    fleet("provision", MAC)
    same = fleet.try_("render", MAC, "--diff")
    fleet("devices", "import", "-", stdin=f"mac,label,line1_password\n{MAC},Lobby,another-one\n")

    lines = fleet("render", MAC, "--diff").splitlines()
    rows = fleet.json("render", MAC, "--diff")

    assert "Nothing differs" in same.stderr
    assert lines[:2] == [f"--- {FILE} on disk", f"+++ {FILE} now"]
    assert "-label = Desk 1" in lines
    assert "+label = Lobby" in lines
    assert "another-one" not in str(lines)
    assert rows[0]["differs"]
    assert {"kind": "added", "old": None, "new": 4, "text": "label = Lobby"} in rows[0]["difference"]


def test_render_names_template_and_line_of_an_error(config, fleet):
    (config.templates_dir / "test" / "phone.cfg").write_text(TEMPLATES["phone.cfg"] + "${NOT_THERE}\n")

    result = fleet.try_("render", MAC)

    assert result.exit_code == 1
    assert "test/phone.cfg, line" in result.stderr
    assert result.stdout == ""


def test_explain_says_where_each_value_came_from(fleet):
    fleet("variables", "set", "SIP_PORT=5062", "--tenant", "acme")

    found = {item["name"]: item for item in fleet.json("explain", MAC)}

    assert found["MAC"] == {"name": "MAC", "value": MAC, "layer": "device", "source": "MAC of the device"}
    assert (found["SIP_PORT"]["value"], found["SIP_PORT"]["layer"]) == ("5062", "tenant variable")
    assert "R=#" not in str(found)
    assert [item["name"] for item in fleet.json("explain", MAC, "TENANT", "mac")] == ["TENANT", "mac"]
    assert fleet("explain", MAC, "TENANT").splitlines()[1].split() == ["TENANT", "acme", "tenant", "tenant", "acme"]


def test_explain_of_a_line_masks_and_reveals(fleet):
    hidden = fleet.json("explain", MAC, "PASSWORD", "--line", "1")
    shown = fleet.json("explain", MAC, "PASSWORD", "--line", "1", "--reveal")

    assert hidden[0]["value"] != SECRET
    assert shown == [{"name": "PASSWORD", "value": SECRET, "layer": "line", "source": hidden[0]["source"]}]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("render", "805EC0FFFFFF"), 1, "no device 80:5E:C0:FF:FF:FF"),
        (("render", MAC, "--file", "other.cfg"), 1, "It has: 805ec0000001.cfg"),
        (("explain", "nonsense"), 1, "is not a MAC address"),
        (("explain", MAC, "NOT_THERE"), 1, "NOT_THERE"),
        (("explain", MAC, "--line", "9"), 1, "this model has 2"),
        (("explain", MAC, "--line", "1", "--key", "1"), 2, "not both"),
    ],
)
def test_what_is_not_there_is_said(fleet, arguments, exit_code, words):
    result = fleet.try_(*arguments)

    assert result.exit_code == exit_code
    assert words in result.stderr
