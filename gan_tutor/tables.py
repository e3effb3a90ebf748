"""Tables and JSON read back from disk, also after a spreadsheet or an editor has saved them in its own way.

Spreadsheets put a byte order mark in front, separate cells by semicolons or tabs, write decimal commas, or save UTF-16.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import NamedTuple


class Table(NamedTuple):
    """What a CSV holds, as text.

    Attributes:
        names: The names of the columns.
        lines: The cells of each row, by the number of its line in the file, from 1; a damaged row may have more or
            fewer cells than there are names.
    """

    names: list[str]
    lines: dict[int, list[str]]


def read(path: str | Path) -> Table:
    """Return the table of a CSV; empty rows are left out, and decimal commas become points.

    A comma in a number is a decimal comma if no number of the table has a point.

    Raises:
        ValueError: The file is no text, or no CSV.
    """
    lines = csv.reader(io.StringIO(text(path), newline=""), delimiter=_delimiter(path))
    try:
        stripped = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as a CSV ({error})") from error
    rows = {number: row for number, row in stripped if any(row)}
    if not rows:
        return Table([], {})
    first, *others = rows
    cells = [cell for number in others for cell in rows[number]]
    if not any(re.fullmatch(r"[-+]?\d*\.\d+([eE][-+]?\d+)?", cell) for cell in cells):
        rows = {number: [_with_point(cell) for cell in row] for number, row in rows.items()}
    return Table(rows[first], {number: rows[number] for number in others})


def text(path: str | Path) -> str:
    """Return a file's text, which may be in UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        ValueError: The file is no text.
    """
    content = Path(path).read_bytes()
    try:
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8 or UTF-16 ({error})") from error


def _delimiter(path: str | Path) -> str:
    """Return what separates the names in the first line."""
    header = text(path).lstrip().split("\n", 1)[0]
    try:
        return csv.Sniffer().sniff(header, ",;\t").delimiter
    except csv.Error:  # one column
        return ","


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", cell) else cell
