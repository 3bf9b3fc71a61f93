import pytest

from webprov.rendering.overriding import kept_lines

TEMPLATE = "#!version:1\na = 1\nb = 2\n# b = no setting\nc = 3\n"


def kept(text, override):
    lines = text.splitlines(keepends=True)
    return "".join(lines[position] for position in kept_lines(text, override, "#"))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("", TEMPLATE),
        ("b = 9\n", "#!version:1\na = 1\n# b = no setting\nc = 3\nb = 9\n"),
        ("d = 4\n# a = 5\n", TEMPLATE + "d = 4\n# a = 5\n"),
        ("a=7\nnothing to set\na = 8\n", "#!version:1\nb = 2\n# b = no setting\nc = 3\nnothing to set\na = 8\n"),
    ],
)
def test_a_line_of_the_override_replaces_those_of_its_name(override, expected):
    assert kept(TEMPLATE + override, override) == expected


def test_names_that_the_override_does_not_set_stay_as_they_are():
    assert kept("a = 1\na = 2\nb = 3\n", "b = 3\n") == "a = 1\na = 2\nb = 3\n"
