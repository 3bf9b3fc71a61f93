import pytest

from tests.phone_templates.fleet import TENANT, golden_device, library, maximum_device, model, variables
from tests.webprov.rendering.builders import make_context, make_model
from webprov.phones.phonemodel import FileRule
from webprov.rendering.render import render_device
from webprov.rendering.tracing import LineOrigin, Tracer, Use

HEADER = "## format: keyvalue comment=# quote=none encoding=utf-8 override=merge\n"


def traced(write, library, override="", **templates):
    for name, text in templates.items():
        write(f"shipped/{name}.cfg", HEADER + text)
    rule = FileRule("phone.cfg", "a.cfg", "line.cfg", "key.cfg")
    tracer = Tracer()
    [file] = render_device(make_model(rule), make_context(OVERRIDE=override), library, "acme", tracer)
    return list(zip(file.text.splitlines(), tracer.lines["a.cfg"], strict=False))


def test_lines_of_text_and_expressions_know_their_template_and_its_line(write, library):
    found = traced(
        write, library, phone="a = 1\nb = ${REG_SERVER}\n% if LABEL:\nc = ${LABEL} ${mac}\\\n x\n% endif\nd = 2\n"
    )

    assert found == [
        ("a = 1", LineOrigin((("phone.cfg", 2),))),
        ("b = pbx.acme.example", LineOrigin((("phone.cfg", 3),), (Use("REG_SERVER"),))),
        (
            "c = Desk 805ec0123456 x",
            LineOrigin((("phone.cfg", 5), ("phone.cfg", 6)), (Use("LABEL"), Use("mac"))),
        ),
        ("d = 2", LineOrigin((("phone.cfg", 8),))),
    ]


def test_line_and_key_templates_tell_which_line_and_key(write, library):
    found = traced(write, library, phone="${LINES}${KEYS}", line="u${LINE} = ${USERID}\n", key="k = ${KEY_VALUE}\n")

    assert [(text, origin.places) for text, origin in found] == [
        ("u1 = 201", (("line.cfg", 2),)),
        ("u3 = 203", (("line.cfg", 2),)),
        ("k = 202", (("key.cfg", 2),)),
    ]
    assert found[1][1].uses == (Use("LINE", 3), Use("USERID", 3))
    assert found[2][1].uses == (Use("KEY_VALUE", key=(0, 1)),)


def test_members_of_slots_tell_the_slot(write, library):
    found = traced(write, library, phone="% for line in LINE_SLOTS:\nu = ${line.USERID}\n% endfor\n")

    assert [origin.uses for _, origin in found] == [(Use("USERID", number),) for number in (1, 2, 3)]


def test_included_templates_and_overrides_are_told_apart(write, library):
    found = traced(
        write, library, "b = 9\n", phone="a = 1\nb = 2\n<%include file='part.cfg'/>${OVERRIDE}", part="c = ${mac}\n"
    )

    assert [(text, origin.places, origin.uses) for text, origin in found] == [
        ("a = 1", (("phone.cfg", 2),), ()),
        ("c = 805ec0123456", (("part.cfg", 2),), (Use("mac"),)),
        ("b = 9", (("phone.cfg", 4),), (Use("OVERRIDE"),)),
    ]


@pytest.mark.parametrize("key", ["yealink-t54w", "yealink-t28p", "polycom-vvx450", "grandstream-gxp2170"])
@pytest.mark.parametrize("make", [golden_device, maximum_device])
def test_every_line_of_a_shipped_phone_is_traced_and_explained(key, make):
    device, tracer = make(key), Tracer()
    known = variables(device)

    files = render_device(model(key), known.context, library(), TENANT.name, tracer)
    plain = render_device(model(key), known.context, library(), TENANT.name)

    assert files == plain
    slots = {(int(slot["KEY_MODULE"]), int(slot["KEY"])): n for n, slot in enumerate(known.context.keys, 1)}
    for file in files:
        lines = file.text.splitlines()
        assert len(tracer.lines[file.path]) in (len(lines), len(lines) + 1)
        for line, origin in zip(lines, tracer.lines[file.path], strict=False):
            assert bool(origin.places) == bool(line.strip()), line
            for use in origin.uses:
                known.explain(use.name, use.line, slots[use.key] if use.key else None)
