"""The names of EOL's pages: from the table of its Dynamic Hierarchy (taxon.tab), and from provider_ids.csv.

Legend: n pages that are asked for, t taxa.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import LINNAEAN, normalise_rank
from bioclip_x_plugins.image_sources.columns import complete_species
from bioclip_x_plugins.image_sources.tables import TextTable, require_columns

DEEPEST: Final = 100
"""Taxa above one another, of which a cycle has more."""
ROWS_AT_ONCE: Final = 1_000_000
NAMES: Final = ("name", "rank", *LINNAEAN)
Integers = npt.NDArray[np.int64]


class Hierarchy:
    """The taxa of taxon.tab, in columns: some 200 bytes per taxon."""

    def __init__(self, path: Path) -> None:
        table = TextTable(path, delimiter="\t", quote="")
        # Later versions of the Dynamic Hierarchy write EOLid.
        page = next((column for column in table.columns() if column.casefold() == "eolid"), "eolID")
        needed = ["taxonID", "parentNameUsageID", "taxonRank", "canonicalName", page]
        require_columns(table, needed, "EOL's taxa (taxon.tab)")
        taxa = pa.concat_tables(list(table.batches(needed))).combine_chunks()
        self._name_t, self._rank_t = taxa["canonicalName"], taxa["taxonRank"]
        self._parent_t = _to_places(pc.index_in(taxa["parentNameUsageID"], value_set=taxa["taxonID"]))
        ranks = self._rank_t.combine_chunks().dictionary_encode()
        codes = [_find_place(rank) for rank in ranks.dictionary.to_pylist()]
        self._level_t = np.array([*codes, -1], np.int64)[_to_places(ranks.indices)]
        page_t = to_numbers(taxa[page])
        self._page, self._taxon = np.unique(page_t, return_index=True)

    def find(self, page_n: Integers) -> dict[str, pa.Array]:
        """Returns the columns `NAMES` of pages; blank for a page that is no taxon of it."""
        place_n = np.minimum(np.searchsorted(self._page, page_n), len(self._page) - 1)
        taxon_n = np.where((self._page[place_n] == page_n) & (page_n >= 0), self._taxon[place_n], -1)
        found_nr = np.full((len(page_n), len(LINNAEAN)), -1, np.int64)
        at_n = taxon_n
        for _ in range(DEEPEST):
            if (at_n < 0).all():
                break
            level_n = np.where(at_n >= 0, self._level_t[at_n], -1)
            row = np.flatnonzero(level_n >= 0)
            row = row[found_nr[row, level_n[row]] < 0]
            found_nr[row, level_n[row]] = at_n[row]
            at_n = np.where(at_n >= 0, self._parent_t[at_n], -1)
        names = {rank: _take(self._name_t, found_nr[:, column]) for column, rank in enumerate(LINNAEAN)}
        names["species"] = complete_species(names["genus"], names["species"])
        return {"name": _take(self._name_t, taxon_n), "rank": _take(self._rank_t, taxon_n), **names}


class ProviderIds:
    """The names of pages in provider_ids.csv, which has a row for each provider's name of a page."""

    def __init__(self, path: Path) -> None:
        table = TextTable(path, delimiter=",")
        needed = ["page_id", "preferred_canonical_for_page"]
        require_columns(table, needed, "EOL's identifiers (provider_ids.csv)")
        self._page = np.empty(0, np.int64)
        self._name = pa.array([], pa.string())
        pages, names, rows = [self._page], [self._name], 0
        for batch in table.batches(needed):
            named = batch.filter(pc.not_equal(batch["preferred_canonical_for_page"], ""))
            pages.append(to_numbers(named["page_id"]))
            names += named["preferred_canonical_for_page"].chunks
            rows += len(named)
            if rows > len(pages[0]) + ROWS_AT_ONCE:
                self._keep_first(pages, names)
                pages, names, rows = [self._page], [self._name], 0
        self._keep_first(pages, names)

    def _keep_first(self, pages: Sequence[Integers], names: Sequence[pa.Array]) -> None:
        """Keeps the first name of each page, so that a page is in memory about once."""
        self._page, first = np.unique(np.concatenate(pages), return_index=True)
        self._name = pa.chunked_array(names, pa.string()).take(pa.array(first)).combine_chunks()

    def find(self, page_n: Integers) -> pa.Array:
        """Returns the names of pages; blank for a page without one."""
        if not len(self._page):
            return pa.array([""] * len(page_n))
        place_n = np.minimum(np.searchsorted(self._page, page_n), len(self._page) - 1)
        return _take(self._name, np.where((self._page[place_n] == page_n) & (page_n >= 0), place_n, -1))


def to_numbers(texts: pa.ChunkedArray) -> Integers:
    """Returns numbers of pages; -1 for a text that is none."""
    is_number = pc.match_substring_regex(texts, r"^[0-9]{1,18}$")
    return pc.if_else(is_number, texts, "-1").cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]


def _find_place(rank: str) -> int:
    normal = normalise_rank(rank)
    return LINNAEAN.index(normal) if normal in LINNAEAN else -1


def _to_places(column: pa.Array | pa.ChunkedArray) -> Integers:
    return pc.fill_null(column, -1).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _take(values: pa.Array | pa.ChunkedArray, place_n: Integers) -> pa.Array:
    """Returns the values at places; "" at -1."""
    taken = pc.take(values, pa.array(place_n, mask=place_n < 0))
    filled = pc.fill_null(taken, "")
    return filled.combine_chunks() if isinstance(filled, pa.ChunkedArray) else filled
