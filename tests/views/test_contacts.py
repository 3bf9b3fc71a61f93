"""The pages about contacts: list, edit in place, delete, import, export, state of the directory."""

import io
import re

import pytest
from sqlalchemy import select

from tests.pages import post, token
from webprov.changes.contacts import add_contact
from webprov.contactlist import directory_state
from webprov.directories import regenerate
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.contactrecords import Contact, DirectoryRecord

ANN = {"first_name": "Ann", "last_name": "Example", "group": "Sales", "extension": "101", "email": "ann@acme.example"}
PAGE = "/contacts/?tenant=acme"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def people(session, tenants):
    """Ann and <Bo> of Acme, Cy of Globex: their ids."""
    found = [
        add_contact(session, CONSOLE, "acme", ANN),
        add_contact(session, CONSOLE, "acme", {"company": "<Bo> & Co"}),
    ]
    found.append(add_contact(session, CONSOLE, "globex", {"first_name": "Cy", "work": "030 1"}))
    numbers = [contact.id for contact in found]
    session.rollback()  # what pages change is seen by the next query
    return numbers


@pytest.fixture
def own(sign_in, tenants):
    """The browser of a tenant administrator of Acme."""
    return sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], "Noor Dubois")


def stored(session, number):
    session.rollback()
    return session.get(Contact, number)


def rows(answer):
    return re.findall(r'<tr id="contact-(\d+)"', answer.text)


def test_administrators_choose_a_tenant_first(admin, people):
    answer = admin.get("/contacts/")

    assert 'href="/contacts/?tenant=acme"' in answer.text
    assert "Example" not in answer.text
    assert "Ann Example" in admin.get(PAGE).text


def test_people_of_one_tenant_see_their_own_contacts_only(own, people):
    answer = own.get("/contacts/")

    assert rows(answer) == [str(people[1]), str(people[0])]
    assert "&lt;Bo&gt; &amp; Co" in answer.text
    assert own.get("/contacts/?tenant=globex").status_code == 404
    assert own.get(f"/contacts/{people[2]}/edit", headers=HTMX).status_code == 404
    assert post(own, f"/contacts/{people[2]}", work="1", first_name="X").status_code == 404


def test_search_and_group_narrow_the_list(admin, people):
    assert rows(admin.get(PAGE + "&q=exam")) == [str(people[0])]
    assert rows(admin.get(PAGE + "&group=Sales")) == [str(people[0])]
    assert rows(admin.get(PAGE + "&group=-")) == [str(people[1])]
    assert "No contact matches “zzz”" in admin.get(PAGE + "&q=zzz").text

    partial = admin.get(PAGE + "&q=exam", headers=HTMX)
    assert partial.text.lstrip().startswith('<div id="contacts-list">')
    assert "1 contact matches" in partial.text
    assert partial.headers["HX-Push-Url"].endswith("q=exam")


def test_a_row_is_edited_in_place(admin, session, people):
    opened = admin.get(f"/contacts/{people[0]}/edit?tenant=acme", headers=HTMX)
    assert 'value="Ann"' in opened.text
    assert "<html" not in opened.text
    data = {"csrf_token": token(admin, PAGE), "version": "1", "last_name": "Beispiel"}

    saved = admin.post(f"/contacts/{people[0]}?tenant=acme", data=data, headers=HTMX)

    assert rows(saved) == [str(people[0])]
    assert "Ann Beispiel is saved." in saved.text
    assert 'id="directory-state" hx-swap-oob="true"' in saved.text
    assert stored(session, people[0]).last_name == "Beispiel"


def test_a_refused_row_stays_open_with_what_was_typed(admin, session, people):
    data = {"csrf_token": token(admin, PAGE), "version": "1", "work": "call me"}

    answer = admin.post(f"/contacts/{people[0]}?tenant=acme", data=data, headers=HTMX)

    assert answer.status_code == 422
    assert 'value="call me"' in answer.text
    assert "cannot be dialled" in answer.text
    assert stored(session, people[0]).work == ""


def test_without_scripts_the_page_has_the_row_open(admin, session, people):
    page = admin.get(PAGE + f"&edit={people[0]}&q=exam")
    assert f'action="/contacts/{people[0]}?tenant=acme&amp;q=exam"' in page.text

    refused = post(admin, f"/contacts/{people[0]}?tenant=acme", email="nowhere")
    assert refused.status_code == 422
    assert 'value="nowhere"' in refused.text

    saved = post(admin, f"/contacts/{people[0]}?tenant=acme&q=exam", email="a@b.example")
    assert saved.location == "/contacts/?q=exam&tenant=acme"
    assert stored(session, people[0]).email == "a@b.example"


