"""A table with a column per rank: CSV, TSV or Parquet, as the table reader takes it.

    kingdom,family,genus,species,is_class,authorship,synonyms,common_name,common_name_de,gbif_id
    Animalia,Paridae,,,false,"Vigors, 1825",,tits,Meisen,9327
    Animalia,Paridae,Cyanistes,Cyanistes caeruleus,true,"(Linnaeus, 1758)","Parus caeruleus Linnaeus, 1758",blue tit,,

A row for each class, and for each other taxon of which more is known than its name (is_class false).

Legend: N nodes, R rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.errors import TaxonomyError
from bioclip_x.messages import pluralise
from bioclip_x.taxonomy.ancestors import find_nearest, find_nearest_above, find_rank_order, format_path, is_taxon
from bioclip_x.taxonomy.details import BETWEEN, DetailColumn, as_columns
from bioclip_x.taxonomy.editing.validate import find_authors_in_names, find_rank_order_faults
from bioclip_x.taxonomy.names.parsing import split_authorship
from bioclip_x.taxonomy.ranks import ORDER, RANKS, normalise_rank
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import AT_ONCE, Document

if TYPE_CHECKING:
    import pyarrow

Texts = Callable[[Ints], list[str]]
"""The cells of one column for some nodes."""

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-(hans|hant|latn|cyrl|arab))?(-([a-z]{2}|[0-9]{3}))?")
_TAKEN: Final = re.compile(
    r"is_class|authorship|synonyms|.*_id|(common|vernacular)[_ ]?names?.*|common|(specific|species)?[_ ]?epithet",
    re.IGNORECASE,
)
"""Columns that mean something else to a reader than an extra."""
_WITH_GENUS: Final = re.compile(r"(?:[×xX] ?)?(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ-]{2,}|[A-Z]\.) ")
_INSTEAD: Final = "convert to .yaml or .json, which hold any tree"


def make_document(taxonomy: Taxonomy, delimiter: str = ",") -> Document:
    """delimiter: "" for Parquet. Raises TaxonomyError where classes have no place in a table of ranks."""
    _refuse(taxonomy)
    every = as_columns(taxonomy.details).columns
    told: dict[str, list[DetailColumn]] = {}
    has_row_N = taxonomy.class_of_N >= 0
    for column in every:
        if name := _header(column):
            told.setdefault(name, []).append(column)
            has_row_N[column.node_n] = True
    has_row_N &= find_rank_order(taxonomy) >= 0
    cells: dict[str, Texts] = _rank_columns(taxonomy)
    if (has_row_N & (taxonomy.class_of_N < 0)).any():
        cells["is_class"] = lambda nodes: ["true" if c >= 0 else "false" for c in taxonomy.class_of_N[nodes].tolist()]
    cells |= {name: _values(columns) for name, columns in sorted(told.items(), key=_place)}
    rows = np.flatnonzero(has_row_N)
    lost = tuple(_lost(taxonomy, [column for column in every if not _header(column)]))
    if not delimiter:
        return Document(lambda: _parquet(cells, rows), lost)
    return Document(lambda: _text(cells, rows, delimiter), lost)


def _refuse(taxonomy: Taxonomy) -> None:
    """Raises TaxonomyError for classes that have no column, and for taxa that a table cannot tell apart."""
    order_N = find_rank_order(taxonomy)
    nodes = np.flatnonzero((taxonomy.class_of_N >= 0) & (order_N < 0)).tolist()
    if nodes:
        count = f"{len(nodes):,} of {pluralise(taxonomy.n_classes, 'class', 'classes')}"
        ranks = ", ".join(sorted({taxonomy.rank(node) or "none" for node in nodes}))
        raise TaxonomyError(
            f"a table has a column for each rank from {RANKS[0]} to {RANKS[-1]}, and {count} have no such rank (but: {ranks}), "
            f"first {format_path(taxonomy, nodes[0])}; {_INSTEAD}"
        )
    for found in find_rank_order_faults(taxonomy):
        raise TaxonomyError(f"a table of ranks cannot hold this tree: {found.message}; {_INSTEAD}")
    above_N = find_nearest_above(taxonomy, order_N >= 0).tolist()
    first: dict[tuple[int, int, str], int] = {}
    for node in np.flatnonzero(order_N >= 0).tolist():
        other = first.setdefault((above_N[node], int(order_N[node]), taxonomy.names[node]), node)
        if other != node:
            both = f"{format_path(taxonomy, other)}; {format_path(taxonomy, node)}"
            raise TaxonomyError(f"a table cannot tell these two apart: {both}; {_INSTEAD}")


def _rank_columns(taxonomy: Taxonomy) -> dict[str, Texts]:
    """A column for each rank in use, from the top down."""
    is_a_taxon = is_taxon(taxonomy)

    def column(rank: str) -> Texts:
        at_N = find_nearest(taxonomy, is_a_taxon & (taxonomy.rank_N == taxonomy.rank_names.index(rank))).astype(
            np.int32
        )
        return lambda nodes: [taxonomy.names[at] for at in at_N[nodes].tolist()]  # the root's name is ""

    used = {taxonomy.rank_names[i] for i in np.unique(taxonomy.rank_N[is_a_taxon]).tolist()}
    return {rank: column(rank) for rank in RANKS if rank in used}


def _header(column: DetailColumn) -> str:
    """The column's name in the table; "" where a reader would take it for something else."""
    if column.role in ("authorship", "synonyms"):
        return column.role
    if column.role == "id":
        return f"{column.key}_id"
    if column.role == "common":
        if column.key == "en":
            return "common_name"
        return f"common_name_{column.key}" if _LANGUAGE.fullmatch(column.key) else ""
    key = column.key.strip()
    is_other = not key or _TAKEN.fullmatch(key) or normalise_rank(key) in RANKS
    return "" if is_other else key


