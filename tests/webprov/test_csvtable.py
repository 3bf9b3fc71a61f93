import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.csvtable import CsvRefused, Problems, guarded, read_csv, told_apart, unguarded, write_csv

KNOWN = ("mac", "label", "override")
RUNS = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "'=1", "''@x", "+49 30 1", "=", "-"]
QUIET = ["", "-5", "+4930123", "-1.5", "+1,5", "plain", "'plain", "'-5", "*97", "ʼ=x", " =x"]


def rows_of(data):
    problems = Problems()
    rows = list(read_csv(data, KNOWN.__contains__, ("mac",), problems, KNOWN))
    problems.refuse()
    return rows


def refusal(data):
    with pytest.raises(CsvRefused) as caught:
        rows_of(data)
    return [(problem.row, problem.column) for problem in caught.value.problems], str(caught.value)


@pytest.mark.parametrize("cell", RUNS)
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(cell):
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", QUIET)
def test_numbers_and_plain_text_are_not_guarded(cell):
    assert guarded(cell) == cell


@pytest.mark.parametrize("protect", [guarded, told_apart])
@given(cell=st.one_of(st.text(), st.text(alphabet="'=+-@\t\r15x")))
@examples(150, 20_000)
def test_unguarding_gives_back_any_cell(protect, cell):
    assert unguarded(protect(cell)) == cell


@pytest.mark.parametrize("guard", [True, False])
@given(rows=st.lists(st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=3, max_size=3), max_size=4))
@examples(100, 20_000)
def test_what_is_written_reads_back(guard, rows):
    filled = [row for row in rows if any(row)]

    text = "".join(write_csv(KNOWN, filled, guard=guard))

    assert [list(cells.values()) for _, cells in rows_of(text.encode())] == filled


def test_a_pipe_gets_cells_as_they_are():
    assert "".join(write_csv(("a",), [["=1"], ["-x"]], guard=False)) == "a\r\n=1\r\n-x\r\n"


def test_rows_are_counted_as_a_spreadsheet_shows_them():
    data = '\ufefflabel,mac\r\n"two\nlines",A\r\n\r\n,\r\nx,B\r\n'.encode()

    assert rows_of(data) == [(2, {"label": "two\nlines", "mac": "A"}), (5, {"label": "x", "mac": "B"})]


@pytest.mark.parametrize(
    ("data", "places", "words"),
    [
        (b"", [(1, "")], "The file is empty"),
        (b"label\r\nx", [(1, "mac")], "missing"),
        (b"mac,labl,mac\r\n", [(1, "labl"), (1, "mac")], "Is it label?"),
        (b"mac,,label\r\n", [(1, "column 2")], "no name"),
        (b"mac;label\r\nA;x", [(1, "")], "separated by semicolons"),
        (b"mac,label\r\nA,x\r\nB\r\nC,x,y\r\n", [(3, "label"), (4, "label")], "has 3 cells and the header 2"),
        (b'mac,label\r\nA,"x\r\nB,y\r\n', [(2, "")], "quotes"),
        (b'mac,label\r\nA,x\r\nB,"y"z\r\n', [(3, "")], "quotes"),
        (b"mac,label\r\nA," + b"x" * 200_000, [(2, "")], "longer than 64 kB"),
        pytest.param(b"mac,label\r\nA," + b"x" * 20_000_000, [(2, "")], "longer than 64 kB", id="20 MB"),
        ("mac,label\r\nA,x\r\nB,Zoë".encode("latin-1"), [(3, "label")], "not UTF-8"),
        ("mac,label\r\n".encode("utf-16"), [(1, "")], "not UTF-8"),
        (b"mac,label\r\nA," + b"x" * 200_000 + b"\xff", [(2, "")], "not UTF-8"),
        ("\ufeffmac,label\r\n".encode() + b"A,Zo\xeb", [(2, "label")], "not UTF-8"),
        (("mac,label\r\n" + "A,ë\r\n" * 300_000).encode() + b"A,\xc3", [(300_002, "label")], "not UTF-8"),
        (b"mac," + b",".join(b"c%d" % n for n in range(4_096)), [(1, "")], "4,097 columns"),
    ],
)
def test_rl03_what_cannot_be_read_is_named_by_row_and_column(data, places, words):
    found, message = refusal(data)

    assert found == places
    assert words in message


def test_a_hundred_errors_are_shown_and_the_rest_counted():
    data = "mac,label\r\n" + "x\r\n" * 250

    found, message = refusal(data)

    assert len(found) == 100
    assert "250 errors" in message
    assert message.endswith("… and 150 more.")


def test_rl03_too_many_rows_are_refused():
    found, message = refusal("mac\n" + "A\n" * 100_001)

    assert found == [(100_002, "")]
    assert "Split it" in message
