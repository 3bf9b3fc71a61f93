import pytest

from webprov.errors import InvalidValue
from webprov.phones.inisections import drop_section, find_section, put_section, set_values

FILE = """\
# written by hand
[one]
label   =   One      ; wide
override =
  a=1

  b=2

# about two
[two]
lines = 2
"""


def test_a_section_ends_with_its_last_line_that_says_something():
    found = find_section(FILE, "one")

    assert found.body == "label   =   One      ; wide\noverride =\n  a=1\n\n  b=2"
    assert (found.line, found.end) == (2, 7)
    assert find_section(FILE, "three") is None


def test_putting_a_section_leaves_all_else_as_it_is():
    changed = put_section(FILE, "one", "label = Uno")

    assert changed == FILE[:17] + "\n[one]\nlabel = Uno\n\n# about two\n[two]\nlines = 2\n"
    assert put_section(FILE, "three", "lines = 3") == FILE + "\n[three]\nlines = 3\n"
    assert put_section("", "a", "") == "[a]\n"


def test_line_ends_of_the_file_are_kept():
    changed = put_section("[a]\r\nx = 1\r\n[b]\r\n", "a", "x = 2\ny = 3")

    assert changed == "[a]\r\nx = 2\r\ny = 3\r\n[b]\r\n"


def test_dropping_a_section_keeps_the_comments_of_the_next():
    assert drop_section(FILE, "one") == "# written by hand\n\n# about two\n[two]\nlines = 2\n"
    assert drop_section(FILE, "three") == FILE
    assert drop_section("[a]\nx=1\n", "a") == ""


def test_two_sections_of_one_name_are_left_to_people():
    with pytest.raises(InvalidValue, match=r"stands twice in the file, in lines 1 and 2"):
        put_section("[a]\n[a]\n", "a", "x = 1")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"lines": "3"}, "# mine\nlines = 3\noverride =\n  a\n  b\nset_X = 1"),
        ({"lines": None}, "# mine\noverride =\n  a\n  b\nset_X = 1"),
        ({"override": None}, "# mine\nlines=2 ; two\nset_X = 1"),
        ({"override": "c\nd"}, "# mine\nlines=2 ; two\noverride =\n  c\n  d\nset_X = 1"),
        ({"keys": "9", "modules": None}, "# mine\nlines=2 ; two\noverride =\n  a\n  b\nset_X = 1\nkeys = 9"),
    ],
)
def test_set_values_changes_only_those_lines(values, expected):
    assert set_values("# mine\nlines=2 ; two\noverride =\n  a\n  b\nset_X = 1", values) == expected
