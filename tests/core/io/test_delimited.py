from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import DescriptorError
from bioclip_x.io.delimited import (
    DELIMITERS,
    defuse_formulas,
    format_rows,
    guess_delimiter,
    read_delimited_rows,
    restore_formulas,
    take_first_line,
)

CELLS = st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=5), max_size=8)


def rows(text: str, delimiter: str = ",", **others: object) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    return list(read_delimited_rows(lines, "t.csv", DescriptorError, delimiter=delimiter, **others))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("genus,species", ","),
        ("genus;species;name, common", ";"),
        ("genus\tspecies", "\t"),
        ("a;b,c", ","),  # as often: in the order of DELIMITERS
        ("a;b,c\td", "\t"),
        ("species", "\t"),
        ("", "\t"),
    ],
)
def test_the_delimiter_is_what_the_header_has_most_often(header: str, delimiter: str) -> None:
    assert guess_delimiter(header) == delimiter


def test_the_delimiter_is_one_of_those_asked_for() -> None:
    assert guess_delimiter("a|b|c,d", "\t,;|") == "|"
    assert guess_delimiter("a|b|c,d") == ","
    assert guess_delimiter("a;b,c", "\t;,") == ";"


@given(st.lists(st.sampled_from(["genus", "species", "common name"]), min_size=2), st.sampled_from(DELIMITERS))
def test_names_without_delimiters_in_them_leave_no_doubt(names: list[str], delimiter: str) -> None:
    assert guess_delimiter(delimiter.join(names)) == delimiter


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_line_ends_where_csv_ends_it(end: str) -> None:
    assert take_first_line(f"a,b\u2028c\x0cd\x85e{end}") == "a,b\u2028c\x0cd\x85e"
    assert take_first_line(f"{end}a,b") == ("" if end else "a,b")


def test_rows_have_the_line_in_which_they_begin() -> None:
    text = 'a,b\n"x\ny",2\n\n3,"4 ""quoted"""\n'
    assert rows(text) == [(1, ["a", "b"]), (2, ["x\ny", "2"]), (4, []), (5, ["3", '4 "quoted"'])]


def test_without_quotes_a_quote_is_a_character() -> None:
    assert rows('5" long\t"x\n', "\t", quote="") == [(1, ['5" long', '"x'])]


@given(CELLS, st.sampled_from(DELIMITERS))
def test_what_was_written_is_read(table: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(table)
    assert [row for _, row in rows(text.getvalue(), delimiter)] == table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n', "^t.csv, line 3: not valid CSV: a quote is opened and never closed$"),
        ('a,b\n"1" 2,3\n', "^t.csv, line 2: not valid CSV: ',' expected after '\"'$"),
        ("a,b\n" + "x" * 101, "line 2: not valid CSV: a cell has more than 100 characters; is a quote opened"),
    ],
)
def test_an_invalid_row_is_reported_with_its_first_line(text: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message):
        rows(text, longest=100)


TRICKY = st.text(st.sampled_from("=+-@\t\r\n,;| '\"a1\uff1d"), max_size=12)


@given(TRICKY | st.text())
def test_what_is_defused_can_be_restored(text: str) -> None:
    assert restore_formulas(defuse_formulas(text)) == text


@given(TRICKY, st.sampled_from(",;|\t"))
def test_no_part_of_a_defused_text_begins_a_formula(text: str, separator: str) -> None:
    """Whichever separator a spreadsheet takes, and whether it reads quotes or not."""
    defused = defuse_formulas(text)
    if not re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
        for line in re.split("[\r\n]", defused):
            assert not [
                cell for cell in line.split(separator) if cell.lstrip('" ').startswith(("=", "+", "-", "@", "\uff1d"))
            ]


def test_numbers_stay_numbers() -> None:
    numbers = ["-12.5", "+3", "1e-5", "-1,5"]
    assert list(map(defuse_formulas, numbers)) == numbers
    assert "".join(format_rows([(-2.5, 3, "=x", None)], safe=True)) == "-2.5,3,'=x,\n"


@given(CELLS, st.booleans())
def test_rows_are_read_again(cells: list[list[str]], safe: bool) -> None:
    text = "".join(format_rows(cells, safe=safe))
    read = [found for _, found in rows(text)]
    assert [list(map(restore_formulas, row)) if safe else row for row in read] == cells
