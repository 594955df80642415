"""Resolves given identifications to the taxa of one tree, merged from taxonomies in order of preference.

1. A name is cleaned and parsed: mark-up, authors and subgenera are dropped; a name of no one species (sp., cf., a slash,
   a formula of hybrids, a question mark) counts as its genus; placeholders name nothing.
2. The name is looked up in each taxonomy in turn, there among accepted names, then among synonyms; next the column `species`,
   then common names; last what is above: the genus that the name tells, the columns genus to kingdom. The first taxonomy that
   knows the most exact name decides.
3. Homonyms are told apart by nomenclatural code, rank and the given lineage. A taxon under another code than the given lineage
   never matches. Where several taxa are left, the row is ambiguous; nothing is guessed, and similar names are only suggested.
4. The taxon is placed in one merged tree (`merged`), so that no result contradicts another.

Legend: R rows (identifications).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.dataset.names.conflicts import find_conflicts
from bioclip_x.dataset.names.given import Given, read_given
from bioclip_x.dataset.names.merged import MergedTree
from bioclip_x.dataset.names.ranked import RankedTaxonomy, load_all, settle_codes
from bioclip_x.dataset.names.review import Corrections, apply_corrections
from bioclip_x.dataset.names.search import CORRECTION, HIGHER, Found, Search, list_unknown, settle_lineages
from bioclip_x.dataset.names.suggestions import suggest
from bioclip_x.errors import DatasetError
from bioclip_x.messages import list_some, pluralise
from bioclip_x.taxonomy.ranks import LINNAEAN

if TYPE_CHECKING:
    import pyarrow as pa

FULL, PARTIAL, AMBIGUOUS, LOST = STATUSES = ("full", "partial", "ambiguous", "lost")
RESOLVED_COLUMNS: Final = (
    "status", "name", "rank", *LINNAEAN, "common_name", "taxonomy", "by", "reason", "conflict",
)  # fmt: skip
SUGGESTED: Final = 500
"""The number of unknown names, commonest first, for which similar names are looked up."""


def resolve_names(
    given: pa.Table,
    taxonomies: Sequence[RankedTaxonomy],
    corrections: Corrections | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    suggested: int = SUGGESTED,
) -> pa.Table:
    """Returns for each `key` of `given` its status and the `RESOLVED_COLUMNS`, in the order of the rows.

    given: one row an identification, with `key`, the `GIVEN_COLUMNS` and `images`. taxonomies: loaded one at a time; about 60
    bytes a taxon stay in memory. corrections: filled-in review table. say: is told what the user should know. suggested: how
    many unknown names, commonest first, get suggestions. Raises DatasetError for a bad table, TaxonomyError for a bad taxonomy.
    """
    if not taxonomies:
        raise DatasetError("names need at least one taxonomy to resolve against; none is given")
    if missing := {"key", "images"} - set(given.column_names):
        raise DatasetError(f"the table of given names lacks {list_some(sorted(missing))}")
    corrected, is_corrected_R = apply_corrections(given, corrections, say)
    rows = read_given(corrected)
    indexed = settle_codes(list(load_all(taxonomies)))
    rows = replace(rows, lineages=settle_lineages(rows.lineages, indexed))
    search = Search(rows, MergedTree(indexed))
    search.run()
    reasons = _explain(search, given["images"].to_numpy(), suggested)
    reasons |= {row: one.reason for row, one in search.found.items() if one.reason}
    for row in np.flatnonzero(is_corrected_R).tolist():
        if row in reasons:
            reasons[row] = f"the correction {rows.cells['name'][row]}: {reasons[row]}"
    table = _make_table(given, search, reasons, is_corrected_R)
    _summarise(table, is_corrected_R, rows, say)
    return table


def _explain(search: Search, images: Sequence[int], suggested: int) -> dict[int, str]:
    """Returns row → why it is lost, or only a taxon above it was found."""
    given, found = search.given, search.found
    unknown = list_unknown(given, found)
    commonest = unknown[np.lexsort((unknown, -np.asarray(images)[unknown]))][:suggested]
    similar = suggest([given.cells["name"][row] for row in commonest.tolist()], search.taxonomies)
    suggestions = dict(zip(commonest.tolist(), similar))
    names = list_some([one.name for one in search.taxonomies])
    reasons = {}
    for row in unknown.tolist():
        reason = search.excluded.get(row, f"not in {names}")
        others = suggestions.get(row, ())
        reasons[row] = f"{reason}; similar: {' or '.join(others)}" if others else reason
    for row in np.flatnonzero(given.is_open_R).tolist():
        if row not in found or found[row].by == HIGHER:
            reasons[row] = "names no one species"
    for row in np.flatnonzero(given.is_blank_R).tolist():
        if row not in found:
            reasons[row] = "names no taxon"
    return reasons


def _make_table(
    given: pa.Table, search: Search, reasons: Mapping[int, str], is_corrected_R: npt.NDArray[np.bool_]
) -> pa.Table:
    """Joins what was found to columns, each distinct taxon formatted once."""
    import pyarrow as pa

    n, tree = given.num_rows, search.tree
    taxon_R = np.array([one.taxon if (one := search.found.get(row)) else 0 for row in range(n)], np.int64)
    taxa, place = np.unique(taxon_R, return_inverse=True)
    paths = [{tree.level_M[one]: tree.name(one) for one in tree.list_path(taxon)} for taxon in taxa.tolist()]
    take = pa.array(place.reshape(-1).astype(np.int32))
    ranks = {
        rank: pa.DictionaryArray.from_arrays(take, pa.array([path.get(level, "") for path in paths], pa.string()))
        for level, rank in enumerate(LINNAEAN)
    }
    n_ranks = [len(path) for path in paths]
    conflicts = find_conflicts(search.given, tree, search.found)
    common = list(search.given.cells["common_name"])
    texts = _RowTexts(search)
    columns: dict[str, list[str]] = {
        column: [] for column in ("status", "name", "rank", "common_name", "taxonomy", "by")
    }
    for row, (index, common_name) in enumerate(zip(place.reshape(-1).tolist(), common)):
        one = search.found.get(row)
        is_one = one is not None and one.node > 0
        status = (
            LOST if one is None else AMBIGUOUS if not is_one else FULL if n_ranks[index] == len(LINNAEAN) else PARTIAL
        )
        name, rank, english, taxonomy = texts.describe(one) if one is not None and is_one else ("", "", "", "")
        by = one.by if one is not None else ""
        by = CORRECTION if one is not None and is_corrected_R[row] else by
        for column, text in zip(columns, (status, name, rank, common_name or english, taxonomy, by)):
            columns[column].append(text)
    columns["reason"] = [reasons.get(row, "") for row in range(n)]
    columns["conflict"] = [conflicts.get(row, "") for row in range(n)]
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    arrays |= {rank: array.cast(pa.string()) for rank, array in ranks.items()}
    return pa.table({"key": given["key"], **{name: arrays[name] for name in RESOLVED_COLUMNS}})


class _RowTexts:
    """Texts of found taxa, each made once."""

    def __init__(self, search: Search) -> None:
        self.tree = search.tree
        self._texts: dict[tuple[int, int, int], tuple[str, str, str, str]] = {}

    def describe(self, found: Found) -> tuple[str, str, str, str]:
        """Returns (accepted name, rank, English name, taxonomy) of a taxon."""
        key = (found.taxon, found.source, found.node)
        if key not in self._texts:
            self._texts[key] = self._describe(found)
        return self._texts[key]

    def _describe(self, found: Found) -> tuple[str, str, str, str]:
        tree, taxon = self.tree, found.taxon
        source, home = tree.taxonomies[found.source], tree.taxonomies[tree.source_M[taxon]]
        is_own = home is source and int(source.anchor_N[found.node]) == tree.node_M[taxon]
        node = found.node if is_own else tree.node_M[taxon]
        english = home.find_english_name(node) or source.find_english_name(found.node)
        others: dict[str, list[str]] = {}
        for one in reversed(tree.list_path(taxon)):
            if tree.source_M[one] != found.source:
                others.setdefault(tree.taxonomies[tree.source_M[one]].name, []).append(tree.rank(one))
        told = "".join(f"+{name}:{','.join(ranks)}" for name, ranks in others.items())
        return home.name_of(node), home.rank_of(node), english, source.name + told


def _summarise(
    table: pa.Table, is_corrected_R: npt.NDArray[np.bool_], given: Given, say: Callable[[str], None]
) -> None:
    statuses = table["status"].to_pylist()
    counts = Counter(statuses)
    say(f"{pluralise(len(statuses), 'name')}: " + ", ".join(f"{counts[status]:,} {status}" for status in STATUSES))
    if n_conflicts := sum(map(bool, table["conflict"].to_pylist())):
        are = "is" if n_conflicts == 1 else "are"
        say(f"{pluralise(n_conflicts, 'name')} {are} resolved to another lineage than the given (column conflict)")
    rows = [row for row in np.flatnonzero(is_corrected_R).tolist() if statuses[row] in (LOST, AMBIGUOUS)]
    if rows:
        names = list_some(list(dict.fromkeys(given.cells["name"][row] for row in rows)))
        do = "does not resolve itself" if len(rows) == 1 else "do not resolve themselves"
        say(f"{pluralise(len(rows), 'correction')} {do}: {names}")
