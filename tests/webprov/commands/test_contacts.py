"""`webprov contacts`, as a person at a terminal uses it."""

import json

from tests.webprov.contactbook import book, give_directories

CSV = "first_name,last_name,extension\nAnn,Example,201\nBo,Büro,202\n"


def test_contacts_go_in_out_and_onto_the_disk(fleet, config, tmp_path):
    give_directories(config)
    file = tmp_path / "people.csv"
    file.write_text(CSV)

    assert "2 contacts would be added" in fleet("contacts", "import", str(file), "--tenant", "acme", "--dry-run")
    assert "2 contacts added" in fleet("contacts", "import", str(file), "--tenant", "acme")
    assert fleet.json("contacts", "import", str(file), "--tenant", "acme")["unchanged"] == 2
    assert [row["last_name"] for row in fleet.json("contacts", "list", "--tenant", "acme")] == ["Example", "Büro"]
    assert fleet("contacts", "export", "--tenant", "acme").splitlines()[2].startswith("Bo,Büro,,,202")
    assert fleet.json("status")["dirty_tenants"] == 1
    assert "no worker runs" in fleet.try_("wait-idle").output

    made = fleet.json("contacts", "regenerate", "--tenant", "acme")

    assert made == [{"tenant": "acme", "people": 2, "written": ["CONTACTS/acme/book.xml"], "removed": [], "error": ""}]
    assert book(config) == [("Ann Example", "201"), ("Bo Büro", "202")]
    fleet("wait-idle")


def test_replacing_is_asked_for(fleet):
    fleet("contacts", "import", "-", "--tenant", "acme", stdin=CSV)

    out = fleet("contacts", "import", "-", "--tenant", "acme", "--replace", stdin="company\nAcme\n")

    assert "1 contact added, 0 changed, 2 deleted" in out


def test_trouble_is_said_with_row_and_column(fleet):
    result = fleet.try_("contacts", "import", "-", "--tenant", "acme", stdin="first_name,work\nAnn,nowhere\n")

    assert result.exit_code == 1
    assert "Row 2, work" in result.output


def test_a_directory_that_cannot_be_made_fails(fleet, config):
    give_directories(config)
    (config.templates_dir / "test" / "book.xml").write_text("<open>\n")
    fleet("contacts", "import", "-", "--tenant", "acme", stdin=CSV)

    result = fleet.try_("contacts", "regenerate", "--json")

    assert result.exit_code == 1
    assert "test/book.xml" in json.loads(result.stdout)[0]["error"]
