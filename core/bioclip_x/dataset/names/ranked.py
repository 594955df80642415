"""Taxonomies in order of preference, each kept in a compact form after it was loaded.

Legend: N nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.dataset.names.cells import make_key
from bioclip_x.dataset.names.name_index import HashIndex, hash_names
from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.ancestors import find_nearest, find_nearest_above, find_taxa_above, is_taxon
from bioclip_x.taxonomy.details import as_columns, split_names
from bioclip_x.taxonomy.names.nomenclature import guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import fold_common_name, normalise_name
from bioclip_x.taxonomy.names.parsing import drop_subgenus
from bioclip_x.taxonomy.ranks import LINNAEAN
from bioclip_x.taxonomy.tree import Taxonomy

if TYPE_CHECKING:
    import pyarrow as pa

CODES: Final = ("", "zoological", "botanical", "prokaryotic")
"""Nomenclatural codes by number."""

LEVELS: Final = {rank: level for level, rank in enumerate(LINNAEAN)}
"""Linnaean rank → 0 for kingdom … 6 for species."""

GENUS, SPECIES = LEVELS["genus"], LEVELS["species"]


@dataclass(frozen=True)
class RankedTaxonomy:
    """One of the taxonomies of a data set; the order in their list is that of preference.

    name: under which results tell it. load: reads the tree; called once, and the tree is released after it was indexed.
    """

    name: str
    load: Callable[[], Taxonomy]


@dataclass(frozen=True, eq=False)
class Indexed:
    """What is kept of a loaded taxonomy: about 60 bytes a node, and no Python object for a name.

    names: [N] texts. hash_N: of the name as compared. level_N: int8, index into `LINNAEAN`, -1 for other ranks and for nodes
    that are no taxa. parent_N: the taxon above, 0 for none. anchor_N: the nearest Linnaean taxon, itself included;
    above_N: not included. code_N: int8, into `CODES`. has_twin_N: whether another taxon has its name and Linnaean rank.
    accepted, synonyms: names → nodes. common: common names as `fold_common_name` returns them → nodes.
    english: nodes with an English name, ascending, and the names. synonym_cells: the same for synonyms, where asked for.
    """

    name: str
    names: pa.StringArray
    hash_N: npt.NDArray[np.int64]
    rank_N: npt.NDArray[np.int16]
    rank_names: tuple[str, ...]
    level_N: npt.NDArray[np.int8]
    parent_N: npt.NDArray[np.int32]
    anchor_N: npt.NDArray[np.int32]
    above_N: npt.NDArray[np.int32]
    code_N: npt.NDArray[np.int8]
    has_twin_N: npt.NDArray[np.bool_]
    accepted: HashIndex
    synonyms: HashIndex
    common: HashIndex
    english: tuple[npt.NDArray[np.int32], pa.StringArray]
    synonym_cells: tuple[npt.NDArray[np.int32], pa.StringArray]

    def name_of(self, node: int) -> str:
        name: str = self.names[node].as_py()
        return name

    def rank_of(self, node: int) -> str:
        return self.rank_names[int(self.rank_N[node])]

    def list_path(self, node: int) -> list[int]:
        """Returns the taxa above a node, from the lowest."""
        path = []
        while (node := int(self.parent_N[node])) > 0:
            path.append(node)
        return path

    def list_linnaean(self, node: int) -> list[int]:
        """Returns a Linnaean taxon and those above it, from the lowest, each of a higher rank than the one before."""
        path, level = [], len(LINNAEAN)
        while node > 0:
            if self.level_N[node] < level:
                path.append(node)
                level = int(self.level_N[node])
            node = int(self.above_N[node])
        return path

    def find_english_name(self, node: int) -> str:
        return _get_cell(*self.english, node)

    def list_synonyms(self, node: int) -> list[str]:
        """Returns a taxon's synonyms without their authors, if they were kept."""
        cell = _get_cell(*self.synonym_cells, node)
        return [one.split("\t", 1)[0] for one in split_names(cell)]


def load_all(taxonomies: Sequence[RankedTaxonomy], *, keep_synonyms: bool = False) -> Iterator[Indexed]:
    """Loads and indexes each taxonomy in turn. Raises TaxonomyError, which names the taxonomy."""
    for one in taxonomies:
        try:
            taxonomy = one.load()
        except TaxonomyError as error:
            raise TaxonomyError(f"the taxonomy {one.name}: {error}", error.problems) from error
        yield index_taxonomy(one.name, taxonomy, keep_synonyms=keep_synonyms)


