import pytest

from webprov.rendering.gate import check_template

TEXT = "## format: keyvalue comment=# quote=none encoding=utf-8\na = ${LABEL}\n% if TENANT:\nb = 1\nc = 2\n% endif\n"


def meaning(text):
    return check_template("test/a.cfg", text).meaning


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b = 1\n", "b = 1\n## said to nobody\n"),
        ("b = 1\n", "## said to nobody\n  ## nor this\nb = 1\n"),
        ("a = ${LABEL}\n", "a = ${LABEL}<%doc>nor\nthis</%doc>\n"),
    ],
)
def test_comments_mean_nothing(old, new):
    assert meaning(TEXT.replace(old, new)) == meaning(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b = 1\n", "b = 1\n# a comment of the phone's\n"),
        ("b = 1\n", "b = 1\n\n"),
        ("b = 1\nc = 2\n", "c = 2\nb = 1\n"),
        ("${LABEL}", "${LABEL | trim}"),
        ("${LABEL}", "${TENANT}"),
        ("if TENANT", "if LABEL"),
        ("quote=none", "quote=double"),
        ("encoding=utf-8", "encoding=latin-1"),
        ("b = 1\n", '<%include file="test/b.cfg"/>'),
        ("b = 1\n", "<%text>${LABEL}</%text>\n"),
    ],
)
def test_everything_else_does(old, new):
    assert meaning(TEXT.replace(old, new)) != meaning(TEXT)
