"""The gate: what templates may contain, what is refused, and that nothing ever runs (security TP-01, R12)."""
# ruff: noqa: E501

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from tests.webprov.rendering.hostile import BY_CLASS, HOSTILE
from webprov.rendering.escaping import Escaper
from webprov.rendering.formats import OutputFormat
from webprov.rendering.functions import CALLS
from webprov.rendering.gate import check_template
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.names import COLLECTIONS
from webprov.rendering.running import View, run
from webprov.rendering.veiling import Raw

_watched: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is None or arguments[:1] == ("<unknown>",):  # Python looks for the source of a syntax error
        return
    if event.split(".")[0] in ("open", "exec", "import", "os", "subprocess", "socket"):
        _watched.append(f"{event} {arguments!r:.80}")


sys.addaudithook(_watch)


def watched(function: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What `function` gives, and what Python opened, ran or imported meanwhile."""
    global _watched
    _watched = seen = []
    try:
        return function(), seen
    finally:
        _watched = None


def test_there_are_many_hostile_templates():
    assert len(HOSTILE) >= 300
    assert all(len(texts) >= 20 for texts in BY_CLASS.values())


@pytest.mark.parametrize(("name", "number", "text"), HOSTILE, ids=[f"{name}-{number}" for name, number, _ in HOSTILE])
def test_hostile_template_is_refused_and_nothing_runs(name, number, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    facts, seen = watched(lambda: check_template("bad.cfg", text))

    assert facts.refusals, text[:200]
    assert all(refusal.file == "bad.cfg" and refusal.reason for refusal in facts.refusals)
    assert seen == []
    assert not Path("MARKER").exists()


NORMAL = [
    "",
    "plain text, 100 % of it\n",
    "## format: keyvalue comment=# quote=none encoding=utf-8\na = ${MAC}\n",
    "## format: xml encoding=iso-8859-1\n<a>${MAC}</a>",
    "## format: json\n{}",
    "## format: keyvalue comment=none\n",
    "% if SRTP == 'required' and SIP_TRANSPORT in ('tls', 'tcp'):\nx\n% elif not SRTP:\ny\n% else:\nz\n% endif\n",
    "% if LINE_COUNT > 1:   # a comment\nx\n% endif\n",
    "% for line in LINE_SLOTS:\n${line.LINE}=${line.USERID} ${loop.index + 1} ${',' if not loop.last else ''}\n% endfor\n",
    "% for line in LINE_SLOTS:\n% for key in KEY_SLOTS:\n% if key.KEY_LINE == str(line.LINE):\nx\n% endif\n% endfor\n% endfor\n",
    "% for contact in CONTACTS:\n% for kind in ('WORK', 'HOME'):\n${contact.WORK} ${kind}\n% endfor\n% endfor\n",
    "% for a, b in [('x', 1), ('y', 2)]:\n${a}${b * 2}\n% endfor\n",
    "% for codec in words(CODECS):\n${codec}\n% endfor\n",
    "${MAC[0:6]} ${MAC[6:]} ${MAC[-1]} ${mac.upper()} ${MAC.lower().replace(':', '')}",
    "${LINE_SLOTS[0].USERID}",
    "${DISPLAY_NAME or USERID} ${'a' + MAC + \"b\"} ${first_of(LABEL, USERID)}",
    "${TZ_OFFSET // 3600} ${TZ_OFFSET % 3600 // 60} ${-TZ_OFFSET} ${int(SIP_PORT) + 1} ${abs(TZ_OFFSET)}",
    "${1 if SRTP == 'required' else 0}",
    "${{'udp': 0, 'tcp': 1, 'tls': 2}[SIP_TRANSPORT]} ${{'udp': 'a'}.get(SIP_TRANSPORT, 'b')}",
    "${','.join(words(CODECS))} ${CODECS.split(' ')[0]} ${str(LINE).zfill(2)}",
    "${utc_offset(TZ_OFFSET)} ${posix_plain(TZ_POSIX)} ${host(SYSLOG_SERVER)} ${port(SYSLOG_SERVER)}",
    "${PASSWORD | url} ${LABEL | trim} ${LABEL | trim, url}",
    "${CUSTOM_NAME} ${X9} ${set_COMMON}",
    "${LINES}${KEYS}${OVERRIDE} ${LINES.strip()}",
    "% if LINES:\nx\n% endif\n% if CONTACTS_URL:\ny\n% endif\n",
    "<%include file='yealink/part.cfg'/>\n<%inherit file=\"base.cfg\"/>\n",
    '<%def name="row()">${MAC}</%def>\n% for line in LINE_SLOTS:\n${row()}\n% endfor\n',
    "<%block name='sip'>${MAC}</%block>\n${next.body()}\n",
    "<%text>${not evaluated} % if</%text><%doc>anything ${here} __import__</%doc>\n## a comment ${x}\n",
    "%% literal\n$VAR {VAR} # hash $${MAC} \\\nnext\n${'##'} ${'${x}'}\n",
    "<?xml version='1.0'?>\n<a>%s</a>\n",
]


@pytest.mark.parametrize("text", NORMAL)
def test_normal_template_is_accepted(text):
    assert check_template("good.cfg", text).refusals == ()


VALUES: dict[str, Any] = {
    **{name: [SimpleNamespace(**dict.fromkeys(members, "1"))] for name, members in COLLECTIONS.items()},
    **dict.fromkeys(("LINE", "LINE_COUNT", "TZ_OFFSET"), 7200),
    **dict.fromkeys(("LINES", "KEYS", "OVERRIDE"), Raw("raw")),
    "SIP_TRANSPORT": "udp",
    "SYSLOG_SERVER": "log.acme.example:514",
}


def test_facts_name_variables_with_their_first_line():
    facts = check_template("a.cfg", "x\n${MAC}\n${MAC}${USERID}\n% for line in LINE_SLOTS:\n${line.USERID}\n% endfor\n")

    assert facts.names == {"MAC": 2, "USERID": 3, "LINE_SLOTS": 4}


def test_facts_count_loops_and_work_through_definitions():
    text = "<%def name='a()'>\n% for k in KEY_SLOTS:\n<%include file='k.cfg'/>\n% endfor\n</%def>\n"

    facts = check_template("a.cfg", text + "% for line in LINE_SLOTS:\n${a()}\n% endfor\n")

    assert (facts.loops, [(r.file, r.loops, r.times) for r in facts.references]) == (2, [("k.cfg", 2, 2500)])


def test_third_loop_is_refused_where_it_stands():
    text = "".join(f"% for {name} in LINE_SLOTS:\n" for name in "abc") + "% endfor\n" * 3

    assert [refusal.line for refusal in check_template("a.cfg", text).refusals] == [3]


def test_refusals_name_every_line_and_the_nearest_name():
    facts = check_template(
        "a.cfg", "${MAK}\n${usrid}\n\n${USERID.formt(1)}\n% for l in LINE_SLOTS:\n${l.USERD}\n% endfor\n"
    )

    assert [refusal.line for refusal in facts.refusals] == [2, 4, 6]
    assert "nearest known name is USERID" in facts.refusals[0].reason
    assert "nearest known member is USERID" in facts.refusals[2].reason


@pytest.mark.parametrize(
    "tag", ["<%def" + " = " * 5000, "<%include " + "a='b' " * 5000, "<%a" + " b" * 20000, "<%x " + "," * 50000]
)
def test_long_tags_do_not_keep_the_lexer_busy(tag):
    assert check_template("a.cfg", tag).refusals  # Mako's lexer alone would take years


PIECES = st.sampled_from([
    "${", "}", "<%", "%>", "<%def name='a()'>", "</%def>", "<%text>", "</%text>", "% for x in LINE_SLOTS:\n", "% endfor\n",
    "% if MAC:\n", "% else:\n", "% endif\n", "MAC", "mac", "x.USERID", ".upper()", "(", ")", "[", "]", "{", "'", '"', "\\", "\n",
    "|", "n", "url", "lambda", "__import__('os')", "self", "%", "##", ":", ",", "=", "1", "+", " ", "<%include file='a'/>",
])  # fmt: skip


@examples(300, 50_000)
@given(st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=60)))
def test_any_text_is_either_refused_or_checked(text):
    facts = check_template("any.cfg", text)

    assert all(isinstance(refusal.reason, str) and refusal.line >= 0 for refusal in facts.refusals)


@pytest.mark.parametrize("text", NORMAL)
def test_accepted_template_compiles_and_runs_without_touching_anything(text, write, library):
    write("shipped/base.cfg", "${next.body()}")
    write("shipped/yealink/part.cfg", "part")
    write("shipped/x.cfg", text.replace("${next.body()}", ""))
    closure = library.closure("x.cfg", "")
    data = {name: VALUES.get(name, "1") for name in closure.names} | CALLS

    _, seen = watched(lambda: run(closure, data, Escaper(OutputFormat()), View(library, "")))

    assert seen == []


@examples(200, 50_000)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_the_gate_accepts_compiles(text):
    facts = check_template("any.cfg", text)
    if facts.refusals:
        return

    with TemporaryDirectory() as folder:
        (Path(folder) / "x.cfg").write_text(text)
        library = TemplateLibrary(Path(folder), Path(folder) / "none")

        assert library.load("x.cfg", "").facts.names == facts.names
