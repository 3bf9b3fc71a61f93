import pytest

from webprov.supervisor import lock_instance

PASSPHRASE = "seven quiet lamps"


def test_backup_and_restore_of_a_fleet(webprov, fleet, config, tmp_path):
    file = tmp_path / "one.backup"
    printed = webprov("backup", str(file))
    webprov("devices", "delete", *(row["mac"] for row in webprov.json("devices", "list")))

    checked = webprov("restore", str(file), "--check")
    assert webprov.json("devices", "list") == []
    restored = webprov.try_("restore", str(file))

    assert f"{file} holds 2 devices and" in printed
    assert f"{file} is whole: 2 devices and" in checked
    assert restored.exit_code == 0
    assert restored.stdout.startswith("Restored 2 devices and")
    assert "before-restore-" in restored.stderr
    assert len(webprov.json("devices", "list")) == 2
    assert webprov.json("status")["stale"] == 2


def test_a_passphrase_comes_from_a_file_or_a_prompt(webprov, fleet, tmp_path):
    secret, sealed, typed = tmp_path / "secret", tmp_path / "sealed.backup", tmp_path / "typed.backup"
    secret.write_text(PASSPHRASE + "\n")

    webprov("backup", str(sealed), "--passphrase-file", str(secret))
    webprov("backup", str(typed), "--passphrase", stdin=f"{PASSPHRASE}\n{PASSPHRASE}\n")

    assert "The passphrase" in webprov.try_("restore", str(sealed), "--passphrase-file", "-", stdin="no").stderr
    assert "is sealed" in webprov.try_("restore", str(sealed)).stderr
    webprov("restore", str(sealed), "--passphrase-file", str(secret))
    webprov("restore", str(typed), "--passphrase-file", "-", stdin=PASSPHRASE)


def test_an_empty_passphrase_seals_nothing(webprov, fleet, tmp_path):
    result = webprov.try_("backup", str(tmp_path / "x.backup"), "--passphrase-file", "-", stdin="")

    assert result.exit_code == 1
    assert "The passphrase is empty" in result.stderr
    assert not (tmp_path / "x.backup").exists()


@pytest.mark.parametrize("only", [None, "http"])
def test_nothing_is_restored_while_somebody_serves(webprov, fleet, config, tmp_path, only):
    file = tmp_path / "one.backup"
    webprov("backup", str(file))

    with lock_instance(config, only):
        result = webprov.try_("restore", str(file))
        assert webprov.try_("restore", str(file), "--check").exit_code == 0

    assert (result.exit_code, "is already running" in result.stderr) == (1, True)
    assert not list(config.instance.glob("before-restore-*"))
