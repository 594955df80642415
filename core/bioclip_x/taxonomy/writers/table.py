"""A table with a column per rank: CSV, TSV or Parquet, as the table reader reads it.

    kingdom,family,genus,species,is_class,authorship,synonyms,common_name,common_name_de,gbif_id
    Animalia,Paridae,,,false,"Vigors, 1825",,tits,Meisen,9327
    Animalia,Paridae,Cyanistes,Cyanistes caeruleus,true,"(Linnaeus, 1758)","Parus caeruleus Linnaeus, 1758",blue tit,,

One row per class, and one per other taxon that has details besides its name, or is a species (is_class false).

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
from bioclip_x.taxonomy.writers.document import CHUNK_SIZE, Document

if TYPE_CHECKING:
    import pyarrow

Texts = Callable[[Ints], list[str]]
"""Returns the cells of one column for some nodes."""

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-(hans|hant|latn|cyrl|arab))?(-([a-z]{2}|[0-9]{3}))?")
_RESERVED: Final = re.compile(
    r"is_class|beside|authorship|synonyms|.*_id|(common|vernacular)[_ ]?names?.*|common|(specific|species)?[_ ]?epithet",
    re.IGNORECASE,
)
"""Column names that the table reader does not read as an extra."""
_STARTS_WITH_GENUS: Final = re.compile(r"(?:[×xX] ?)?(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ-]{2,}|[A-Z]\.) ")
_ALTERNATIVE: Final = "convert to .yaml or .json, which can represent any tree"


def make_document(taxonomy: Taxonomy, delimiter: str = ",") -> Document:
    """delimiter: "" for Parquet. Raises TaxonomyError if a table of ranks cannot represent the classes."""
    _refuse_unsupported(taxonomy)
    columns = as_columns(taxonomy.details).columns
    by_header: dict[str, list[DetailColumn]] = {}
    has_row_N = taxonomy.class_of_N >= 0
    for column in columns:
        if name := _make_header(column):
            by_header.setdefault(name, []).append(column)
            has_row_N[column.node_n] = True
    order_N = find_rank_order(taxonomy)
    has_row_N |= order_N == ORDER["species"]
    has_row_N &= order_N >= 0
    has_row_N[taxonomy.beside_nodes] = True
    cells: dict[str, Texts] = _make_rank_columns(taxonomy)
    if (has_row_N & (taxonomy.class_of_N < 0)).any():
        cells["is_class"] = lambda nodes: ["true" if c >= 0 else "false" for c in taxonomy.class_of_N[nodes].tolist()]
    if taxonomy.n_beside:
        first = int(taxonomy.beside_nodes[0])
        cells["beside"] = lambda nodes: [taxonomy.names[n] if n >= first else "" for n in nodes.tolist()]
    cells |= {name: _make_cells(parts) for name, parts in sorted(by_header.items(), key=_make_sort_key)}
    rows = np.flatnonzero(has_row_N)
    lost = tuple(_describe_losses(taxonomy, [column for column in columns if not _make_header(column)]))
    if not delimiter:
        return Document(lambda: _generate_tables(cells, rows), lost)
    return Document(lambda: _generate_text(cells, rows, delimiter), lost)


def _refuse_unsupported(taxonomy: Taxonomy) -> None:
    """Raises TaxonomyError for classes without a column, and for taxa that a table cannot distinguish."""
    order_N = find_rank_order(taxonomy)
    nodes = np.setdiff1d(np.flatnonzero((taxonomy.class_of_N >= 0) & (order_N < 0)), taxonomy.beside_nodes).tolist()
    if nodes:
        count = f"{len(nodes):,} of {pluralise(taxonomy.n_classes, 'class', 'classes')}"
        ranks = ", ".join(sorted({taxonomy.rank(node) or "none" for node in nodes}))
        raise TaxonomyError(
            f"a table has a column for each rank from {RANKS[0]} to {RANKS[-1]}, and {count} have no such rank (but: {ranks}), "
            f"first {format_path(taxonomy, nodes[0])}; {_ALTERNATIVE}"
        )
    for finding in find_rank_order_faults(taxonomy):
        raise TaxonomyError(f"a table of ranks cannot represent this tree: {finding.message}; {_ALTERNATIVE}")
    above_N = find_nearest_above(taxonomy, order_N >= 0).tolist()
    first: dict[tuple[int, int, str], int] = {}
    for node in np.flatnonzero(order_N >= 0).tolist():
        other = first.setdefault((above_N[node], int(order_N[node]), taxonomy.names[node]), node)
        if other != node:
            both = f"{format_path(taxonomy, other)}; {format_path(taxonomy, node)}"
            raise TaxonomyError(f"a table cannot distinguish these two taxa: {both}; {_ALTERNATIVE}")


def _make_rank_columns(taxonomy: Taxonomy) -> dict[str, Texts]:
    """Makes a column for each rank in use, from the top down."""
    is_a_taxon = is_taxon(taxonomy)

    def column(rank: str) -> Texts:
        at_N = find_nearest(taxonomy, is_a_taxon & (taxonomy.rank_N == taxonomy.rank_names.index(rank))).astype(
            np.int32
        )
        return lambda nodes: [taxonomy.names[at] for at in at_N[nodes].tolist()]  # the root's name is ""

    used = {taxonomy.rank_names[i] for i in np.unique(taxonomy.rank_N[is_a_taxon]).tolist()}
    return {rank: column(rank) for rank in RANKS if rank in used}


def _make_header(column: DetailColumn) -> str:
    """Returns the column's name in the table; "" if a reader would interpret it as something else."""
    if column.role in ("authorship", "synonyms"):
        return column.role
    if column.role == "id":
        return f"{column.key}_id"
    if column.role == "common":
        if column.key == "en":
            return "common_name"
        return f"common_name_{column.key}" if _LANGUAGE.fullmatch(column.key) else ""
    key = column.key.strip()
    is_reserved = not key or _RESERVED.fullmatch(key) or normalise_rank(key) in RANKS
    return "" if is_reserved else key


