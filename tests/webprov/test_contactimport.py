"""Contacts as CSV: dry run, errors by row, merging, replacing, round trip."""

import pytest
from sqlalchemy import select

from tests.factories import make_tenant
from webprov.contactimport import ContactsImported, export_contacts, import_contacts
from webprov.contactlist import ContactQuery, directory_state, group_counts, list_contacts
from webprov.csvtable import CsvRefused
from webprov.errors import NotFound
from webprov.rights import CONSOLE
from webprov.store.contactrecords import Contact
from webprov.store.models import ChangeRecord, Tenant

HEAD = "first_name,last_name,company,group,extension,work,mobile,home,other,email\n"
FILE = (
    HEAD
    + """\
Ann,Example,Acme & Sons,Sales,101,+49 30 1234,,,,ann@acme.example
田中,太郎,,,102,,,,,
=SUM(A1),,,,103,'+49 1,,,,
Ann,Example,Acme & Sons,Sales,104,,,,,
"""
)


@pytest.fixture
def load(session):
    """Imports text into the tenant acme."""
    make_tenant(session)
    return lambda text, **options: import_contacts(session, text, CONSOLE, "acme", **options)


def names(session):
    return [(c.first_name, c.extension) for c in session.scalars(select(Contact).order_by(Contact.id))]


def waiting(session):
    session.expire_all()
    return directory_state(session, session.scalar(select(Tenant.id))).waiting


def test_a_file_is_imported(session, load):
    assert load(FILE) == ContactsImported(4, 0, 0, 0)

    assert names(session) == [("Ann", "101"), ("田中", "102"), ("=SUM(A1)", "103"), ("Ann", "104")]
    assert waiting(session) == 4
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "import")).one()
    assert record.fields == {"added": [0, 4], "changed": [0, 0], "deleted": [0, 0]}


def test_a_dry_run_changes_nothing(session, load):
    assert load(FILE, dry_run=True) == ContactsImported(4, 0, 0, 0)

    assert names(session) == []
    assert waiting(session) == 0


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("guard", [False, True])
def test_an_export_comes_back_as_it_was(session, load, replace, guard):
    load(FILE)
    text = "".join(export_contacts(session, CONSOLE, "acme", guard=guard))

    assert ("'=SUM" in text) == guard
    assert load(text.encode("utf-8-sig"), replace=replace) == ContactsImported(0, 0, 4, 0)
    assert waiting(session) == 4


def test_errors_name_row_and_column_and_nothing_is_imported(session, load):
    with pytest.raises(CsvRefused) as refused:
        load("first_name,work,email\nAnn,030,a@b\n,030,\nBo,call me,nowhere\n")

    assert [(p.row, p.column) for p in refused.value.problems] == [(3, ""), (4, "work"), (4, "email")]
    assert names(session) == []


def test_unknown_columns_are_refused(load):
    with pytest.raises(CsvRefused, match="first_name"):
        load("firstname\nAnn\n")


def test_merging_goes_by_email_then_by_names_and_company(session, load):
    load(FILE)

    done = load("first_name,last_name,company,email,mobile\n"
                "Anna,Example,,ANN@acme.example,1\n"  # the same address
                "ANN,example,acme & sons,,2\n"  # the same names: the other Ann
                "Ann,Example,Acme & Sons,other@acme.example,3\n"  # another address: another Ann
                "Cy,,,,4\n")  # fmt: skip

    assert done == ContactsImported(2, 2, 0, 0)
    found = {c.extension: (c.first_name, c.mobile) for c in session.scalars(select(Contact)) if c.mobile}
    assert found["101"] == ("Anna", "1")
    assert found["104"] == ("ANN", "2")
    assert len(names(session)) == 6


def test_absent_columns_stay_and_empty_cells_clear(session, load):
    load(FILE)

    load("first_name,last_name,company,group\nAnn,Example,Acme & Sons,\n")

    ann = session.scalars(select(Contact).where(Contact.extension == "101")).one()
    assert (ann.group, ann.work) == ("", "+49 30 1234")


def test_replacing_deletes_what_the_file_lacks(session, load):
    load(FILE)

    done = load("first_name,last_name,company\nAnn,Example,Acme & Sons\n", replace=True)

    assert done == ContactsImported(0, 1, 0, 3)
    assert names(session) == [("Ann", "")]


def test_a_foreign_tenant_is_not_there(session, load):
    with pytest.raises(NotFound):
        import_contacts(session, FILE, CONSOLE, "globex")


def test_the_list_searches_all_fields_and_numbers_however_written(session, load):
    load(FILE)
    owner = session.scalar(select(Tenant.id))

    def found(text, **more):
        return [c.extension for c in list_contacts(session, ContactQuery(owner, text, **more)).rows]

    assert found("") == ["103", "101", "104", "102"]
    assert found("sons ANN") == ["101", "104"]
    assert found("太郎") == ["102"]
    assert found("(030) 12") == []
    assert found("+4930 1234") == ["101"]
    assert found("100%_") == []
    assert found("", group="Sales") == ["101", "104"]
    assert found("", page=9, per_page=3) == ["102"]
    assert group_counts(session, owner) == [("Sales", 2), ("", 2)]
