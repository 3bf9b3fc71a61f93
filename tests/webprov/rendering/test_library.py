"""Templates are found scope by scope, stay inside their folders, are checked before they are compiled, and watched."""

import gc
import os
import py_compile
import threading
from dataclasses import replace

import pytest

from tests.webprov.rendering.builders import make_context, make_model
from webprov.errors import TemplateError
from webprov.phones.phonemodel import FileRule
from webprov.rendering.gate import check_template
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_device


def text_of(library, name, tenant="acme"):
    return library.load(name, tenant).compiled.source


def test_narrower_scope_wins(write, library):
    write("shipped/a/x.cfg", "shipped")
    write("user/a/x.cfg", "global")
    write("user/acme/a/x.cfg", "tenant")

    assert text_of(library, "a/x.cfg", "acme") == "tenant"
    assert text_of(library, "a/x.cfg", "other") == "global"
    assert text_of(library, "a/x.cfg", "") == "global"


def test_included_template_comes_from_the_tenants_view(write, library):
    write("shipped/main.cfg", '<%include file="part.cfg"/>')
    write("shipped/part.cfg", "${MAC}")
    write("user/acme/part.cfg", "${REG_SERVER}")

    assert set(library.closure("main.cfg", "acme").names) == {"REG_SERVER"}
    assert set(library.closure("main.cfg", "other").names) == {"MAC"}


def test_edit_and_new_override_are_picked_up(write, library):
    write("shipped/x.cfg", "old")
    assert text_of(library, "x.cfg") == "old"

    write("shipped/x.cfg", "new")
    assert text_of(library, "x.cfg") == "new"

    override = write("user/x.cfg", "override")
    assert text_of(library, "x.cfg") == "override"

    override.unlink()
    assert text_of(library, "x.cfg") == "new"


def test_edit_of_an_included_template_is_picked_up(write, library):
    write("shipped/x.cfg", '<%include file="y.cfg"/>')
    write("shipped/y.cfg", "${MAC}")
    assert set(library.closure("x.cfg", "").names) == {"MAC"}

    write("shipped/y.cfg", "${USERID} now")

    assert set(library.closure("x.cfg", "").names) == {"USERID"}


@pytest.mark.parametrize(
    "name", ["../x.cfg", "/etc/passwd", "a/../../x", "", ".hidden", "a//b", "a\\b", "a\0b", "a/./b", "~/x", "a" * 300]
)
def test_names_outside_the_folders_are_refused(library, name):
    with pytest.raises(TemplateError, match="not the name of a template"):
        library.load(name, "acme")


@pytest.mark.parametrize("tenant", ["..", "../x", "a/b", "/", ".", "a\0"])
def test_tenants_that_are_no_folder_are_refused(library, tenant):
    with pytest.raises(TemplateError):
        library.load("x.cfg", tenant)


def test_symbolic_link_out_of_the_folder_is_refused(write, library, tmp_path):
    secret = write("secret.key", "secret")
    (tmp_path / "user").mkdir(exist_ok=True)
    (tmp_path / "user" / "x.cfg").symlink_to(secret)

    with pytest.raises(TemplateError, match="symbolic link"):
        library.load("x.cfg", "")


def test_symbolic_link_of_a_folder_out_of_the_folder_is_refused(write, library, tmp_path):
    write("elsewhere/x.cfg", "secret")
    (tmp_path / "user").mkdir(exist_ok=True)
    (tmp_path / "user" / "a").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(TemplateError, match="symbolic link"):
        library.load("a/x.cfg", "")


def test_tenants_link_into_another_tenant_is_refused(write, library, tmp_path):
    other = write("user/other/x.cfg", "theirs")
    (tmp_path / "user" / "acme").mkdir()
    (tmp_path / "user" / "acme" / "x.cfg").symlink_to(other)

    with pytest.raises(TemplateError, match="symbolic link"):
        library.load("x.cfg", "acme")


