import pytest

from forms.devicerows import act, new_rows, read_rows
from webprov.deviceinput import parse_device

TWO = {
    "line1_row": "line-w1", "line1_was": "1", "line1_userid": "1000",
    "line2_row": "line-w2", "line2_was": "2", "line2_userid": "1001",
    "key1_row": "key-w1", "key1_type": "blf", "m1key3_row": "key-w1003", "m1key3_type": "park",
}  # fmt: skip


def test_a_new_device_starts_with_an_open_line():
    (line,) = new_rows().lines

    assert (line.number, line.is_open) == (1, True)


def test_rows_are_read_by_the_names_of_the_contract():
    rows = read_rows(TWO | {"secret_line-w2": "typed", "label": "Desk"}, [1])

    assert [(row.title, row.stored, row.password) for row in rows.lines] == [
        ("Line 1", True, ""),
        ("Line 2", False, "typed"),
    ]
    assert [row.title for row in rows.keys] == ["Key 1", "Key 3 of module 1"]


def test_what_is_read_goes_to_the_domain_as_it_is():
    flat = read_rows(TWO | {"secret_line-w2": "typed"}).flat()

    given = parse_device({"mac": "805EC0000001", **flat}, complete=True)

    assert given.lines[2].fields["password"] == "typed"
    assert given.lines[2].was == 2
    assert given.keys[1, 3]["type"] == "park"


def test_lines_change_places_with_everything_that_is_theirs():
    rows = act(read_rows(TWO | {"secret_line-w2": "typed"}), "up line-w2")

    assert [(row.number, row.was, row.text("userid"), row.password) for row in rows.lines] == [
        (1, 2, "1001", "typed"),
        (2, 1, "1000", ""),
    ]
    assert rows.said == "Line 2 is Line 1 now"


@pytest.mark.parametrize("action", ["up line-w1", "down line-w2", "up line-x", "dance line-w1", "", "add fax", "edit"])
def test_what_cannot_be_done_changes_nothing(action):
    before = read_rows(TWO)

    assert act(before, action).lines == before.lines


def test_deleted_rows_travel_along_until_they_come_back():
    rows = act(read_rows(TWO), "delete line-w1")
    assert [row.number for row in rows.live_lines] == [2]
    assert "line1_userid" not in rows.flat()

    posted = {"goneline1_row": "line-w1", "goneline1_at": "1", "goneline1_was": "1", "goneline1_userid": "1000"}
    back = act(read_rows({name: text for name, text in TWO.items() if "line1" not in name} | posted), "undo line-w1")

    assert [(row.number, row.was, row.text("userid")) for row in back.live_lines] == [(1, 1, "1000"), (2, 2, "1001")]


def test_a_row_comes_back_elsewhere_when_its_place_is_taken():
    rows = act(act(act(read_rows(TWO), "delete line-w1"), "add line"), "undo line-w1")

    assert [(row.id, row.number) for row in rows.live_lines] == [("line-n1", 1), ("line-w2", 2), ("line-w1", 3)]


def test_added_rows_take_the_first_free_number_and_the_focus():
    rows = act(read_rows({"line2_row": "line-w2", "line2_userid": "1001"}), "add line")

    assert rows.lines[0].number == 1
    assert rows.focus == "line-n1-display_name"


def test_a_typed_number_moves_the_row():
    rows = read_rows(TWO | {"key1_open": "on", "key1_at": "7", "key1_on": "1"})

    assert [row.place for row in rows.keys] == [(1, 3), (1, 7)]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("2", "There is a line 2 already"), ("x", "Enter a number"), ("0", "Enter a number"), ("²", "Enter")],
)
def test_a_number_that_cannot_be_stays_with_its_sentence_and_loses_no_row(typed, sentence):
    rows = read_rows(TWO | {"line1_open": "on", "line1_at": typed})

    assert [row.text("userid") for row in rows.lines] == ["1000", "1001"]
    assert sentence in rows.number_errors()["line1_at"]
    assert rows.lines[0].typed_number == typed


def test_two_rows_may_swap_by_their_typed_numbers():
    rows = read_rows(TWO | {"line1_at": "2", "line2_at": "1"})

    assert [row.text("userid") for row in rows.lines] == ["1001", "1000"]
    assert not rows.number_errors()


def test_errors_open_their_row():
    rows = read_rows(TWO).with_errors({"line2_userid": "No.", "mac": "No."})

    assert rows.lines[1].errors == {"userid": "No."}
    assert [row.is_open for row in rows.lines] == [False, True]


def test_hostile_names_are_no_rows():
    rows = read_rows({"line0_userid": "x", "line9999_userid": "x", "line1_row": '"><script>', "m0key1_type": "blf"})

    assert [row.id for row in rows.lines] == ["line-w1"]
    assert rows.keys == ()