def _place(item: tuple[str, Sequence[DetailColumn]]) -> tuple[int, str]:
    """Authorship, synonyms, common names (English first), ids, extras."""
    return ("authorship", "synonyms", "common", "id", "extra").index(item[1][0].role), item[0]


def _values(columns: Sequence[DetailColumn]) -> Texts:
    of = {node: text for column in columns for node, text in zip(column.node_n.tolist(), column.values)}
    if columns[0].role == "synonyms":
        # In a file a synonym is written with its author behind it, as people do.
        return lambda nodes: [
            BETWEEN.join(map(_synonym, filter(None, of.get(n, "").split(BETWEEN)))) for n in nodes.tolist()
        ]
    return lambda nodes: [of.get(node, "") for node in nodes.tolist()]


def _synonym(written: str) -> str:
    return " ".join(written.split("\t")[:2]).strip()


def _lost(taxonomy: Taxonomy, columns: Sequence[DetailColumn]) -> Iterator[str]:
    without = np.flatnonzero(is_taxon(taxonomy) & (find_rank_order(taxonomy) < 0))
    if len(without):
        ranks = sorted({taxonomy.rank(node) or "none" for node in without.tolist()})
        yield f"{pluralise(len(without), 'clade')} whose rank has no column ({', '.join(ranks)})"
    if bare := sum(1 for _ in _bare_epithets(taxonomy)):
        yield f"the names of {pluralise(bare, 'taxon', 'taxa')} as they are: without their genus, which a table's reader adds"
    if authors := sum(1 for _ in find_authors_in_names(taxonomy)):
        yield f"the names of {pluralise(authors, 'taxon', 'taxa')} as they are: what looks like an author is read as one"
    for column in columns:
        yield f"{len(column.node_n):,} × {column.role} {column.key!r}, which as a column would mean something else"
    for column in as_columns(taxonomy.details).columns:
        if column.role == "synonyms" and (count := sum(map(_is_joined_for_good, _split(column.values)))):
            yield f"where the author begins in {pluralise(count, 'synonym')}"


def _split(values: Sequence[str]) -> Iterator[list[str]]:
    return (synonym.split("\t") for value in values for synonym in value.split(BETWEEN))


def _is_joined_for_good(parts: Sequence[str]) -> bool:
    """Whether name and author of a synonym cannot be told apart again."""
    name, author = parts[0], parts[1] if len(parts) > 1 else ""
    return split_authorship(f"{name} {author}".strip()) != (name, author)


def _bare_epithets(taxonomy: Taxonomy) -> Iterator[int]:
    """Species, and what lies below them, that a reader will put their genus or species in front of."""
    order_N = find_rank_order(taxonomy)
    above_N = find_nearest_above(taxonomy, order_N >= 0)
    genus_N = find_nearest(taxonomy, order_N == ORDER["genus"])
    for node in np.flatnonzero((order_N >= ORDER["species"]) & (above_N > 0)).tolist():
        name, genus = taxonomy.names[node], taxonomy.names[genus_N[node]]
        is_species = order_N[node] == ORDER["species"]
        genera = {genus} if is_species else {genus, taxonomy.names[above_N[node]].partition(" ")[0]}
        starts = [f"{one.casefold()} " for one in genera if one]
        is_whole = name.casefold().startswith(tuple(starts)) or (is_species and (not genus or _WITH_GENUS.match(name)))
        if not is_whole and (is_species or order_N[above_N[node]] >= ORDER["species"]):
            yield node


def _text(cells: Mapping[str, Texts], rows: Ints, delimiter: str) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(cells)
    for nodes in _pieces(rows):
        writer.writerows(zip(*(texts(nodes) for texts in cells.values())))
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _parquet(cells: Mapping[str, Texts], rows: Ints) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    for nodes in _pieces(rows):
        yield pa.table({name: pa.array(texts(nodes), pa.string()) for name, texts in cells.items()})


def _pieces(rows: Ints) -> Iterator[Ints]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