def test_symbolic_link_inside_the_folder_is_followed(write, library, tmp_path):
    write("shipped/a.cfg", "text")
    (tmp_path / "shipped" / "b.cfg").symlink_to("a.cfg")

    assert text_of(library, "b.cfg") == "text"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff", "not UTF-8"), (b"x" * 600_000, "larger than"), (b"${__import__('os')}", "not a fun")],
)
def test_unusable_file_is_refused_with_the_reason(library, tmp_path, content, reason):
    (tmp_path / "shipped" / "x.cfg").write_bytes(content)

    with pytest.raises(TemplateError, match=reason):
        library.load("x.cfg", "")


def test_pipe_does_not_hang(library, tmp_path):
    os.mkfifo(tmp_path / "shipped" / "x.cfg")

    with pytest.raises(TemplateError, match="not a regular file"):
        library.load("x.cfg", "")


def test_missing_template_is_named(write, library):
    write("shipped/x.cfg", 'a\n<%include file="nope.cfg"/>')

    with pytest.raises(TemplateError, match=r"x\.cfg, line 2: nope\.cfg: there is no such template"):
        library.closure("x.cfg", "")


def test_windows_line_ends_and_byte_order_mark_are_read(library, tmp_path):
    (tmp_path / "shipped" / "x.cfg").write_bytes(b"\xef\xbb\xbf## format: keyvalue\r\na\r\n")

    loaded = library.load("x.cfg", "")

    assert loaded.compiled.source == "## format: keyvalue\na\n"
    assert loaded.facts.format.syntax == "keyvalue"


def test_circle_is_refused(write, library):
    write("shipped/a.cfg", '<%include file="b.cfg"/>')
    write("shipped/b.cfg", '<%inherit file="a.cfg"/>')

    with pytest.raises(TemplateError, match="circle"):
        library.closure("a.cfg", "")


def test_five_levels_are_allowed_and_six_are_not(write, library):
    for number in range(1, 6):
        write(f"shipped/t{number}.cfg", f'<%include file="t{number + 1}.cfg"/>')
    write("shipped/t6.cfg", "end")

    assert len(library.closure("t2.cfg", "").files) == 5
    with pytest.raises(TemplateError, match="5"):
        library.closure("t1.cfg", "")


def test_loops_nested_through_includes_are_refused(write, library):
    loop = "% for {0} in LINE_SLOTS:\n{1}\n% endfor\n"
    write("shipped/a.cfg", loop.format("x", '<%include file="b.cfg"/>'))
    write("shipped/b.cfg", loop.format("x", '<%include file="c.cfg"/>'))
    write("shipped/c.cfg", loop.format("x", "${x.USERID}"))

    assert library.closure("b.cfg", "").main.name == "b.cfg"
    with pytest.raises(TemplateError, match="nested 3 deep"):
        library.closure("a.cfg", "")


def test_many_includes_of_includes_are_too_much_work(write, library):
    for number in range(4):
        write(f"shipped/t{number}.cfg", f'<%include file="t{number + 1}.cfg"/>\n' * 60)
    write("shipped/t4.cfg", "end")

    with pytest.raises(TemplateError, match="too long"):
        library.closure("t0.cfg", "")


def test_fingerprint_changes_with_any_template_involved(write, library):
    write("shipped/a.cfg", '<%include file="b.cfg"/>')
    write("shipped/b.cfg", "one")
    write("shipped/c.cfg", "not involved")
    before = library.fingerprint(["a.cfg"], "acme")

    write("shipped/c.cfg", "changed")
    assert library.fingerprint(["a.cfg"], "acme") == before

    write("user/acme/b.cfg", "two")
    assert library.fingerprint(["a.cfg"], "acme") != before
    assert library.fingerprint(["a.cfg"], "other") == before


def test_fingerprint_of_missing_and_refused_templates_is_a_value(write, library):
    write("shipped/bad.cfg", "<% import os %>")

    found = library.fingerprint(["bad.cfg", "missing.cfg"], "acme")

    assert found != library.fingerprint(["bad.cfg"], "acme")


