"""Reads records of occurrence: downloads of GBIF, Darwin Core tables and archives, and eBird's Basic Dataset.

GBIF's simple CSV and `occurrence.txt` are separated by tabs and unquoted (https://techdocs.gbif.org/en/data-use/download-formats),
as is eBird's (https://science.ebird.org/en/use-ebird-data/download-ebird-data-products); other tables may have commas or
semicolons, and quotes. Only the columns that are needed are read, block by block.

Legend: R records.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from bioclip_x.plugin import (
    DELIMITERS,
    ORDER,
    Archive,
    BioclipXError,
    RecipeError,
    Taxon,
    decode_head,
    guess_delimiter,
    normalise_rank,
    open_archive,
    take_first_line,
)

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "latitude": ("decimallatitude", "latitude"),
    "longitude": ("decimallongitude", "longitude"),
    "species": ("species",),
    "name": ("acceptedscientificname", "scientificname", "scientific name", "scientific_name"),
    "rank": ("taxonrank",),
    "kingdom": ("kingdom",),
    "status": ("occurrencestatus",),
    "date": ("eventdate", "observation date", "observed_on", "date"),
    "year": ("year",),
    "month": ("month",),
    "day": ("day",),
    "start_day": ("startdayofyear",),
}
"""What is read → the columns that have it, lower case, in the order in which they are looked for."""
TABLES: Final = (".txt", ".csv", ".tsv", ".tab")
DAYS: Final = 366
"""Days of the circle on which seasons are compared: those of a leap year, so that a date is the same in every year."""

_HEAD: Final = 1 << 16
_BLOCK: Final = 1 << 22
_NUMBER: Final = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_SEPARATOR: Final = "\x1f"
_DAY_OF_MONTH: Final = np.cumsum([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_LENGTH: Final = np.diff(_DAY_OF_MONTH)


@dataclass(frozen=True, eq=False, slots=True)
class Occurrences:
    """The records of a file that have a place and a name.

    degrees_R2: float64 [R, 2], latitude and longitude. day_R: int16 [R], day of a leap year, 1 to 366, 0 if unknown.
    name_R: int32 [R], indices into `taxa`. without_place, absent, damaged: numbers of records that were left out.
    """

    degrees_R2: npt.NDArray[np.float64]
    day_R: npt.NDArray[np.int16]
    name_R: npt.NDArray[np.int32]
    taxa: tuple[Taxon, ...]
    without_place: int
    absent: int
    damaged: int


@dataclass(eq=False, slots=True)
class _Parts:
    """What was read so far."""

    degrees: list[npt.NDArray[np.float64]] = field(default_factory=list)
    days: list[npt.NDArray[np.int16]] = field(default_factory=list)
    names: list[npt.NDArray[np.int32]] = field(default_factory=list)
    number_of: dict[str, int] = field(default_factory=dict)
    day_of: dict[str, int] = field(default_factory=dict)
    without_place: int = 0
    absent: int = 0
    damaged: int = 0


def read_occurrences(path: Path) -> Occurrences:
    """Reads a file of records, itself or in a zip, or compressed. Raises RecipeError naming the file."""
    parts = _Parts()
    try:
        with open_archive(path) as archive:
            name, header = _find_table(archive)
            columns = _find_columns(header)
            for batch in _read_batches(archive, name, header, columns, parts):
                _add(parts, batch)
    except (pa.ArrowException, UnicodeDecodeError) as problem:
        reason = "it is not valid UTF-8" if "UTF8" in str(problem) else str(problem).splitlines()[0]
        raise RecipeError(f"occurrences {path}: {reason}") from None
    except BioclipXError as problem:
        raise RecipeError(f"occurrences {path}: {str(problem).removeprefix(f'{path}: ')}") from None
    if not parts.names:
        raise RecipeError(f"occurrences {path}: no record with a place and a name")
    taxa = tuple(map(_make_taxon, parts.number_of))
    arrays = np.concatenate(parts.degrees), np.concatenate(parts.days), np.concatenate(parts.names)
    return Occurrences(*arrays, taxa, parts.without_place, parts.absent, parts.damaged)


def _find_table(archive: Archive) -> tuple[str, str]:
    """Returns the name of the table of records and its first line. Raises RecipeError with the columns that were found."""
    names = sorted(archive.names, key=lambda name: (not name.lower().endswith("occurrence.txt"), name.count("/"), name))
    seen: list[str] = []
    for name in names:
        if len(archive.names) > 1 and not name.lower().endswith(TABLES):
            continue
        with archive.open(name) as stream:
            header = take_first_line(decode_head(stream.read(_HEAD)))
        found = _find_columns(header)
        if {"latitude", "longitude"} <= found.keys() and found.keys() & {"species", "name"}:
            return name, header
        seen.append(", ".join(_split_header(header)[:12]))
    raise RecipeError(
        "expected columns decimalLatitude, decimalLongitude and species or scientificName (GBIF, Darwin Core), or LATITUDE, "
        f"LONGITUDE and SCIENTIFIC NAME (eBird), got {' | '.join(seen) or 'no table'}"
    )


def _split_header(header: str) -> list[str]:
    cells = next(csv.reader([header], delimiter=guess_delimiter(header, DELIMITERS)), [])
    return [column.strip() for column in cells]


def _find_columns(header: str) -> dict[str, int]:
    """Returns what is read → the number of its column."""
    names = [column.lower() for column in _split_header(header)]
    found = {what: next((names.index(one) for one in known if one in names), None) for what, known in COLUMNS.items()}
    return {what: number for what, number in found.items() if number is not None}


def _read_batches(
    archive: Archive, name: str, header: str, columns: Mapping[str, int], parts: _Parts
) -> Iterator[Mapping[str, pa.Array]]:
    """Yields blocks of the table: what is read → its texts. Rows with too many or too few cells are left out, and counted."""
    delimiter = guess_delimiter(header, DELIMITERS)

    def skip(row: Any) -> str:
        parts.damaged += 1
        return "skip"

    used = {what: str(number) for what, number in columns.items()}
    with archive.open(name) as stream:
        reader = pyarrow.csv.open_csv(
            stream,
            pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                skip_rows=1,
                column_names=[str(i) for i in range(len(_split_header(header)))],
            ),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False if delimiter == "\t" else '"',
                newlines_in_values=delimiter != "\t",  # remarks of observers
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=list(used.values()), column_types=dict.fromkeys(used.values(), pa.string())
            ),
        )
        for batch in reader:
            yield {what: batch.column(column) for what, column in used.items()}


def _add(parts: _Parts, batch: Mapping[str, pa.Array]) -> None:
    """Adds the records of a block."""
    latitude, longitude = (_read_degrees(batch[what], most) for what, most in (("latitude", 90), ("longitude", 180)))
    is_placed = np.isfinite(latitude) & np.isfinite(longitude)
    is_present = np.ones(len(latitude), bool)
    if "status" in batch:
        is_present = ~np.asarray(pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(batch["status"])), "absent"))
    names = _join_names(batch)
    is_named = ~np.asarray(pc.match_substring_regex(names, f"^{_SEPARATOR}*$"))
    parts.without_place += int((is_present & ~(is_placed & is_named)).sum())
    parts.absent += int((~is_present).sum())
    kept = is_placed & is_present & is_named
    if not kept.any():
        return
    parts.degrees.append(np.stack([latitude[kept], longitude[kept]], axis=1))
    parts.days.append(_read_days(batch, parts.day_of)[kept])
    encoded = names.filter(pa.array(kept)).dictionary_encode()
    numbers = [parts.number_of.setdefault(name, len(parts.number_of)) for name in encoded.dictionary.to_pylist()]
    parts.names.append(np.asarray(numbers, np.int32)[encoded.indices.to_numpy()])


def _read_degrees(column: pa.Array, most: float) -> npt.NDArray[np.float64]:
    """Reads numbers; NaN for what is none, or beyond `most`."""
    is_number = pc.match_substring_regex(column, _NUMBER)
    texts = pc.if_else(is_number, pc.utf8_trim_whitespace(column), pa.scalar(None, pa.string()))
    degrees = np.array(pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False))
    degrees[~(np.abs(degrees) <= most)] = np.nan
    return degrees


def _join_names(batch: Mapping[str, pa.Array]) -> pa.Array:
    """Returns species, else scientific name, rank and kingdom of each record in one text."""
    n = len(batch["latitude"])
    blank = pa.repeat("", n)
    columns = {what: pc.utf8_trim_whitespace(batch[what]) if what in batch else blank for what in ("species", "name")}
    is_species = pc.not_equal(columns["species"], "")
    name = pc.if_else(is_species, columns["species"], columns["name"])
    rank = pc.if_else(is_species, "species", batch.get("rank", blank))
    kingdom = pc.if_else(pc.equal(name, ""), "", batch.get("kingdom", blank))
    rank = pc.if_else(pc.equal(name, ""), "", rank)
    return pc.binary_join_element_wise(name, rank, kingdom, _SEPARATOR)


def _make_taxon(joined: str) -> Taxon:
    name, rank, kingdom = joined.split(_SEPARATOR)
    rank = normalise_rank(rank)
    rank = rank if rank in ORDER else ""
    return Taxon(rank, name, ((("kingdom", kingdom),) if kingdom else ()) + ((rank, name),))


def _read_days(batch: Mapping[str, pa.Array], day_of: dict[str, int]) -> npt.NDArray[np.int16]:
    """Returns the day of a leap year of each record, 0 if unknown: by month and day, else by the date, else startDayOfYear.

    day_of: dates that were parsed before.
    """
    days = np.zeros(len(batch["latitude"]), np.int16)
    if "start_day" in batch:
        days = _convert_ordinals(_read_integers(batch["start_day"]), _read_years(batch))
    if "date" in batch:
        encoded = pc.fill_null(batch["date"], "").dictionary_encode()
        for text in encoded.dictionary.to_pylist():
            if text not in day_of:
                day_of[text] = parse_day(text)
        by_date = np.array([day_of[text] for text in encoded.dictionary.to_pylist()], np.int16)
        by_date_R = by_date[encoded.indices.to_numpy()]
        days = np.where(by_date_R > 0, by_date_R, days)
    if "month" in batch and "day" in batch:
        month, day = _read_integers(batch["month"]), _read_integers(batch["day"])
        is_month = (month >= 1) & (month <= 12)
        month = np.where(is_month, month, 1)
        is_day = is_month & (day >= 1) & (day <= _LENGTH[month - 1])
        # Of a record with these columns, one without a day has an interval for a date.
        days = np.where(is_day, _DAY_OF_MONTH[month - 1] + day, np.where(is_month, 0, days)).astype(np.int16)
    return days.astype(np.int16)


def _read_integers(column: pa.Array) -> npt.NDArray[np.int64]:
    texts = pc.if_else(pc.match_substring_regex(column, r"^\s*\d{1,6}\s*$"), pc.utf8_trim_whitespace(column), "0")
    return np.asarray(pc.cast(pc.fill_null(texts, "0"), pa.int64()))


def _read_years(batch: Mapping[str, pa.Array]) -> npt.NDArray[np.int64]:
    return _read_integers(batch["year"]) if "year" in batch else np.zeros(len(batch["latitude"]), np.int64)


def _convert_ordinals(ordinal: npt.NDArray[np.int64], year: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    """Converts days of a year to those of a leap year; a year that is not known has 365 days."""
    is_leap = (year > 0) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    is_day = (ordinal >= 1) & (ordinal <= 365 + is_leap)
    return np.where(is_day, ordinal + (~is_leap & (ordinal > 59)), 0).astype(np.int16)


def parse_day(text: str) -> int:
    """Returns the day of a leap year of an ISO date, with or without a time, 1 to 366; 0 for anything else.

    An interval has a day if it begins and ends on the same.

    >>> parse_day("2023-03-01T07:30"), parse_day("2023-03-01/2023-03-04"), parse_day("2023-03")
    (61, 0, 0)
    """
    first, _, last = text.strip().partition("/")
    if last and len(last) >= 10 and last[:10] != first[:10]:
        return 0
    if last and len(last) < 10 and "T" not in last and ":" not in last:  # 2023-03-01/04
        return 0
    try:
        day = date.fromisoformat(first[:10])
    except ValueError:
        return 0
    return int(_DAY_OF_MONTH[day.month - 1]) + day.day if re.match(r"[T ]|$", first[10:]) else 0


def list_taxa(occurrences: Occurrences, numbers: Sequence[int]) -> list[str]:
    """Lists the names of some taxa, those with most records first."""
    count = np.bincount(occurrences.name_R, minlength=len(occurrences.taxa))
    return [occurrences.taxa[i].name for i in sorted(numbers, key=lambda i: -count[i])]
