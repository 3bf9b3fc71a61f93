"""Files of a device: variables, lines, keys, formats, and errors that name template, line and variable."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hostilexml import HOSTILE_XML
from tests.webprov.rendering.builders import make_context, make_model
from webprov.enums import FileFormat
from webprov.errors import TemplateError
from webprov.phones.phonemodel import FileRule, SharedRule
from webprov.rendering.formats import OutputFormat
from webprov.rendering.names import CONTACT_NAMES
from webprov.rendering.render import render_device, render_directory, render_shared
from webprov.rendering.wellformed import find_fault

HEADER = "## format: keyvalue comment=# quote=none encoding=utf-8\n"


def test_device_gets_its_file_with_lines_and_keys(write, library):
    write("shipped/phone.cfg", HEADER + "server = ${REG_SERVER}\n${LINES}${KEYS}${OVERRIDE}")
    write("shipped/line.cfg", "account.${LINE}.user = ${USERID}\naccount.${LINE}.label = ${LABEL}\n")
    write("shipped/key.cfg", "key.${KEY}.value = ${KEY_VALUE}@${LINE}\n")
    rule = FileRule("phone.cfg", "${mac}.cfg", "line.cfg", "key.cfg")

    files = render_device(make_model(rule), make_context(OVERRIDE="x = <&${MAC}\n"), library, "acme")

    assert [file.path for file in files] == ["805ec0123456.cfg"]
    assert files[0].text == (
        "server = pbx.acme.example\n"
        "account.1.user = 201\naccount.1.label = Ada\naccount.3.user = 203\naccount.3.label = Ada\n"
        "key.1.value = 202@2\n"
        "x = <&${MAC}\n"
    )
    assert files[0].format is FileFormat.KEYVALUE
    assert files[0].warnings == ()


def test_files_come_referred_to_first_and_asked_for_first_last(write, library):
    write("shipped/any.cfg", HEADER)
    names = ["${mac}.boot", "${mac}.cfg", "extra-${mac}.cfg"]
    model = make_model(*(FileRule("any.cfg", name) for name in names), boot=("${mac}.boot", "y0.cfg", "${mac}.cfg"))

    files = render_device(model, make_context(), library, "acme")

    assert [file.path for file in files] == ["extra-805ec0123456.cfg", "805ec0123456.cfg", "805ec0123456.boot"]


def test_two_files_of_one_name_are_refused(write, library):
    write("shipped/a.cfg", HEADER)
    model = make_model(FileRule("a.cfg", "${MAC}.cfg"), FileRule("a.cfg", "${mac}.CFG"))

    with pytest.raises(TemplateError, match=r"a\.cfg: writes .* as a\.cfg does"):
        render_device(model, make_context(), library, "acme")


def test_unknown_variable_is_named_with_template_line_and_neighbour(write, library):
    write("shipped/phone.cfg", HEADER + "a = 1\nb = ${REG_SERVR}\n")

    with pytest.raises(TemplateError) as caught:
        render_device(make_model(FileRule("phone.cfg", "x.cfg")), make_context(), library, "acme")

    assert (caught.value.file, caught.value.line) == ("phone.cfg", 3)
    assert "REG_SERVR" in caught.value.reason
    assert "nearest known name is REG_SERVER" in caught.value.reason


def test_unknown_variable_in_an_included_template_names_that_template(write, library):
    write("shipped/phone.cfg", HEADER + '<%include file="b/part.cfg"/>\n')
    write("shipped/b/part.cfg", "x\ny = ${NOPE}\n")

    with pytest.raises(TemplateError) as caught:
        render_device(make_model(FileRule("phone.cfg", "x.cfg")), make_context(), library, "acme")

    assert (caught.value.file, caught.value.line) == ("b/part.cfg", 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\n${10 // (LINE_COUNT - 2)}", "division by zero"),
        ("a\n${LINE_SLOTS[7].USERID}", "no such place"),
        ("a\n${int(REG_SERVER)}", "not a whole number"),
        ('a\n${{"tls": 1}[REG_SERVER]}', "no entry for this value"),
    ],
)
def test_trouble_at_run_time_names_template_and_line(render_text, text, reason):
    with pytest.raises(TemplateError, match=reason) as caught:
        render_text(HEADER + text)

    assert (caught.value.file, caught.value.line) == ("phone.cfg", 3)


@pytest.mark.parametrize("expression", ['{"a": 1}[PASSWORD]', "int(PASSWORD)", "PASSWORD[LINE_COUNT:][99]"])
def test_trouble_at_run_time_does_not_show_the_value(render_text, expression):
    with pytest.raises(TemplateError) as caught:
        render_text(HEADER + f"${{{expression}}}", PASSWORD="s3cret")

    assert "s3cret" not in str(caught.value)


def test_line_break_in_a_value_names_the_variable(render_text):
    with pytest.raises(TemplateError, match="DEVICE_LABEL has a line break"):
        render_text(HEADER + "label = ${DEVICE_LABEL}\n", DEVICE_LABEL="a\nserver = evil")


def test_line_break_in_a_record_names_member_and_position(write, library):
    context = make_context()
    context.lines[2]["USERID"] = "a\rb"
    write("shipped/phone.cfg", HEADER + "% for line in LINE_SLOTS:\n${line.USERID}\n% endfor\n")

    with pytest.raises(TemplateError, match="USERID of number 3 in LINE_SLOTS"):
        render_device(make_model(FileRule("phone.cfg", "x.cfg")), context, library, "acme")


@pytest.mark.parametrize(
    ("output", "text", "reason"),
    [
        ("a.xml", "<a>\n<b></a>", "broken at line 2"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
        ("a.xml", '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>', "says encoding=iso-8859-1"),
        ("a.json", '{"a": \n1,}', "broken at line 2"),
    ],
)
def test_broken_xml_and_json_are_refused(render_text, output, text, reason):
    with pytest.raises(TemplateError, match=reason):
        render_text(text, output=output)


@pytest.mark.parametrize("kind", HOSTILE_XML)
def test_rl06_xml_with_a_dtd_is_refused_before_it_is_heeded(kind):
    fault = find_fault(HOSTILE_XML[kind].encode(), OutputFormat(FileFormat.XML, encoding="utf-8"))

    assert "DOCTYPE" in fault


def test_xml_value_stays_one_value(render_text):
    file = render_text('<a b="${DEVICE_LABEL}">${DEVICE_LABEL}</a>', output="a.xml", DEVICE_LABEL="\"><x y='&'")

    assert file.text == '<a b="&quot;&gt;&lt;x y=&#39;&amp;&#39;">&quot;&gt;&lt;x y=&#39;&amp;&#39;</a>'


def test_filter_works_before_escaping(render_text):
    file = render_text("<a>${DEVICE_LABEL | url}</a>", output="a.xml", DEVICE_LABEL="a&b c")

    assert file.text == "<a>a%26b%20c</a>"


def test_values_are_never_evaluated(render_text):
    hostile = "${7*7} <% import os %> % for ## <%include file='x'/>"

    file = render_text(HEADER + "label = ${DEVICE_LABEL}\n${OVERRIDE}", DEVICE_LABEL=hostile, OVERRIDE=hostile + "\n")

    assert file.text == f"label = {hostile}\n{hostile}\n"


def test_tp09_no_value_is_evaluated_on_its_way_through_lines_keys_and_override(write, library):
    hostile = "${MAC} ${7*7} <%! import os %> <%include file='x'/> % if 1: %% ## \\"
    context = make_context(**dict.fromkeys(("DEVICE_LABEL", "REG_SERVER"), hostile), OVERRIDE=f"## {hostile}\n")
    lines, keys = (
        tuple(
            {name: hostile if isinstance(value, str) else value for name, value in record.items()} for record in records
        )
        for records in (context.lines, context.keys)
    )
    names = {
        "line": sorted(name for name in lines[0] if name not in ("LINE", "LINE_ZERO_BASED")),
        "key": sorted(keys[0]),
    }
    for kind, members in names.items():
        write(f"shipped/{kind}.cfg", "".join(f"{kind}.{name} = ${{{name}}}\n" for name in members if name != "KEY"))
    write("shipped/part.cfg", "part = ${REG_SERVER}\n")
    write("shipped/phone.cfg", HEADER + "a = ${DEVICE_LABEL}\n<%include file='part.cfg'/>${LINES}${KEYS}${OVERRIDE}")
    rule = FileRule("phone.cfg", "x.cfg", "line.cfg", "key.cfg")

    [file] = render_device(make_model(rule), replace(context, lines=lines, keys=keys), library, "acme")

    assert all(line.endswith(hostile) for line in file.text.splitlines())
    assert len(file.text.splitlines()) == 3 + 2 * len(names["line"]) + len(names["key"]) - 1


def test_included_template_escapes_for_the_includer(write, library):
    write("shipped/part", "${DEVICE_LABEL}")
    write("shipped/a.xml", '<a><%include file="part"/></a>')
    write("shipped/a.cfg", HEADER + 'x = <%include file="part"/>')
    model = make_model(FileRule("a.xml", "a.xml"), FileRule("a.cfg", "a.cfg"))

    files = {file.path: file.text for file in render_device(model, make_context(DEVICE_LABEL="<"), library, "acme")}

    assert files == {"a.xml": "<a>&lt;</a>", "a.cfg": "x = <"}


def test_inherited_template_fills_blocks_and_body(write, library):
    write("shipped/base.cfg", 'head\n<%block name="sip">base</%block>\n${next.body()}tail')
    write(
        "shipped/phone.cfg", HEADER + '<%inherit file="base.cfg"/>\nmine ${MAC}\n<%block name="sip">own ${mac}</%block>'
    )

    file = render_device(make_model(FileRule("phone.cfg", "x.cfg")), make_context(), library, "acme")[0]

    assert file.text.split() == ["head", "own", "805ec0123456", "mine", "805EC0123456", "tail"]


def test_definitions_loops_and_tables_render(render_text):
    text = (
        HEADER + '<%def name="row()">codec ${CODECS}\n</%def>\n'
        "% for codec in words(CODECS):\n${loop.index}=${codec.upper()}\n% endfor\n"
        '% for name, number in [("a", 1), ("b", 2)]:\n${name}${number + 1}\n% endfor\n'
        '${{"udp": 0, "tls": 2}.get(REG_SERVER, 9)} ${utc_offset(TZ_OFFSET)}\n${row()}'
    )

    assert render_text(text).text == "\n0=PCMU\n1=G722\na2\nb3\n9 +1\ncodec pcmu g722\n"


def test_character_that_the_encoding_lacks_is_a_warning_with_the_name(render_text):
    file = render_text("## format: keyvalue encoding=iso-8859-1\nlabel = ${DEVICE_LABEL}\n", DEVICE_LABEL="Zoë 山")

    assert file.content == b"label = Zo\xeb ?\n"
    assert file.warnings == ("DEVICE_LABEL: characters that iso-8859-1 lacks became “?”",)


def test_file_without_format_line_is_text_with_a_warning(render_text):
    assert render_text("a").warnings == ("phone.cfg has no format line; it is taken for plain text",)


def test_output_of_more_than_4_mib_is_refused(write, library):
    write(
        "shipped/phone.cfg",
        HEADER + "% for a in LINE_SLOTS:\n% for b in LINE_SLOTS:\n${DEVICE_LABEL}\n% endfor\n% endfor\n",
    )
    context = make_context(DEVICE_LABEL="x" * 500_000)

    with pytest.raises(TemplateError, match="larger than 4 MiB"):
        render_device(make_model(FileRule("phone.cfg", "x.cfg")), context, library, "acme")


@pytest.mark.parametrize(
    "output",
    ["../x", "a/../x", "/x", "a//b", ".x", "CONTACTS/x", "firmware-a/x", "${DEVICE_LABEL}", "a\\b", "", "a/ b"],
)
def test_output_names_that_leave_the_folder_are_refused(render_text, output):
    with pytest.raises(TemplateError):
        render_text(HEADER, output=output, DEVICE_LABEL="../../etc/passwd")


def test_output_name_may_use_set_values(write, library):
    write("shipped/phone.cfg", HEADER)
    model = make_model(FileRule("phone.cfg", "y${set_COMMON}-${mac[6:]}.cfg"))

    assert render_device(model, make_context(set_COMMON="096"), library, "acme")[0].path == "y096-123456.cfg"


def test_shared_file_sees_settings_and_its_own_sets(write, library):
    write("shipped/common.cfg", HEADER + "s = ${REG_SERVER}\nt = ${SIP_TRANSPORT}\n")
    rule = SharedRule("common.cfg", "y000.cfg", "_yealink-t5")

    file = render_shared(rule, make_context(SIP_TRANSPORT="udp"), library)

    assert (file.path, file.owner, file.text) == ("y000.cfg", "_yealink-t5", "s = pbx.acme.example\nt = udp\n")


def test_shared_file_refuses_a_device_variable(write, library):
    write("shipped/common.cfg", HEADER + "a\nm = ${MAC}\n")

    with pytest.raises(TemplateError, match="MAC belongs to one device") as caught:
        render_shared(SharedRule("common.cfg", "y000.cfg", "_yealink-t5"), make_context(), library)

    assert caught.value.line == 3


def test_directory_sees_contacts(write, library):
    write("shipped/d.xml", '<d>\n% for c in CONTACTS:\n<c n="${c.NAME}">${c.WORK}</c>\n% endfor\n</d>')
    contacts = {"CONTACTS": [SimpleNamespace(NAME="Bob & Co", WORK="202")]}

    file = render_directory(FileRule("d.xml", "yealink.xml"), {"TENANT": "acme"}, contacts, library, "acme")

    assert (file.path, file.text) == ("yealink.xml", '<d>\n<c n="Bob &amp; Co">202</c>\n</d>')


def test_last_comma_of_json_lines_can_go(write, library):
    write("shipped/phone.json", '[${LINES.rstrip().rstrip(",")}]')
    write("shipped/line.json", '{"user": "${USERID}"},\n')
    rule = FileRule("phone.json", "x.json", "line.json")

    file = render_device(make_model(rule), make_context(), library, "acme")[0]

    assert file.text == '[{"user": "201"},\n{"user": "203"}]'


def test_line_template_does_not_see_keys(write, library):
    write("shipped/phone.cfg", HEADER + "${LINES}")
    write("shipped/line.cfg", "x\n${KEYS}")

    with pytest.raises(TemplateError, match=r"line\.cfg, line 2: unknown variable KEYS: this kind of file"):
        render_device(make_model(FileRule("phone.cfg", "x.cfg", "line.cfg")), make_context(), library, "acme")


def test_tp07_loop_that_writes_nothing_ends_within_two_seconds(write, library):
    contacts = {"CONTACTS": [SimpleNamespace(**dict.fromkeys(CONTACT_NAMES, ""))] * 100_000}
    body = "${c.NAME}" * 20
    write(
        "shipped/d.xml", "% for c in CONTACTS:\n% for x in [" + "1," * 64 + "]:\n" + body + "\\\n% endfor\n% endfor\n"
    )
    start = time.process_time()

    with pytest.raises(TemplateError, match="larger than 4 MiB"):
        render_directory(FileRule("d.xml", "d.xml"), {}, contacts, library, "acme")

    assert time.process_time() - start < 2


def test_rendering_twice_gives_the_same_bytes(render_text):
    text = HEADER + "% for line in LINE_SLOTS:\n${line.USERID}\n% endfor\n"

    assert render_text(text) == render_text(text)


PURE = """
import hashlib, sys
from pathlib import Path
from tests.webprov.rendering.builders import make_context, make_model
from webprov.phones.phonemodel import FileRule
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_device
library = TemplateLibrary(Path(sys.argv[1]), Path("none"))
model, context = make_model(FileRule("phone.cfg", "${mac}.cfg")), make_context(DEVICE_LABEL="山é")
files = render_device(model, context, library, "acme")
print(files, library.fingerprint(["phone.cfg"], "acme"))
"""


def test_tp08_any_process_renders_the_same_bytes(write):
    text = "## format: text encoding=ascii\n${DEVICE_LABEL}${LABEL}<%include file='part.cfg'/>"
    root = write("shipped/phone.cfg", text).parent
    write("shipped/part.cfg", "% for line in LINE_SLOTS:\n${line.USERID}\n% endfor\n")

    found = {
        subprocess.run(
            [sys.executable, "-c", PURE, str(root)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(found) == 1


def test_an_alias_is_the_same_content_under_another_name(write, library):
    write("shipped/a.cfg", HEADER + "name = a ${mac}\n")
    write("shipped/b.cfg", HEADER + "name = b\n")
    rules = FileRule("a.cfg", "${mac}.cfg"), FileRule("b.cfg", "${mac}-b.cfg")
    model = make_model(*rules, aliases=("cfg${MAC}.txt", "${mac}-B.cfg -> b.cfg", "${MAC}.cfg"))

    files = {file.path: file.text for file in render_device(model, make_context(), library, "acme")}

    a, b = "name = a 805ec0123456\n", "name = b\n"
    assert files == {"805ec0123456.cfg": a, "805ec0123456-b.cfg": b, "cfg805EC0123456.txt": a, "b.cfg": b}


def test_an_alias_of_a_file_that_is_not_written_is_refused(write, library):
    write("shipped/a.cfg", HEADER)

    with pytest.raises(TemplateError, match=r"no file of the model is called b\.cfg"):
        render_device(make_model(FileRule("a.cfg", "a.cfg"), aliases=("b.cfg -> c.cfg",)), make_context(), library, "")


def test_members_of_a_dect_system_get_files_with_their_own_mac(write, library):
    write("shipped/a.cfg", HEADER + "mac = ${mac}\n")
    model = make_model(FileRule("a.cfg", "${mac}.cfg"), members=(FileRule("a.cfg", "${mac}.cfg"),))
    context = make_context(MEMBERS="80:5E:C0:12:34:57, 805ec0123458")

    files = {file.path: file.text for file in render_device(model, context, library, "acme")}

    assert files == {f"{mac}.cfg": f"mac = {mac}\n" for mac in ("805ec0123456", "805ec0123457", "805ec0123458")}


def test_members_that_are_no_addresses_are_refused(write, library):
    write("shipped/a.cfg", HEADER)
    model = make_model(FileRule("a.cfg", "${mac}.cfg"), members=(FileRule("a.cfg", "${mac}.cfg"),))

    with pytest.raises(TemplateError, match=r"MEMBERS.*“80:5E” is not a MAC address"):
        render_device(model, make_context(MEMBERS="80:5E"), library, "acme")


@pytest.mark.parametrize(
    ("option", "lines"), [("", ["a = 1", "b = 2", "a = 3"]), (" override=merge", ["b = 2", "a = 3"])]
)
def test_override_is_merged_where_the_template_says_so(write, library, option, lines):
    write("shipped/phone.cfg", HEADER.strip() + option + "\na = 1\nb = 2\n${OVERRIDE}\\\n")

    [file] = render_device(make_model(FileRule("phone.cfg", "a.cfg")), make_context(OVERRIDE="a = 3\n"), library, "")

    assert file.text.splitlines() == lines