def test_check_lists_refusals_of_every_root(write, library):
    write("shipped/good.cfg", "${MAC}")
    write("shipped/bad.cfg", "a\n<% import os %>")
    write("user/acme/y/x.cfg", '<%include file="y/nope.cfg"/>')
    write("user/models.txt", "<% not a template %>")
    write("user/acme/models.d/x.ini", "<% not a template %>")

    found = [(refusal.file, refusal.line) for refusal in library.check()]

    assert found == [("bad.cfg", 2), ("user_provisioning/acme/y/x.cfg", 1)]


def test_check_sees_includes_of_a_tenants_own_templates(write, library):
    write("user/acme/y/x.cfg", '<%include file="y/part.cfg"/>')
    write("user/acme/y/part.cfg", "${MAC}")

    assert library.check() == []


def test_nothing_is_written_beside_the_templates(write, library, tmp_path):
    write("shipped/x.cfg", "${MAC}")

    library.load("x.cfg", "")

    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["x.cfg"]


def test_tp03_modules_left_beside_the_templates_are_not_run(write, library, tmp_path):
    text = write("shipped/x.cfg", "${MAC}").read_text()
    planted = f"from pathlib import Path\nPath({str(tmp_path / 'MARKER')!r}).touch()\n"
    for name in ("x.cfg.py", "x_cfg.py", "__init__.py"):
        path = write(f"shipped/{name}", planted)
        py_compile.compile(str(path))
        py_compile.compile(str(path), cfile=f"{path}c")
    before = sorted(tmp_path.rglob("*"))

    loaded = library.load("x.cfg", "")

    assert loaded.compiled.source == text
    assert loaded.compiled.module_directory is None
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "text",
    [
        "${MAC.__class__}",
        "${MAC.__class__.__mro__[1].__subclasses__()}",
        "${'{0.__class__}'.format(MAC)}",
        "${open('/etc/passwd').read()}",
        "${__import__('os').getpid()}",
        "${self.module}",
        "${context.lookup}",
        "${local.template}",
        "${config}",
        "% if MAC.__class__:\nx\n% endif\n",
        "% for x in self.module:\nx\n% endfor\n",
        "<% import os %>",
    ],
)
def test_tp02_nothing_leads_out_of_plain_values_even_without_the_gate(write, library, monkeypatch, text):
    checked = check_template
    monkeypatch.setattr(
        "webprov.rendering.library.check_template", lambda file, text: replace(checked(file, text), refusals=())
    )
    write("shipped/x.cfg", f"## format: text\n{text}\n")

    with pytest.raises(TemplateError):
        render_device(make_model(FileRule("x.cfg", "x.cfg")), make_context(), library, "")


def test_threads_may_load_at_the_same_time(write, library):
    for number in range(20):
        write(f"shipped/{number}.cfg", "${MAC}" * number)
    found: list[int] = []

    def load_all() -> None:
        found.extend(len(library.load(f"{number}.cfg", "").facts.names) for number in range(20))

    threads = [threading.Thread(target=load_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [0] * 4 + [1] * 76


def test_a_snapshot_stays_as_it_was_while_the_library_follows_the_disk(tmp_path):
    shipped, user = tmp_path / "shipped", tmp_path / "user"
    (shipped / "brand").mkdir(parents=True)
    (shipped / "brand" / "a.cfg").write_text("## format: keyvalue\nx = 1\n")
    library = TemplateLibrary(shipped, user)

    snapshot = library.snapshot()
    before = snapshot.fingerprint(["brand/a.cfg"], "")
    (shipped / "brand" / "a.cfg").write_text("## format: keyvalue\nx = 22\n")

    assert snapshot.fingerprint(["brand/a.cfg"], "") == before
    assert library.fingerprint(["brand/a.cfg"], "") != before
    assert library.snapshot().fingerprint(["brand/a.cfg"], "") != before


def test_templates_of_equal_text_do_not_take_each_others_source_along(write, library, tmp_path):
    write("shipped/x.cfg", "same")
    kept = library.load("x.cfg", "")

    TemplateLibrary(library.shipped, tmp_path / "nobody").load("x.cfg", "")
    gc.collect()

    assert kept.compiled.source == "same"
    assert "same" in kept.compiled.code
