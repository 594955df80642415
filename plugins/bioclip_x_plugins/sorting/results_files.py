"""Reads results again from what reports wrote: CSV with any separator and decimal mark, Parquet, JSON, JSON Lines."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import LINE_CHARACTERS, RANKS, BioclipXError, explain_csv_error, read_json, restore_formulas

FIRST: Final = "file_name"
"""The first column of a table of results."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a file of results says of one image, region or event: its best name, or why it has none.

    lineage: rank → name, of the best prediction. rank, name: of the taxon itself; "" without one. probability: nan if it is
    unknown. reason: why there is no name. failed: whether the reason is an error. event: "" for none.
    """

    source: str
    level: str = "image"
    lineage: Mapping[str, str] = field(default_factory=dict)
    rank: str = ""
    name: str = ""
    common_name: str = ""
    probability: float = math.nan
    reason: str = ""
    failed: bool = False
    event: str = ""


def read_results(path: Path) -> Iterator[Named]:
    """Yields the results in order. Raises BioclipXError for a file that holds none, naming what was expected."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise BioclipXError(
            f"{path}: expected a file of results, {', '.join(sorted(_READERS))}; got {path.suffix or 'no suffix'}"
        )
    try:
        yield from read(path)
    except IsADirectoryError:
        raise BioclipXError(f"{path} is a folder; expected a file of results") from None
    except FileNotFoundError:
        raise BioclipXError(f"{path} does not exist; expected a file of results") from None
    except OSError as problem:
        raise BioclipXError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except UnicodeDecodeError:
        raise BioclipXError(f"{path} is not in UTF-8; expected a file that bioclip-x wrote") from None


def _read_csv(path: Path) -> Iterator[Named]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header = stream.readline(LINE_CHARACTERS)
        separator = header[len(FIRST) :][:1]
        if not header.startswith(FIRST) or not separator.strip("\r\n") or separator.isalnum() or separator in '_"':
            raise BioclipXError(f"{path}: expected a table that begins with the column {FIRST}, got {header[:60]!r}")
        csv.field_size_limit(LINE_CHARACTERS)
        try:
            rows = csv.DictReader(chain([header], stream), delimiter=separator, strict=True)
            yield from _join_rows(
                {name: restore_formulas(str(cell or "")) for name, cell in row.items() if name} for row in rows
            )
        except csv.Error as problem:
            raise BioclipXError(f"{path}: {explain_csv_error(problem)}") from None


def _read_parquet(path: Path) -> Iterator[Named]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            if FIRST not in file.schema_arrow.names:
                raise BioclipXError(
                    f"{path}: expected a table with the column {FIRST}, got {file.schema_arrow.names[:3]}"
                )
            rows = (
                {name: "" if cell is None else str(cell) for name, cell in row.items()}
                for batch in file.iter_batches(4096)
                for row in batch.to_pylist()
            )
            yield from _join_rows(rows)
    except pa.ArrowException as problem:
        raise BioclipXError(f"{path} cannot be read as Parquet: {problem}") from None


def _join_rows(rows: Iterable[Mapping[str, str]]) -> Iterator[Named]:
    """Yields the first row of each image, region or event: the best prediction comes first."""
    before = None
    for row in rows:
        key = (row[FIRST], row.get("level"), row.get("region_number"))
        if key != before:
            yield _read_row(row)
        before = key


def _read_row(row: Mapping[str, str]) -> Named:
    reason = row.get("error") or row.get("refused") or ""
    lineage = {rank: row[rank] for rank in RANKS if row.get(rank)}
    label = row.get("name") or row.get("classification") or next(reversed(lineage.values()), "")
    rank = row["rank"] if "rank" in row else next(reversed(lineage), "")  # pybioclip's tables have no such column
    return Named(
        row[FIRST],
        row.get("level") or "image",
        {} if reason else {**lineage, **({rank: label} if rank and label else {})},
        "" if reason else rank,
        "" if reason else label,
        row.get("common_name") or "",
        _read_number(row.get("score", "")),
        reason,
        bool(row.get("error")),
        row.get("event") or "",
    )


def _read_number(text: str) -> float:
    """A number with a point or a comma; nan for none.

    >>> _read_number("0,58"), _read_number("0.58"), _read_number("")
    (0.58, 0.58, nan)
    """
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _read_json(path: Path) -> Iterator[Named]:
    document = read_json(path)
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list):
        raise BioclipXError(f'{path}: expected {{"provenance": …, "results": […]}}, as bioclip-x writes it')
    for number, one in enumerate(results, 1):
        yield _read_document(one, f"{path}, result {number}")


def _read_jsonl(path: Path) -> Iterator[Named]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                document = json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise BioclipXError(f"{path}, line {number}: not valid JSON: {problem}") from None
            if not (isinstance(document, dict) and set(document) == {"provenance"}):
                yield _read_document(document, f"{path}, line {number}")


def _read_document(document: Any, where: str) -> Named:
    try:
        best = document["predictions"][0] if document["predictions"] else None
        if document["predictions"] and not isinstance(best, dict):
            raise TypeError
        reason = document["error"] or document["refused"] or ""
        steps = best["path"] if best else []
        probability = best["probability"] if best else None
        return Named(
            str(document["source"]),
            str(document.get("level") or "image"),
            {str(step["rank"]): str(step["name"]) for step in steps if step["rank"]},
            str(best["rank"]) if best else "",
            str(best["name"]) if best else "",
            str(best["common_name"] or "") if best else "",
            math.nan if probability is None else float(probability),
            str(reason),
            bool(document["error"]),
            str(document.get("event") or ""),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise BioclipXError(f"{where}: expected a result as bioclip-x writes it, got {str(document)[:60]}") from None


_READERS: Final[Mapping[str, Callable[[Path], Iterator[Named]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
