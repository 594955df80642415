"""What is odd in a tree that could be read: warnings, each with the line of its file.

What makes a file unusable (cycles, dangling parents) its reader finds; here are the things that a tree may have, and that
a careful author would look at. Pure functions over the flat arrays, for a million nodes in seconds.

Legend: N nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from bioclip_x.messages import pluralise
from bioclip_x.records.problem import Problem
from bioclip_x.taxonomy.ancestors import (  # fmt: skip
    find_last_below,
    find_nearest_above,
    find_rank_order,
    find_taxa_above,
    format_path,
    is_taxon,
    list_taxa,
)
from bioclip_x.taxonomy.details import DetailColumn, as_columns
from bioclip_x.taxonomy.names.nomenclature import guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import normalise_name
from bioclip_x.taxonomy.names.parsing import parse_name, split_authorship
from bioclip_x.taxonomy.names.spelling import find_oddities, is_surely_fine
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import HOLE, Taxonomy

PATHS_TOLD: Final = 4
_MAY_HOLD_AUTHOR: Final = re.compile(r" (?:\W*[^\W\d_a-zß-öø-ÿ]|\S*\d)|[,&]")


class Finding(NamedTuple):
    kind: str
    node: int
    message: str


def check(taxonomy: Taxonomy) -> list[Problem]:
    """All warnings of a tree, by check and then in its own order; `file` is the tree's source."""
    line_N = taxonomy.line_N
    return [
        Problem(
            found.kind,
            found.message,
            taxonomy.source,
            0 if line_N is None else int(line_N[found.node]),
            unit=taxonomy.line_unit,
        )
        for find in CHECKS
        for found in find(taxonomy)
    ]


