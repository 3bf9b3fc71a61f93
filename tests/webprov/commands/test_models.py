import pytest


def test_models_list_has_the_contracts_members(webprov):
    listed = webprov.json("models", "list")

    assert listed[0] == {
        "key": "test-desk",
        "brand": "Testphone",
        "label": "Testphone Desk",
        "scope": "shipped",
        "lines": 2,
        "keys": 4,
        "files": ["${mac}.cfg", "${mac}-info.xml", "common.cfg"],
        "segment": "test-desk",
        "firmware_dir": "FIRMWARE-test-desk",
    }
    assert "test-lobby  Testphone  Testphone Lobby" in webprov("models", "list")


def test_what_is_installed_can_be_used(webprov):
    assert webprov.json("models", "check") == []
    assert webprov.json("templates", "check") == []
    assert webprov("models", "check") == webprov("templates", "check") == ""


def test_a_bad_model_is_named_by_file_and_line(config, webprov):
    file = config.models_dir / "test.ini"
    file.write_text(file.read_text() + "\n[test-odd]\nextends = _deskphone\nlabel = Odd\nlines = many\n")

    refusals = webprov.json("models", "check", exit_code=1)
    result = webprov.try_("models", "check")

    assert [refusal.keys() for refusal in refusals] == [{"file", "line", "reason"}]
    assert refusals[0]["line"] > 0
    assert result.exit_code == 1
    assert "[test-odd]: “many” is not a number" in result.stdout
    assert "1 refusal." in result.stderr


def test_a_template_that_runs_code_is_refused_wherever_it_lies(config, webprov, tmp_path):
    evil = "## format: text\nok\n<% import os %>\n"
    (config.templates_dir / "test" / "evil.cfg").write_text(evil)
    (tmp_path / "elsewhere.cfg").write_text(evil)

    everywhere = webprov.json("templates", "check", exit_code=1)
    there = webprov.json("templates", "check", str(tmp_path / "elsewhere.cfg"), exit_code=1)

    assert [(item["file"], item["line"]) for item in everywhere] == [("test/evil.cfg", 3)]
    assert [(item["file"], item["line"]) for item in there] == [("elsewhere.cfg", 3)]


@pytest.mark.parametrize("path", ["test/phone.cfg", "test", "."])
def test_templates_can_be_checked_one_by_one_or_by_folder(config, webprov, path):
    (config.templates_dir / "other.cfg").write_text("## format: text\n${mac}\n")

    assert webprov.json("templates", "check", str(config.templates_dir / path)) == []