def test_two_people_at_one_row(admin, session, people):
    data = {"csrf_token": token(admin, PAGE), "version": "1", "work": "1"}
    admin.post(f"/contacts/{people[0]}?tenant=acme", data=data, headers=HTMX)

    second = admin.post(f"/contacts/{people[0]}?tenant=acme", data={**data, "work": "2"}, headers=HTMX)

    assert second.status_code == 422
    assert "Somebody else changed this contact" in second.text
    assert stored(session, people[0]).work == "1"


def test_a_contact_is_added(own, session, people):
    assert 'id="new-first_name"' in own.get("/contacts/?add=1").text

    refused = post(own, "/contacts/", work="030")
    saved = post(own, "/contacts/", first_name="Di", work="030", another="yes")

    assert refused.status_code == 422
    assert "Enter a first name, a last name or a company." in refused.text
    assert saved.location == "/contacts/?add=1"
    assert session.scalar(select(Contact.work).where(Contact.first_name == "Di")) == "030"


def test_deleting_asks_first(admin, session, people):
    both = {"csrf_token": token(admin, PAGE), "selected": [str(people[0]), str(people[1]), str(people[2])]}
    foreign = admin.post("/contacts/delete?tenant=acme", data=both)
    assert foreign.status_code == 404

    both["selected"] = both["selected"][:2]
    asked = admin.post("/contacts/delete?tenant=acme", data=both)
    assert "Delete 2 contacts?" in asked.text
    assert stored(session, people[0])

    admin.post("/contacts/delete?tenant=acme", data={**both, "confirmed": "yes"})
    assert [stored(session, number) is None for number in people] == [True, True, False]


def test_all_of_a_tenant_are_deleted_at_once(admin, session, people):
    asked = post(admin, "/contacts/delete?tenant=acme", all="yes")
    assert 'name="all" value="yes"' in asked.text

    post(admin, "/contacts/delete?tenant=acme", all="yes", confirmed="yes")

    assert session.scalars(select(Contact.id)).all() == [people[2]]


def upload(client, text, **values):
    data = {"csrf_token": token(client), "file": (io.BytesIO(text.encode()), "people.csv"), **values}
    return client.post("/contacts/import?tenant=acme", data=data)


def test_a_file_is_tried_and_imported(admin, session, people):
    text = "first_name,email,mobile\nAnna,ann@acme.example,1\nEve,,2\n"

    trial = upload(admin, text, action="try")
    assert "It would add 1, change 1, delete 0 and leave 0" in trial.text
    assert stored(session, people[0]).first_name == "Ann"

    assert upload(admin, text, action="import").location == "/contacts/?tenant=acme"
    assert stored(session, people[0]).first_name == "Anna"
    assert session.scalar(select(Contact.id).where(Contact.id == people[1]))

    upload(admin, text, action="import", how="replace")
    assert stored(session, people[1]) is None


def test_errors_of_a_file_stand_by_row_and_column(admin, session, people):
    answer = upload(admin, "first_name,work\nEve,nowhere\n", action="import")

    assert answer.status_code == 422
    assert re.search(r"<td>2</td><td[^>]*>work</td><td>“nowhere” cannot be dialled", answer.text)
    assert "Choose a CSV file." in post(admin, "/contacts/import?tenant=acme", action="try").text


def test_the_export_guards_cells(admin, session, people):
    add_contact(session, CONSOLE, "acme", {"company": "=1+1", "work": "+49 30 1"})

    answer = admin.get("/contacts/export.csv?tenant=acme")

    assert answer.headers["Content-Disposition"] == "attachment; filename=contacts-acme.csv"
    assert "'=1+1" in answer.text
    assert "'+49 30 1" in answer.text
    assert "Cy" not in answer.text


def test_the_page_says_how_far_the_directory_is(config, admin, session, people, tenants):
    waiting = admin.get(PAGE).text
    assert "2 changes waiting" in waiting
    assert "No worker runs" in waiting
    regenerate(session, SiteLoader(config).load(session), tenants["acme"])

    state = admin.get("/contacts/state?tenant=acme", headers=HTMX).text
    assert "Directory built" in state
    assert "every 2s" not in state

    session.get_one(DirectoryRecord, tenants["acme"]).error = "x.xml: <broken>"
    session.commit()
    assert "Phones keep the old directory." in admin.get(PAGE).text
    assert "x.xml: &lt;broken&gt;" in admin.get(PAGE).text


def test_own_lines_are_switched_on_and_off(own, session, tenants):
    post(own, "/contacts/lines", include="on")
    assert directory_state(session, tenants["acme"]).includes_lines

    session.rollback()
    post(own, "/contacts/lines")
    session.rollback()
    assert not directory_state(session, tenants["acme"]).includes_lines


def test_support_looks_and_changes_nothing(sign_in, people):
    support = sign_in(Role.SUPPORT, name="Sam")

    page = support.get(PAGE).text
    assert "Ann Example" in page
    assert "Add contact" not in page
    assert 'aria-label="Edit' not in page
    assert post(support, "/contacts/?tenant=acme", first_name="X").status_code == 403
