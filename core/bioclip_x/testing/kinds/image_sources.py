"""Checks of sources of images. They need its options."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from bioclip_x.errors import DatasetError
from bioclip_x.faults import summarise
from bioclip_x.images.places.remote import is_url
from bioclip_x.records.image_rows import ROW_COLUMNS
from bioclip_x.taxonomy.ranks import LINNAEAN
from bioclip_x.testing.checks import NotApplicable, Subject

MOST_ROWS = 65_536
"""In a table."""
NAMES = ("name", "common_name", *LINNAEAN)


def list_tables(source: Any) -> list[pa.Table]:
    tables = list(source.tables())
    odd = [table for table in tables if not isinstance(table, pa.Table)]
    assert not odd, f"expected tables of pyarrow from tables(), got {type(odd[0]).__name__}"
    return tables


def list_rows(source: Any) -> list[dict[str, str]]:
    """Returns all rows; of a column that a table lacks, and of null, the value is blank."""
    rows = [row for table in list_tables(source) for row in table.to_pylist()]
    return [{name: row.get(name) or "" for name in ROW_COLUMNS} for row in rows]


def check_it_has_rows_of_texts(subject: Subject) -> None:
    """Its tables have the columns source_id and image, others of `ROW_COLUMNS`, all texts, and a row in all at least."""
    tables = list_tables(subject.make())
    assert sum(map(len, tables)), "expected at least one row, got none"
    for table in tables:
        for name in ("source_id", "image"):
            assert name in table.column_names, f"expected the column {name}, got {', '.join(table.column_names)}"
        for name in table.column_names:
            assert name in ROW_COLUMNS, f"expected columns of {', '.join(ROW_COLUMNS)}, got {name}"
            kind = table.schema.field(name).type
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            assert pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind), (
                f"expected texts in the column {name}, got {kind}"
            )
        assert len(table) <= MOST_ROWS, f"expected tables of some thousand rows, got {len(table):,} in one"


def check_identifiers_are_unique(subject: Subject) -> None:
    """Every row has an identifier of its own."""
    counts = Counter(row["source_id"] for row in list_rows(subject.make()))
    assert "" not in counts, "expected a source_id in each row, got a blank one"
    id, count = counts.most_common(1)[0]
    assert count == 1, f"expected each source_id once, got {id} {count} times"


def check_rows_have_an_image_or_a_problem(subject: Subject) -> None:
    """A row names a URL or a file that is there, or says why it cannot be used; some row can be used."""
    rows = list_rows(subject.make())
    usable = [row for row in rows if not row["problem"]]
    assert usable, f"expected a row without a problem, got {len(rows)} with one, such as {rows[0]['problem']!r:.80}"
    for row in usable:
        image = row["image"]
        assert image, f"expected an image or a problem in the row {row['source_id']}, got neither"
        assert is_url(image) or Path(image).is_file(), f"expected a URL or the path of a file, got {image!r}"


def check_some_row_is_named(subject: Subject) -> None:
    """Some row names its taxon."""
    rows = list_rows(subject.make())
    assert any(row[name] for row in rows for name in NAMES), (
        f"expected a name in a column of {', '.join(NAMES)}, got none"
    )


def check_rows_are_the_same_again(subject: Subject) -> None:
    """Read again, by the same source and a new one, the rows are the same and in the same order; so is the revision."""
    first, second = subject.make(), subject.make()
    expected = list_rows(first)
    for source in (first, second):
        found = list_rows(source)
        assert found == expected, f"expected the same {len(expected)} rows again, got others, or in another order"
    before, after = first.revision(), second.revision()
    assert before == after, f"expected the same revision of the same files, got {before!r:.40} and {after!r:.40}"


def check_its_revision_and_notes_are_texts(subject: Subject) -> None:
    """Its revision is a text that is not blank, and its notes after the last table are lines of text."""
    source = subject.make()
    revision = source.revision()
    assert isinstance(revision, str) and revision, f"expected a text as revision, got {revision!r:.80}"
    list_rows(source)
    notes = source.notes()
    assert not isinstance(notes, str), f"expected a list of notes, got the text {notes!r:.80}"
    for note in notes:
        assert isinstance(note, str) and note.strip(), f"expected notes, lines of text, got {note!r:.80}"


def check_missing_files_are_told(subject: Subject) -> None:
    """Files that are not there are a DatasetError of its revision or its tables, which names them."""
    options = subject.registry.options(subject.kind, subject.name, subject.require())
    paths = [name for name in subject.options if isinstance(options[name], Path)]
    if not paths:
        raise NotApplicable("none of its options is a path")
    missing = Path("there-is-no-such-folder")
    for read in (lambda source: source.revision(), list_rows):
        try:
            read(subject.make(**{paths[0]: missing}))
        except DatasetError as problem:
            assert missing.name in str(problem), f"expected an error that names {missing}, got {problem}"
        except Exception as problem:
            raise AssertionError(f"expected a DatasetError of missing files, got {summarise(problem)}") from problem
        else:
            raise AssertionError(f"expected a DatasetError of {paths[0]}={missing}, got none")
