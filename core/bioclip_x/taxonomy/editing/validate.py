"""Checks a tree for likely mistakes; each warning has its line in the file.

Errors that make a file unusable (cycles, dangling parents) are found by its reader; these checks find properties that a
valid tree may have but that its author should review. They work on the flat arrays, a million nodes in seconds.

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
from bioclip_x.taxonomy.names.spelling import find_faults, has_no_faults
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import HOLE, Taxonomy

MAX_SHOWN: Final = 4
_MAY_HOLD_AUTHOR: Final = re.compile(r" (?:\W{0,20}[^\W\d_a-zß-öø-ÿ]|\S{0,100}\d)|[,&]")


class Finding(NamedTuple):
    kind: str
    node: int
    message: str


def check(taxonomy: Taxonomy) -> list[Problem]:
    """Returns all warnings of a tree, by check and then in tree order; their `file` is the tree's source."""
    line_N = taxonomy.line_N
    return [
        Problem(
            finding.kind,
            finding.message,
            taxonomy.source,
            0 if line_N is None else int(line_N[finding.node]),
            unit=taxonomy.line_unit,
        )
        for find in CHECKS
        for finding in find(taxonomy)
    ]


def find_several_roots(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Top-level taxa of several ranks, or several unranked ones. Several kingdoms (or families) are common and fine."""
    above_N = find_taxa_above(taxonomy)
    tops = np.setdiff1d(np.flatnonzero(is_taxon(taxonomy) & (above_N == 0)), taxonomy.beside_nodes).tolist()
    ranks = {taxonomy.rank(top) for top in tops}
    is_flat = not above_N[is_taxon(taxonomy)].any()
    if len(tops) > 1 and not is_flat and (len(ranks) > 1 or ranks == {""}):
        shown = _join_some(tops, lambda top: _format_taxon(taxonomy, top), ", ")
        message = f"{len(tops):,} taxa have no parent and are not all of one rank: {shown}"
        yield Finding("several roots", tops[1], message)


def find_rank_order_faults(taxonomy: Taxonomy) -> Iterator[Finding]:
    """A rank that repeats on a path, or is below a lower rank. Such ranks get no entry in `Taxonomy.rank_tables`."""
    order_N = find_rank_order(taxonomy)
    above_N = find_nearest_above(taxonomy, order_N >= 0)
    conflicting = np.flatnonzero((order_N >= 0) & (above_N > 0) & (order_N[above_N] >= order_N))
    for node, above in zip(conflicting.tolist(), above_N[conflicting].tolist()):
        message = (
            f"{_format_taxon(taxonomy, node)} is below {_format_taxon(taxonomy, above)}: {format_path(taxonomy, node)}"
        )
        yield Finding("rank order", node, message)


def find_duplicates(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Siblings with the same rank and name, and siblings that differ only in letter case."""
    above_N, rank_N = find_taxa_above(taxonomy).tolist(), taxonomy.rank_N.tolist()
    first: dict[tuple[int, int, str], int] = {}
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        other = first.setdefault((above_N[node], rank_N[node], name.casefold()), node)
        if other == node:
            continue
        if taxonomy.names[other] == name:
            message = f"{_format_taxon(taxonomy, node)} is twice below one taxon: {format_path(taxonomy, other)}"
            yield Finding("duplicate", node, message)
        else:
            message = f"{name!r} and {taxonomy.names[other]!r} are siblings and differ only in letter case"
            yield Finding("spelling", node, message)


def find_homonyms(taxonomy: Taxonomy) -> Iterator[Finding]:
    """One name in different places. Nested taxa (a genus and its subgenus of the same name) are not homonyms."""
    above_N = find_taxa_above(taxonomy)
    for name, nodes in _group_by_name(taxonomy).items():
        homonyms: list[int] = []
        places: set[tuple[int, int]] = set()
        for node in nodes:  # in depth-first order, nodes below a homonym directly follow it
            is_below = homonyms and taxonomy.leaf_start_N[node] < taxonomy.leaf_stop_N[homonyms[-1]]
            place = int(above_N[node]), int(taxonomy.rank_N[node])
            if not is_below and place not in places:  # siblings of one rank and name are duplicates
                homonyms.append(node)
            places.add(place)
        if len(homonyms) > 1:
            shown = _join_some(homonyms, lambda node: format_path(taxonomy, node), "; ")
            consequence = _describe_homonyms(taxonomy, homonyms)
            yield Finding("homonym", homonyms[0], f"{name!r} names {len(homonyms)} taxa{consequence}: {shown}")


def find_same_names_below(taxonomy: Taxonomy) -> Iterator[Finding]:
    """A taxon whose only child has the same name."""
    above_N = find_taxa_above(taxonomy)
    nodes = np.flatnonzero(is_taxon(taxonomy))
    children_N = np.bincount(above_N[nodes], minlength=taxonomy.n_nodes)
    only = nodes[(children_N[above_N[nodes]] == 1) & (above_N[nodes] > 0)]
    for node, above in zip(only.tolist(), above_N[only].tolist()):
        if taxonomy.names[node] == taxonomy.names[above]:
            pair = f"{_format_taxon(taxonomy, node)} is the only child of {_format_taxon(taxonomy, above)}"
            yield Finding("same name below", node, f"{pair}: one of them may be a placeholder")


def find_genus_mismatches(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Species and infraspecific taxa whose first word is not the genus above them."""
    order_N = find_rank_order(taxonomy)
    genera = find_nearest_above(taxonomy, order_N == ORDER["genus"])
    below = np.flatnonzero((order_N >= ORDER["species"]) & (genera > 0))
    for node, genus in zip(below.tolist(), genera[below].tolist()):
        name, genus_name = taxonomy.names[node], taxonomy.names[genus]
        if name.startswith((f"{genus_name} ", f"{genus_name[0]}. ")):
            continue
        if _first_word(name) == _first_word(genus_name):
            continue
        # Viruses and taxa without formal names follow other rules.
        parsed = parse_name(name, taxonomy.rank(node))
        if not parsed.is_placeholder and (parsed.genus or " " not in name):
            yield Finding("genus mismatch", node, f"{_format_taxon(taxonomy, node)} is in the genus {genus_name!r}")


def find_authors_in_names(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Authors within the names of ranked taxa."""
    for node in np.flatnonzero(find_rank_order(taxonomy) >= 0).tolist():
        name = taxonomy.names[node]
        if _MAY_HOLD_AUTHOR.search(name):
            bare, author = split_authorship(name, taxonomy.rank(node))
            if author:
                message = f"{name!r} seems to contain its author: {bare!r} by {author!r}"
                yield Finding("author in name", node, message)


def find_spelling_faults(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Wrong encodings and invisible characters, in names of all kinds."""
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        if not has_no_faults(name):
            yield from (Finding("encoding", node, fault) for fault in find_faults(name))
    for column in as_columns(taxonomy.details).columns:
        for node, text in zip(column.node_n.tolist(), column.values):
            if not has_no_faults(text.replace("\t", " ")):
                where = f"{_format_taxon(taxonomy, node)}, {_describe_column(column)}"
                yield from (
                    Finding("encoding", node, f"{where}: {fault}") for fault in find_faults(text.replace("\t", " "))
                )


def find_missing_ranks(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Ranks that lineages skip, one finding per rank. Ranks below a class at a higher rank do not count as skipped."""
    before_N = np.concatenate([[0], np.cumsum(is_taxon(taxonomy))])
    has_taxa_N = before_N[find_last_below(taxonomy) + 1] > before_N[:-1]
    holes = np.flatnonzero((taxonomy.kind_N == HOLE) & has_taxa_N)
    for index, rank in enumerate(taxonomy.rank_names):
        nodes = holes[taxonomy.rank_N[holes] == index]
        if not len(nodes):
            continue
        classes = int((taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]).sum())
        # In depth-first order, the first taxon below a hole is the next taxon.
        next_taxa = np.flatnonzero(is_taxon(taxonomy))[before_N[nodes]].tolist()
        shown = _join_some(next_taxa, lambda node: format_path(taxonomy, node), "; ")
        count = f"{classes:,} of {pluralise(taxonomy.n_classes, 'class', 'classes')}"
        yield Finding("hole", next_taxa[0], f"{count} have no {rank}: {shown}")


CHECKS: Final[tuple[Callable[[Taxonomy], Iterable[Finding]], ...]] = (
    find_several_roots, find_rank_order_faults, find_duplicates, find_homonyms, find_same_names_below,
    find_genus_mismatches, find_authors_in_names, find_spelling_faults, find_missing_ranks,
)  # fmt: skip


def _format_taxon(taxonomy: Taxonomy, node: int) -> str:
    return f"{taxonomy.rank(node)} {taxonomy.names[node]!r}".lstrip()


def _join_some(nodes: Sequence[int], format_node: Callable[[int], str], separator: str) -> str:
    more = [f"… and {len(nodes) - MAX_SHOWN:,} more"] if len(nodes) > MAX_SHOWN else []
    return separator.join([*map(format_node, nodes[:MAX_SHOWN]), *more])


def _group_by_name(taxonomy: Taxonomy) -> dict[str, list[int]]:
    """Returns name → its taxa, for names of several taxa."""
    first: dict[str, int] = {}
    several: dict[str, list[int]] = {}
    for node in list_taxa(taxonomy):
        name = taxonomy.names[node]
        if (other := first.setdefault(name, node)) != node:
            several.setdefault(name, [other]).append(node)
    return several


def _describe_homonyms(taxonomy: Taxonomy, nodes: Sequence[int]) -> str:
    """Describes whether homonyms are a mistake: under one code of nomenclature, a name at a rank is unique."""
    hint = ", distinguished only by path"
    ranks = {taxonomy.rank(node) for node in nodes}
    if len(ranks) > 1 or ranks == {""}:
        return hint  # without reading the paths: in a phylogeny there may be many long ones
    codes = {
        guess_nomenclatural_code(frozenset(normalise_name(taxonomy.names[n]) for n in taxonomy.path(node)))
        for node in nodes
    }
    return (
        f" under one code ({codes.pop()}), so that some are misplaced" if len(codes) == 1 and "" not in codes else hint
    )


def _first_word(name: str) -> str:
    """Returns the first word in lower case, without a hybrid sign: "× Cuprocyparis" equals "×Cuprocyparis"."""
    return name.lstrip("×† ").partition(" ")[0].casefold()


def _describe_column(column: DetailColumn) -> str:
    descriptions = {"common": f"common name ({column.key})", "id": f"{column.key} id", "extra": f"extra {column.key!r}"}
    return descriptions.get(column.role, column.role)
