"""Tables as spreadsheets save them: the same cells whatever the encoding, the separator and the decimal sign."""

import csv
import io

import pytest

from gan_tutor import tables

ROWS = [["gan", "lr_d", "loss"], ["0", "0.25", "hinge"], ["1", "-1e-05", ""], ["2", "1.5E+10", "minimax"]]


def saved(delimiter=",", comma=False, quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    """The rows as the standard library's writer puts them down."""
    text = io.StringIO()
    rows = [[cell.replace(".", ",") for cell in row] for row in ROWS] if comma else ROWS
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize(("delimiter", "comma"), [(",", False), (";", False), (";", True), ("\t", True), (",", True)])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_whatever_a_spreadsheet_saved_is_read(tmp_path, encoding, quoting, delimiter, comma, end):
    path = tmp_path / "table.csv"
    path.write_bytes(saved(delimiter, comma, quoting, end).encode(encoding))
    assert tables.read(path) == (ROWS[0], {k + 1: row for k, row in enumerate(ROWS) if k})


def test_empty_rows_are_left_out_and_damaged_ones_keep_their_number(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("gan;loss\n\n1;2\n;;\n3\n4;5;6\n")
    assert tables.read(path) == (["gan", "loss"], {3: ["1", "2"], 5: ["3"], 6: ["4", "5", "6"]})
    path.write_text("gan\n1\n")
    assert tables.read(path) == (["gan"], {2: ["1"]})
    path.write_text("")
    assert tables.read(path) == ([], {})


def test_a_comma_beside_points_is_no_decimal_comma(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n"1,234",0.5\n')
    assert tables.read(path).lines == {2: ["1,234", "0.5"]}


def test_what_is_no_text_is_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"gan,\xff\xfe\xfa\n")
    with pytest.raises(ValueError, match=r"table\.csv must be text in UTF-8 or UTF-16"):
        tables.read(path)
