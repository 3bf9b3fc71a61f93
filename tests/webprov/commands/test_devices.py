import re

from tests.factories import MAC
from tests.webprov.commands.conftest import CSV, MAC_2


def test_import_says_what_it_did_and_how_many_wait(webprov, tmp_path):
    (tmp_path / "fleet.csv").write_text(CSV)
    webprov("tenants", "create", "acme")

    dry = webprov("devices", "import", str(tmp_path / "fleet.csv"), "--dry-run")
    real = webprov("devices", "import", str(tmp_path / "fleet.csv"))
    again = webprov.json("devices", "import", str(tmp_path / "fleet.csv"))

    assert "2 devices would be added" in dry
    assert "2 devices added, 0 changed, 0 unchanged.\n2 devices now wait" in real
    assert again == {"added": 0, "changed": 0, "unchanged": 2, "waiting": 2}


def test_import_names_row_and_column_on_stderr(webprov):
    webprov("tenants", "create", "acme")

    result = webprov.try_("devices", "import", "-", stdin=CSV.replace("test-lobby", "test-loby"))

    assert result.exit_code == 1
    assert "Row 3, model: There is no model “test-loby”." in result.stderr
    assert result.stdout == ""
    assert webprov.json("devices", "list") == []


def test_import_of_a_file_that_is_not_there_is_wrong_usage(webprov):
    assert webprov.try_("devices", "import", "/nowhere.csv").exit_code == 2


def test_export_prints_what_import_reads(fleet, tmp_path):
    secrets, plain = fleet("devices", "export", "--with-secrets"), fleet("devices", "export")
    fleet("devices", "delete", MAC, "80-5e-c0-00-00-02")

    fleet("devices", "import", "-", stdin=secrets)

    assert "hush-hush-1" in secrets
    assert "hush-hush-1" not in plain
    assert fleet("devices", "export", "--with-secrets") == secrets


def test_list_and_show_have_the_contracts_members(fleet):
    fleet("provision", MAC)

    listed, shown = fleet.json("devices", "list"), fleet.json("devices", "show", "80:5E:C0:00:00:01")

    first, second = listed
    assert first.keys() >= {"mac", "tenant", "model", "label", "stale", "last_provisioned_at", "last_fetch_at"}
    assert (first["mac"], first["stale"], second["stale"]) == (MAC, False, True)
    assert second["last_provisioned_at"] is None
    assert first.items() <= shown.items()
    assert [file.keys() for file in shown["files"]] == [{"path", "sha256", "size"}] * 2
    assert "R=#" not in str(shown)


def test_list_for_people_is_aligned_and_can_be_one_tenants(fleet):
    fleet("tenants", "create", "globex")

    lines = fleet("devices", "list", "--tenant", "acme").splitlines()

    assert re.split("  +", lines[0]) == [
        *("MAC", "TENANT", "MODEL", "LABEL", "STATE"),
        *("LAST PROVISIONED AT", "LAST FETCH AT"),
    ]
    assert [line.index("acme") for line in lines[1:]] == [lines[0].index("TENANT")] * 2
    assert fleet.json("devices", "list", "--tenant", "globex") == []
    assert "Desk 1" in fleet("devices", "show", MAC)


def test_delete_is_all_or_none(fleet):
    result = fleet.try_("devices", "delete", MAC_2, "805EC0FFFFFF")

    assert result.exit_code == 1
    assert "There is no device 80:5E:C0:FF:FF:FF." in result.stderr
    assert len(fleet.json("devices", "list")) == 2


def test_weak_passwords_are_listed_without_them(fleet):
    (found,) = fleet.json("devices", "weak")
    shown = fleet("devices", "weak")

    assert (found["line"], found["userid"], found["why"]) == (1, "1001", "shorter than 12 characters")
    assert "shorter than 12 characters" in shown
    assert "hush" not in shown + str(found)