def index_taxonomy(name: str, taxonomy: Taxonomy, *, keep_synonyms: bool = False) -> Indexed:
    """Indexes a tree, after which the tree itself may be released."""
    import pyarrow as pa

    level_of_rank = np.array([LEVELS.get(rank, -1) for rank in taxonomy.rank_names], np.int8)
    taxa_N = is_taxon(taxonomy)
    level_N = np.where(taxa_N, level_of_rank[taxonomy.rank_N], np.int8(-1)).astype(np.int8)
    names, written = _clean_names(taxonomy, level_N)
    hash_N = hash_names(names, taxonomy.n_nodes)
    for node in np.flatnonzero(level_N == 0).tolist():
        hash_N[node] = hash(make_key(names[node], "kingdom"))
    english, cells = _gather_cells(taxonomy, "common", ("en", "")), _gather_cells(taxonomy, "synonyms", ("",))
    return Indexed(
        name,
        pa.array(names, pa.string()),
        hash_N,
        taxonomy.rank_N,
        taxonomy.rank_names,
        level_N,
        find_taxa_above(taxonomy).astype(np.int32),
        find_nearest(taxonomy, level_N >= 0).astype(np.int32),
        find_nearest_above(taxonomy, level_N >= 0).astype(np.int32),
        _find_codes(taxonomy),
        _find_twins(hash_N, level_N),
        _index_accepted(hash_N, np.flatnonzero(taxa_N), written),
        _index_synonyms(taxonomy),
        _index_common_names(taxonomy),
        (english[0], pa.array([split_names(text)[0] for text in english[1]], pa.string())),
        (cells[0], pa.array(cells[1], pa.string())) if keep_synonyms else (cells[0][:0], pa.array([], pa.string())),
    )


def _get_cell(nodes: npt.NDArray[np.int32], texts: pa.StringArray, node: int) -> str:
    at = int(nodes.searchsorted(np.int32(node)))
    return texts[at].as_py() if at < len(nodes) and nodes[at] == node else ""