def find_several_roots(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Tops of several ranks, or unranked clades side by side. Kingdoms, or families, side by side are a usual list."""
    above_N = find_taxa_above(taxonomy)
    tops = np.flatnonzero(is_taxon(taxonomy) & (above_N == 0)).tolist()
    ranks = {taxonomy.rank(top) for top in tops}
    is_flat = not above_N[is_taxon(taxonomy)].any()
    if len(tops) > 1 and not is_flat and (len(ranks) > 1 or ranks == {""}):
        told = _some(tops, lambda top: _named(taxonomy, top), ", ")
        message = f"{len(tops):,} taxa have nothing above them, and are not all of one rank: {told}"
        yield Finding("several roots", tops[1], message)


def find_rank_order_faults(taxonomy: Taxonomy) -> Iterator[Finding]:
    """A rank that repeats on a path, or stands below a lower one. Such ranks get no table of shares."""
    order_N = find_rank_order(taxonomy)
    above_N = find_nearest_above(taxonomy, order_N >= 0)
    unruly = np.flatnonzero((order_N >= 0) & (above_N > 0) & (order_N[above_N] >= order_N))
    for node, above in zip(unruly.tolist(), above_N[unruly].tolist()):
        message = f"{_named(taxonomy, node)} stands below {_named(taxonomy, above)}: {format_path(taxonomy, node)}"
        yield Finding("rank order", node, message)


def find_duplicates(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Siblings of one rank and name, which nothing tells apart; and siblings that differ in letter case only."""
    above_N, rank_N = find_taxa_above(taxonomy).tolist(), taxonomy.rank_N.tolist()
    first: dict[tuple[int, int, str], int] = {}
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        other = first.setdefault((above_N[node], rank_N[node], name.casefold()), node)
        if other == node:
            continue
        if taxonomy.names[other] == name:
            message = f"{_named(taxonomy, node)} stands twice below one taxon: {format_path(taxonomy, other)}"
            yield Finding("duplicate", node, message)
        else:
            message = f"{name!r} and {taxonomy.names[other]!r} are siblings and differ in letter case only"
            yield Finding("spelling", node, message)


def find_homonyms(taxonomy: Taxonomy) -> Iterator[Finding]:
    """One name in different places. What nests (a genus and its subgenus of the same name) is none."""
    above_N = find_taxa_above(taxonomy)
    for name, nodes in _same_names(taxonomy).items():
        apart: list[int] = []
        places: set[tuple[int, int]] = set()
        for node in nodes:  # depth first: what lies below one of them comes right after it
            is_below = apart and taxonomy.leaf_start_N[node] < taxonomy.leaf_stop_N[apart[-1]]
            place = int(above_N[node]), int(taxonomy.rank_N[node])
            if not is_below and place not in places:  # siblings of one rank and name are duplicates
                apart.append(node)
            places.add(place)
        if len(apart) > 1:
            told = _some(apart, lambda node: format_path(taxonomy, node), "; ")
            yield Finding("homonym", apart[0], f"{name!r} names {len(apart)} taxa{_advice(taxonomy, apart)}: {told}")


def find_same_names_below(taxonomy: Taxonomy) -> Iterator[Finding]:
    """A taxon whose only child has its own name."""
    above_N = find_taxa_above(taxonomy)
    nodes = np.flatnonzero(is_taxon(taxonomy))
    children_N = np.bincount(above_N[nodes], minlength=taxonomy.n_nodes)
    only = nodes[(children_N[above_N[nodes]] == 1) & (above_N[nodes] > 0)]
    for node, above in zip(only.tolist(), above_N[only].tolist()):
        if taxonomy.names[node] == taxonomy.names[above]:
            told = f"{_named(taxonomy, node)} is the only child of {_named(taxonomy, above)}"
            yield Finding("same name below", node, f"{told}: one of them may be a placeholder")


def find_genus_mismatches(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Species, and what lies below them, whose first word is not the genus they stand in."""
    order_N = find_rank_order(taxonomy)
    genera = find_nearest_above(taxonomy, order_N == ORDER["genus"])
    below = np.flatnonzero((order_N >= ORDER["species"]) & (genera > 0))
    for node, genus in zip(below.tolist(), genera[below].tolist()):
        name, genus_name = taxonomy.names[node], taxonomy.names[genus]
        if name.startswith((f"{genus_name} ", f"{genus_name[0]}. ")):
            continue
        if _first_word(name) == _first_word(genus_name):
            continue
        # Viruses, and what has no name yet, are under other rules.
        parsed = parse_name(name, taxonomy.rank(node))
        if not parsed.is_placeholder and (parsed.genus or " " not in name):
            yield Finding("genus mismatch", node, f"{_named(taxonomy, node)} stands in the genus {genus_name!r}")


def find_authors_in_names(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Authors that were left in names of ranked taxa."""
    for node in np.flatnonzero(find_rank_order(taxonomy) >= 0).tolist():
        name = taxonomy.names[node]
        if _MAY_HOLD_AUTHOR.search(name):
            bare, author = split_authorship(name, taxonomy.rank(node))
            if author:
                message = f"{name!r} seems to hold its author: {bare!r} by {author!r}"
                yield Finding("author in name", node, message)


def find_spelling_faults(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Wrong encodings and invisible characters, in names of all kinds."""
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        if not is_surely_fine(name):
            yield from (Finding("encoding", node, told) for told in find_oddities(name))
    for column in as_columns(taxonomy.details).columns:
        for node, text in zip(column.node_n.tolist(), column.values):
            if not is_surely_fine(text.replace("\t", " ")):
                what = f"{_named(taxonomy, node)}, {_what(column)}"
                yield from (
                    Finding("encoding", node, f"{what}: {told}") for told in find_oddities(text.replace("\t", " "))
                )


def find_missing_ranks(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Ranks that lineages lack, a finding for each rank. Ranks below a class that ends higher up are not lacking."""
    before_N = np.concatenate([[0], np.cumsum(is_taxon(taxonomy))])
    has_taxa_N = before_N[find_last_below(taxonomy) + 1] > before_N[:-1]
    lacking = np.flatnonzero((taxonomy.kind_N == HOLE) & has_taxa_N)
    for index, rank in enumerate(taxonomy.rank_names):
        nodes = lacking[taxonomy.rank_N[lacking] == index]
        if not len(nodes):
            continue
        classes = int((taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]).sum())
        # The first taxon below each hole is the next one, depth first.
        next_taxa = np.flatnonzero(is_taxon(taxonomy))[before_N[nodes]].tolist()
        told = _some(next_taxa, lambda node: format_path(taxonomy, node), "; ")
        share = f"{classes:,} of {pluralise(taxonomy.n_classes, 'class', 'classes')}"
        yield Finding("hole", next_taxa[0], f"{share} stand in no {rank}: {told}")


CHECKS: Final[tuple[Callable[[Taxonomy], Iterable[Finding]], ...]] = (
    find_several_roots, find_rank_order_faults, find_duplicates, find_homonyms, find_same_names_below,
    find_genus_mismatches, find_authors_in_names, find_spelling_faults, find_missing_ranks,
)  # fmt: skip


def _named(taxonomy: Taxonomy, node: int) -> str:
    return f"{taxonomy.rank(node)} {taxonomy.names[node]!r}".lstrip()


def _some(nodes: Sequence[int], told: Callable[[int], str], separator: str) -> str:
    more = [f"… and {len(nodes) - PATHS_TOLD:,} more"] if len(nodes) > PATHS_TOLD else []
    return separator.join([*map(told, nodes[:PATHS_TOLD]), *more])


def _same_names(taxonomy: Taxonomy) -> dict[str, list[int]]:
    """Name → its taxa, for names that several have."""
    first: dict[str, int] = {}
    several: dict[str, list[int]] = {}
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        if (other := first.setdefault(name, node)) != node:
            several.setdefault(name, [other]).append(node)
    return several


def _advice(taxonomy: Taxonomy, nodes: Sequence[int]) -> str:
    """Under one code of nomenclature a genus, or a species in it, is named once."""
    told = ", to be told apart by path"
    ranks = {taxonomy.rank(node) for node in nodes}
    if len(ranks) > 1 or ranks == {""}:
        return told  # and no path is looked at: in a phylogeny there may be many, and long ones
    codes = {
        guess_nomenclatural_code(frozenset(normalise_name(taxonomy.names[n]) for n in taxonomy.path(node)))
        for node in nodes
    }
    return (
        f" under one code ({codes.pop()}), so that some are misplaced" if len(codes) == 1 and "" not in codes else told
    )


def _first_word(name: str) -> str:
    """Without a hybrid's sign and in lower case: "× Cuprocyparis" and "×Cuprocyparis" are one."""
    return name.lstrip("×† ").partition(" ")[0].casefold()


def _what(column: DetailColumn) -> str:
    own = {"common": f"common name ({column.key})", "id": f"{column.key} id", "extra": f"extra {column.key!r}"}
    return own.get(column.role, column.role)
