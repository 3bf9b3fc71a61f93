"""A secret and its twin stay together, or the template is known to part them (security SE-03)."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from tests.webprov.rendering.builders import make_context, make_model
from webprov.phones.phonemodel import FileRule
from webprov.rendering.gate import check_template
from webprov.rendering.masking import MASK, veil
from webprov.rendering.passing import handled
from webprov.rendering.render import render_device
from webprov.rendering.veiling import Unpaired, Veiled, joined, raw, twin_of

HEADER = "## format: keyvalue comment=# quote=none encoding=utf-8\n"
SECRET = Veiled("http://u:geheim@a/b", "http://u:***@a/b")


@pytest.mark.parametrize(
    ("made", "text", "twin"),
    [
        (SECRET.removesuffix("/b"), "http://u:geheim@a", "http://u:***@a"),
        (SECRET.removeprefix("http://"), "u:geheim@a/b", "u:***@a/b"),
        (SECRET.split("//")[1], "u:geheim@a/b", "u:***@a/b"),
        (SECRET.split("@")[-1], "a/b", "a/b"),
        ("x" + SECRET, "xhttp://u:geheim@a/b", "xhttp://u:***@a/b"),
        (SECRET + SECRET.split("@")[0], "http://u:geheim@a/bhttp://u:geheim", "http://u:***@a/bhttp://u:***"),
        (joined(["a", SECRET]), "ahttp://u:geheim@a/b", "ahttp://u:***@a/b"),
        (raw(SECRET), "http://u:geheim@a/b", "http://u:***@a/b"),
    ],
)
def test_what_is_made_of_both_stays_both(made, text, twin):
    assert (str(made), twin_of(made)) == (text, twin)


@pytest.mark.parametrize(
    "work",
    [
        lambda: "geheim" in SECRET,
        lambda: SECRET.startswith("http://u:g"),
        lambda: SECRET.endswith("***@a/b"),
        lambda: SECRET.split("e"),
        lambda: SECRET.removeprefix("http://u:geheim@a/b"),
    ],
)
def test_where_the_two_part_neither_goes_on(work):
    with pytest.raises(Unpaired):
        work()


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("PASSWORD", set()),
        ("line.PASSWORD or AUTH_ID", set()),
        ("first_of(PASSWORD, CLEAR)", set()),
        ("PASSWORD if USERID else CLEAR", set()),
        ("'@' in PROTO_URL and not PASSWORD", set()),
        ("'x' + PROTO_URL.split('@')[-1].removesuffix('/a')", set()),
        ("LINE_SLOTS[KEY - 1].PASSWORD", {"KEY"}),
        ("PASSWORD[0:3]", {"PASSWORD"}),
        ("first_of(PASSWORD, CLEAR)[0:3]", {"first_of", "PASSWORD", "CLEAR"}),
        ("PASSWORD == 'x'", {"PASSWORD"}),
        ("PASSWORD in 'xyz'", {"PASSWORD"}),
        ("'xyz' in [PASSWORD, CLEAR]", {"PASSWORD", "CLEAR"}),
        ("'xyz' in PROTO_URL.split('@')", {"PROTO_URL", "split"}),
        ("len(PASSWORD)", {"len", "PASSWORD"}),
        ("url(line.PASSWORD)", {"url", "line", "PASSWORD"}),
        ("PASSWORD.upper()", {"PASSWORD", "upper"}),
        ("PROTO_URL.split(PASSWORD)[0]", {"PASSWORD"}),
        ("{'a': 1}.get(PASSWORD, 0)", {"PASSWORD", "get"}),
        ("'-'.join(PROTO_URL.split('@'))", {"join", "PROTO_URL", "split"}),
        ("'x' if PASSWORD == 'x' else 'y'", {"PASSWORD"}),
    ],
)
def test_what_loses_the_twin_is_found(expression, names):
    assert handled(ast.parse(expression, mode="eval").body) == names


def test_variables_of_loops_stand_for_what_they_run_over():
    text = HEADER + "% for one in [PASSWORD, LABEL]:\n% for other in [one]:\na = ${other[0:2]}\n% endfor\n% endfor\n"
    passed = HEADER + "% for name, value in [('a', PASSWORD), ('b', LABEL)]:\n${name} = ${value}\n% endfor\n"

    assert {"PASSWORD", "LABEL"} <= check_template("a.cfg", text).handled
    assert "PASSWORD" not in check_template("a.cfg", passed).handled
    assert "PASSWORD" in check_template("a.cfg", HEADER + "a = ${PASSWORD | url}\n").handled


def rendered(write, library, text, line="", **secrets):
    write("shipped/phone.cfg", HEADER + text)
    write("shipped/line.cfg", line)
    real = make_context(**secrets)
    shown = make_context(**dict.fromkeys(secrets, MASK))
    (file,) = render_device(
        make_model(FileRule("phone.cfg", "${mac}.cfg", "line.cfg")), veil(real, shown), library, "acme"
    )
    return file


def test_a_file_comes_with_its_masked_content(write, library):
    file = rendered(
        write, library, "pin = ${PIN}\n% if PIN:\nset = 1\n% endif\n${LINES}", "${LINE} = ${PIN}\n", PIN="12"
    )

    assert file.text == "pin = 12\nset = 1\n1 = 12\n3 = 12\n"
    assert file.masked == f"pin = {MASK}\nset = 1\n1 = {MASK}\n3 = {MASK}\n".encode()


def test_masked_content_is_unknown_where_a_template_works_with_a_secret(write, library):
    assert rendered(write, library, "pin = ${PIN[0:1]}\n", PIN="12").masked is None
    assert rendered(write, library, "a = 1\n${LINES}", "${LINE} = ${PIN.upper()}\n", PIN="12").masked is None
    assert rendered(write, library, "a = 1\n").masked == b"a = 1\n"


def test_what_does_not_go_together_is_not_veiled():
    real = make_context(PIN="12")
    for other in (make_context(PIN=""), make_context(), make_context(PIN="12", LINE_COUNT=7)):
        assert veil(real, other).veiled is None


@given(
    st.text(max_size=12),
    st.text(max_size=12),
    st.sampled_from(["split", "removeprefix", "removesuffix"]),
    st.text("@:/a", min_size=1, max_size=2),
)
@examples(300, 20_000)
def test_every_method_gives_what_it_gives_of_each(text, twin, method, argument):
    try:
        made = getattr(Veiled(text, twin), method)(argument)
    except Unpaired:
        return
    made, plain = (
        (made, getattr(text, method)(argument))
        if isinstance(made, list)
        else ([made], [getattr(text, method)(argument)])
    )
    of_twin = getattr(twin, method)(argument)
    assert list(made) == plain
    assert [twin_of(one) for one in made] == (of_twin if isinstance(of_twin, list) else [of_twin])