def _gather_cells(taxonomy: Taxonomy, role: str, keys: Sequence[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Returns the nodes that have details in this role under the first of the keys that a file has, and the cells."""
    columns = {column.key: column for column in as_columns(taxonomy.details).columns if column.role == role}
    for key in keys:
        if key in columns:
            cells = list(columns[key].values)
            kept = [i for i, text in enumerate(cells) if split_names(text)]
            return columns[key].node_n[kept].astype(np.int32), [cells[i] for i in kept]
    return np.empty(0, np.int32), []


def _find_codes(taxonomy: Taxonomy) -> npt.NDArray[np.int8]:
    """Returns the code that governs each node, by the lowest large group that it is in: int8 [N], into `CODES`."""
    own_N = np.zeros(taxonomy.n_nodes, np.int8)
    is_inner = np.zeros(taxonomy.n_nodes, bool)
    is_inner[taxonomy.parent_N[1:]] = True
    above_family = [rank not in ("genus", "species", "family", "subfamily", "tribe") for rank in taxonomy.rank_names]
    is_candidate = np.array(above_family)[taxonomy.rank_N] & (is_inner | (taxonomy.rank_N > 0))
    for node in np.flatnonzero(is_candidate).tolist():
        own_N[node] = CODES.index(guess_nomenclatural_code(frozenset((normalise_name(taxonomy.names[node]),))))
    code_N: npt.NDArray[np.int8] = own_N[find_nearest(taxonomy, own_N > 0)]
    return code_N


def _find_twins(hash_N: npt.NDArray[np.int64], level_N: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    has_twin_N = np.zeros(len(hash_N), bool)
    nodes = np.flatnonzero(level_N >= 0)
    order = nodes[np.lexsort((level_N[nodes], hash_N[nodes]))]
    same = (hash_N[order][1:] == hash_N[order][:-1]) & (level_N[order][1:] == level_N[order][:-1])
    has_twin_N[order[1:][same]] = has_twin_N[order[:-1][same]] = True
    return has_twin_N


def _clean_names(taxonomy: Taxonomy, level_N: npt.NDArray[np.int8]) -> tuple[list[str], list[tuple[int, int]]]:
    """Returns the names, those of species without subgenus and those of Linnaean ranks with a capital.

    Also (hash, node) of names as written that are thus lost.
    """
    names, written = list(taxonomy.names), []
    levels = level_N.tolist()
    for node, name in enumerate(names):
        if "(" in name and (plain := drop_subgenus(name)) != name:
            written.append((hash(normalise_name(name)), node))
            names[node] = name = plain
        if levels[node] >= 0 and name[:1].islower():
            names[node] = name[0].upper() + name[1:]
    return names, written


def _index_accepted(
    hash_N: npt.NDArray[np.int64], nodes: npt.NDArray[np.int64], written: list[tuple[int, int]]
) -> HashIndex:
    """Indexes accepted names, those with a subgenus with and without it."""
    pairs = np.array(written, np.int64).reshape(-1, 2)
    return HashIndex(np.concatenate([hash_N[nodes], pairs[:, 0]]), np.concatenate([nodes, pairs[:, 1]]))


def _index_synonyms(taxonomy: Taxonomy) -> HashIndex:
    nodes, cells = _gather_cells(taxonomy, "synonyms", ("",))
    return HashIndex.from_pairs(
        (hash(normalise_name(form)), node)
        for node, text in zip(nodes.tolist(), cells)
        for one in split_names(text)
        for form in _list_forms(one.split("\t", 1)[0])
    )


def _list_forms(name: str) -> tuple[str, ...]:
    return (name, drop_subgenus(name)) if "(" in name else (name,)


def _index_common_names(taxonomy: Taxonomy) -> HashIndex:
    columns = [column for column in as_columns(taxonomy.details).columns if column.role == "common"]
    return HashIndex.from_pairs(
        (hash(fold_common_name(name)), node)
        for column in columns
        for node, text in zip(column.node_n.tolist(), column.values)
        for name in split_names(text)
    )


def settle_codes(taxonomies: Sequence[Indexed]) -> list[Indexed]:
    """Returns the taxonomies with the codes of groups that tell none themselves, as of a list of families without kingdoms.

    A group is under the code under which the first other taxonomy has a taxon of its rank and name.
    """
    return [
        replace(one, code_N=_settle(one, [other for other in taxonomies if other is not one])) for one in taxonomies
    ]


def _settle(taxonomy: Indexed, others: Sequence[Indexed]) -> npt.NDArray[np.int8]:
    """Settles codes from the top down, since homonyms are the rarer the higher the rank, then from the bottom up."""
    code_N: npt.NDArray[np.int8] = taxonomy.code_N.copy()
    for level in range(GENUS):
        nodes = np.flatnonzero((code_N == 0) & (taxonomy.level_N == level))
        for other in others if len(nodes) else ():
            found = other.accepted.find(np.unique(taxonomy.hash_N[nodes]))
            for node in nodes[code_N[nodes] == 0].tolist():
                same = [one for one in found.get(int(taxonomy.hash_N[node]), ()) if other.level_N[one] == level]
                codes = {int(other.code_N[one]) for one in same}
                code_N[node] = codes.pop() if len(codes) == 1 else 0
        if code_N[nodes].any():
            _spread(code_N, taxonomy.parent_N)
    for level in range(GENUS - 1, 0, -1):
        nodes = np.flatnonzero((code_N > 0) & (taxonomy.level_N == level))
        above = taxonomy.above_N[nodes]
        nodes, above = nodes[code_N[above] == 0], above[code_N[above] == 0]
        least, most = np.full(len(code_N), len(CODES), np.int8), np.zeros(len(code_N), np.int8)
        np.minimum.at(least, above, code_N[nodes])
        np.maximum.at(most, above, code_N[nodes])
        agreed = above[(least[above] == most[above]) & (above > 0)]
        code_N[agreed] = most[agreed]
    if (code_N[1:] == 0).any():
        _spread(code_N, taxonomy.parent_N)
    return code_N


def _spread(code_N: npt.NDArray[np.int8], parent_N: npt.NDArray[np.int32]) -> None:
    """Gives every node without a code that of the lowest node above it that has one, in place."""
    nodes = np.flatnonzero(code_N == 0)
    own_N, above = code_N.copy(), parent_N[nodes]
    while (above > 0).any():
        is_unset = code_N[nodes] == 0
        code_N[nodes[is_unset]] = own_N[above[is_unset]]
        above = np.where(above > 0, parent_N[above], 0)