def _make_sort_key(item: tuple[str, Sequence[DetailColumn]]) -> tuple[int, str]:
    """Orders the columns: authorship, synonyms, common names (English first), ids, extras."""
    return ("authorship", "synonyms", "common", "id", "extra").index(item[1][0].role), item[0]


def _make_cells(columns: Sequence[DetailColumn]) -> Texts:
    text_of = {node: text for column in columns for node, text in zip(column.node_n.tolist(), column.values)}
    if columns[0].role == "synonyms":
        return lambda nodes: [
            BETWEEN.join(map(_format_synonym, filter(None, text_of.get(n, "").split(BETWEEN)))) for n in nodes.tolist()
        ]
    return lambda nodes: [text_of.get(node, "") for node in nodes.tolist()]


def _format_synonym(text: str) -> str:
    """Joins a synonym's name and author with a space."""
    return " ".join(text.split("\t")[:2]).strip()


def _describe_losses(taxonomy: Taxonomy, columns: Sequence[DetailColumn]) -> Iterator[str]:
    without = np.setdiff1d(np.flatnonzero(is_taxon(taxonomy) & (find_rank_order(taxonomy) < 0)), taxonomy.beside_nodes)
    if len(without):
        ranks = sorted({taxonomy.rank(node) or "none" for node in without.tolist()})
        yield f"{pluralise(len(without), 'clade')} whose rank has no column ({', '.join(ranks)})"
    if bare := sum(1 for _ in _find_bare_epithets(taxonomy)):
        yield f"the exact names of {pluralise(bare, 'taxon', 'taxa')} without their genus, which the table reader prepends"
    if authors := sum(1 for _ in find_authors_in_names(taxonomy)):
        yield f"the exact names of {pluralise(authors, 'taxon', 'taxa')} that seem to contain an author, which is split off"
    for column in columns:
        yield f"{len(column.node_n):,} × {column.role} {column.key!r}, whose column name would be read as something else"
    for column in as_columns(taxonomy.details).columns:
        if column.role == "synonyms" and (count := sum(map(_is_split_lost, _split_synonyms(column.values)))):
            yield f"where the author begins in {pluralise(count, 'synonym')}"


def _split_synonyms(values: Sequence[str]) -> Iterator[list[str]]:
    return (synonym.split("\t") for value in values for synonym in value.split(BETWEEN))


def _is_split_lost(parts: Sequence[str]) -> bool:
    """Whether a synonym's name and author, once joined, cannot be split again."""
    name, author = parts[0], parts[1] if len(parts) > 1 else ""
    return split_authorship(f"{name} {author}".strip()) != (name, author)


def _find_bare_epithets(taxonomy: Taxonomy) -> Iterator[int]:
    """Yields species and infraspecific taxa to whose names a reader will prepend the genus or species."""
    order_N = find_rank_order(taxonomy)
    above_N = find_nearest_above(taxonomy, order_N >= 0)
    genus_N = find_nearest(taxonomy, order_N == ORDER["genus"])
    for node in np.flatnonzero((order_N >= ORDER["species"]) & (above_N > 0)).tolist():
        name, genus = taxonomy.names[node], taxonomy.names[genus_N[node]]
        is_species = order_N[node] == ORDER["species"]
        genera = {genus} if is_species else {genus, taxonomy.names[above_N[node]].partition(" ")[0]}
        starts = [f"{one.casefold()} " for one in genera if one]
        is_whole = name.casefold().startswith(tuple(starts)) or (
            is_species and (not genus or _STARTS_WITH_GENUS.match(name))
        )
        if not is_whole and (is_species or order_N[above_N[node]] >= ORDER["species"]):
            yield node


def _generate_text(cells: Mapping[str, Texts], rows: Ints, delimiter: str) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(cells)
    for nodes in _split_into_chunks(rows):
        writer.writerows(zip(*(texts(nodes) for texts in cells.values())))
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _generate_tables(cells: Mapping[str, Texts], rows: Ints) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    for nodes in _split_into_chunks(rows):
        yield pa.table({name: pa.array(texts(nodes), pa.string()) for name, texts in cells.items()})


def _split_into_chunks(rows: Ints) -> Iterator[Ints]:
    return (rows[start : start + CHUNK_SIZE] for start in range(0, len(rows), CHUNK_SIZE))
