from sqlalchemy import true

from webprov.audit import record_change
from webprov.changelog import ChangeQuery, count_changes, csv_rows, known_values, list_changes
from webprov.changes.tenants import create_tenant
from webprov.rights import CONSOLE
from webprov.store.models import ChangeRecord

ALL = ChangeQuery(true())


def names(session, **wanted):
    return [record.name for record in list_changes(session, ChangeQuery(true(), **wanted))]


def test_the_latest_change_comes_first(session):
    create_tenant(session, "acme", {}, CONSOLE)
    create_tenant(session, "globex", {}, CONSOLE)

    assert names(session) == ["globex", "acme"]
    assert [record.name for record in list_changes(session, ALL, offset=1, limit=1)] == ["acme"]
    assert count_changes(session, ALL) == 2


def test_text_is_found_in_values_beyond_ascii(session):
    create_tenant(session, "acme", {"label": "Müller 田中"}, CONSOLE)
    create_tenant(session, "globex", {"label": "100%"}, CONSOLE)

    assert names(session, text="田中") == ["acme"]
    assert names(session, text="0%") == ["globex"]
    assert names(session, text="_") == []


def test_csv_rows_keep_to_the_filters_and_the_order_of_events(session):
    create_tenant(session, "acme", {"label": "Acme", "parkext": "70"}, CONSOLE)
    record_change(session, CONSOLE, "sign in", "user", "Noor")

    rows = [row[1:] for row in csv_rows(session, ALL)]

    assert rows == [
        ["console", "", "create", "tenant", "acme", "acme", "label", "", "Acme"],
        ["console", "", "create", "tenant", "acme", "acme", "parkext", "", "70"],
        ["console", "", "sign in", "user", "Noor", "", "", "", ""],
    ]


def test_known_values_are_those_in_view(session):
    acme = create_tenant(session, "acme", {}, CONSOLE)
    record_change(session, CONSOLE, "sign in", "user", "Noor")

    assert known_values(session, ChangeRecord.thing, true()) == ["tenant", "user"]
    assert known_values(session, ChangeRecord.thing, ChangeRecord.tenant_id == acme.id) == ["tenant"]
