"""Rank columns and details of a table → the columns of a tree's lineages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from bioclip_x.plugin import BETWEEN, ORDER, RANKS, Column, RankColumn, Role, combine_columns, split_authorship
from bioclip_x_plugins.readers.tables.cells import (
    are_in_capitals,
    has_common_names,
    split_cell,
    split_common_name,
)
from bioclip_x_plugins.readers.vocabulary.columns import Meaning
from bioclip_x_plugins.readers.vocabulary.epithets import complete_infraspecific_name, complete_species_name
from bioclip_x_plugins.readers.vocabulary.rank_words import parse_rank

_BELOW_SPECIES: Final = ("subspecies", "variety", "form")
_NO_DETAIL: Final = frozenset({"rank", "epithet", "infraspecific epithet", "name", "is_class", "beside"})
_DETAILS: Final = frozenset({"common", "id", "extra", "authorship", "synonyms"})


def make_rank_columns(columns: Mapping[str, Column], meanings: Mapping[str, Meaning]) -> list[RankColumn]:
    """Makes the columns of names, highest rank first: authors split off, species and lower ranks as full names."""
    column_of = {meaning: columns[column] for column, meaning in meanings.items()}
    ranks = {rank: _split_cells(cells, rank) for (role, rank), cells in column_of.items() if role == "rank"}
    if epithet := column_of.get(("epithet", "")):
        species = ranks.get("species", RankColumn("species", _make_blank_column(epithet)))
        ranks["species"] = replace(
            species, names=combine_columns(lambda name, other: name or other, species.names, epithet)
        )
    if "species" in ranks:
        ranks |= _split_infraspecific(column_of) if not ranks.keys() & set(_BELOW_SPECIES) else {}
        genus = ranks["genus"].names if "genus" in ranks else _make_blank_column(ranks["species"].names)
        ranks["species"] = _rename(ranks["species"], complete_species_name, genus)
        species_names = ranks["species"].names
        for rank in _BELOW_SPECIES:
            if rank in ranks:
                ranks[rank] = _rename(ranks[rank], complete_infraspecific_name, species_names, genus)
    return [ranks[rank] for rank in RANKS if rank in ranks]


def _split_infraspecific(column_of: Mapping[Meaning, Column]) -> dict[str, RankColumn]:
    """Makes columns of subspecies, varieties and forms from one of epithets below the species and one of their ranks."""
    epithet = column_of.get(("infraspecific epithet", ""))
    if epithet is None:
        return {}
    rank_of_row = column_of.get(("infraspecific rank", ""), _make_blank_column(epithet))

    def select(rank: str) -> Column:
        return combine_columns(
            lambda cell, kind: cell if (parse_rank(kind) or "subspecies") == rank else "", epithet, rank_of_row
        )

    of_rank = {rank: select(rank) for rank in _BELOW_SPECIES}
    return {rank: _split_cells(names, rank) for rank, names in of_rank.items() if names.texts}


def _split_cells(column: Column, rank: str) -> RankColumn:
    """Collapses spaces in names, and moves their authors and common names to `RankColumn`."""
    authorship: dict[str, str] = {}
    common_names: dict[str, str] = {}
    has_names = has_common_names(column.texts)
    is_capital = ORDER[rank] < ORDER["genus"] and are_in_capitals(column.texts)

    def split(text: str) -> str:
        text, common = split_common_name(text) if has_names else (text, "")
        name, author = split_cell(text.capitalize() if is_capital else text, rank)
        if author:
            authorship.setdefault(name, author)
        if common:
            common_names.setdefault(name, common)
        return name

    return RankColumn(rank, column.map(split), authorship, common_names)


def _rename(column: RankColumn, make_name: Callable[..., str], *others: Column) -> RankColumn:
    """Applies `make_name` to each cell and the cells of `others` in its row. Blank cells stay blank."""
    authorship: dict[str, str] = {}
    common_names: dict[str, str] = {}

    def rename_cell(cell: str, *other_cells: str) -> str:
        name = make_name(cell, *other_cells) if cell else ""
        for new, old in ((authorship, column.authorship), (common_names, column.common_names)):
            if cell in old:
                new[name] = old[cell]
        return name

    return RankColumn(column.rank, combine_columns(rename_cell, column.names, *others), authorship, common_names)


def _make_blank_column(like: Column) -> Column:
    return Column(np.full(len(like.code_R), -1, np.int64), ())


def make_details(columns: Mapping[str, Column], meanings: Mapping[str, Meaning]) -> list[tuple[Role, str, Column]]:
    """Makes (role, argument, column) of all columns that are not names. Common names of one language are combined."""
    details: dict[tuple[Role, str], Column] = {}
    for column, (role, argument) in meanings.items():
        if role in _NO_DETAIL:
            continue
        key: tuple[Role, str] = (role, argument) if role in _DETAILS else ("extra", column.strip())  # type: ignore[assignment]
        cells = columns[column].map(split_synonyms if role == "synonyms" else str.strip)
        details[key] = (
            combine_columns(_join_cells, details[key], cells) if key in details and role == "common" else cells
        )
    return [(role, argument, cells) for (role, argument), cells in details.items()]


def _join_cells(first: str, second: str) -> str:
    return BETWEEN.join(filter(None, (first, second)))


def split_synonyms(cell: str) -> str:
    """Splits each synonym of a cell into name and author, separated by a tab."""
    pairs = (split_authorship(" ".join(part.split())) for part in cell.split(BETWEEN) if part.strip())
    return BETWEEN.join("\t".join(filter(None, pair)) for pair in pairs)
