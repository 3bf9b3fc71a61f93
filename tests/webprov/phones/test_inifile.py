import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.phones.inifile import MAX_FILE_BYTES, read_ini


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "x.ini"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_ini(path, "models.d/x.ini", **options)

    return read


def texts(section):
    return {key: statement.text for key, statement in section.values.items()}


def test_values_keep_what_is_no_comment(read):
    [section] = read(
        "; first\n# second\n[x] ; a family\na = 1;2 ; three\nb=check-sync;reboot=false\n  ; a comment\n"
        "c = a # b\nd =\ne = ; nothing\nf = %(x)s = $ ${mac}\n"
    ).sections

    assert (section.name, section.line, section.refusal) == ("x", 3, None)
    assert texts(section) == {
        "a": "1;2", "b": "check-sync;reboot=false", "c": "a # b", "d": "", "e": "", "f": "%(x)s = $ ${mac}",
    }  # fmt: skip
    assert section.values["f"].line == 10


def test_verbatim_values_go_on_over_indented_lines(read):
    [section] = read("[x]\no = 1 ; one\n  two\n\n    # three\n;no\n\nb = 2\n", verbatim=frozenset("o")).sections

    assert texts(section) == {"o": "1 ; one\ntwo\n\n  # three", "b": "2"}


def test_an_indented_section_is_read_like_any_other(read):
    [section] = read("[x]\n  a = 1\n  o =\n    [y]\n  b = 2\n", verbatim=frozenset("o")).sections

    assert texts(section) == {"a": "1", "o": "[y]", "b": "2"}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_newlines_and_a_byte_order_mark_do_not_matter(read, newline, bom):
    [section] = read(bom + newline.join(["[x]", "a = 1", "b = 2", ""])).sections

    assert texts(section) == {"a": "1", "b": "2"}


def test_files_are_cut_at_headers_first(read):
    ini = read("[a]\nx = 1\n[b]\njunk\n[c\ny = 2\n[d]\nz = 3\nz = 4\n[e]\nlast = 1")

    assert [section.name for section in ini.sections] == ["a", "b", "c", "d", "e"]
    assert [section.refusal and section.refusal.line for section in ini.sections] == [None, 4, 5, 9, None]
    assert all(not section.values for section in ini.sections if section.refusal)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[x]\nlabel = é".encode("utf-16"), "not UTF-8 (byte 0xFF in line 1)"),
        (b"[x]\nlabel = \xe9", "not UTF-8 (byte 0xE9 in line 2)"),
        (b"\x7fELF\0\0\0", "binary"),
        (b"[x]\n" + b"#" * MAX_FILE_BYTES, "larger than 4 MiB"),
        (b"[x]\n" * 5001, "more than 5000 sections"),
    ],
    ids=["utf-16", "latin-1", "binary", "large", "sections"],
)
def test_a_file_that_is_no_text_is_lost_whole_and_named(read, content, reason):
    ini = read(content)

    [refusal] = ini.refusals
    assert ini.sections == ()
    assert (refusal.file, refusal.line) == ("models.d/x.ini", 0)
    assert reason in refusal.reason


def test_what_is_no_readable_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.ini")
    (tmp_path / "folder.ini").mkdir()
    (tmp_path / "loop.ini").symlink_to("loop.ini")
    (tmp_path / "secret.ini").write_text("[x]")
    (tmp_path / "secret.ini").chmod(0)

    names = ["pipe.ini", "folder.ini", "loop.ini", "gone.ini", *(["secret.ini"] if os.geteuid() else [])]
    refusals = [read_ini(tmp_path / name, name).refusals for name in names]

    assert [[refusal.file for refusal in found] for found in refusals] == [[name] for name in names]
    assert "regular file" in refusals[0][0].reason
    assert "Too many levels" in refusals[2][0].reason


INI_PIECES = st.sampled_from(
    [
        "[a]",
        "[",
        "]",
        "[b c] ; d",
        "=",
        "key",
        "key = ",
        "; c",
        "# d",
        "\n",
        "\n  ",
        "\r\n",
        "%(x)s",
        "${x}",
        "\t",
        "é",
        "\0",
    ]
)


@examples(200, 20_000)
@given(st.binary(max_size=200) | st.lists(INI_PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode()))
def test_any_file_gives_sections_or_refusals_with_their_lines(tmp_path, content):
    path = tmp_path / "x.ini"
    path.write_bytes(content)

    found = read_ini(path, "x.ini")

    refusals = [*found.refusals, *(section.refusal for section in found.sections if section.refusal)]
    lines = content.count(b"\n") + content.count(b"\r") + 1
    assert all(refusal.reason and 0 <= refusal.line <= lines for refusal in refusals)
    assert all(key == key.strip() for section in found.sections for key in section.values)
