"""Chooses among the taxa of one taxonomy that have the given name: by code, rank and lineage. Never by guessing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bioclip_x.dataset.names.ranked import Indexed

Hints = frozenset[int]
"""Hashes of the names above a taxon."""


def choose(
    taxonomy: Indexed, nodes: Sequence[int], rank: str = "", code: int = 0, hints: Iterable[int] = (), *, strict: bool
) -> tuple[int, ...]:
    """Returns the nodes that a name may mean: one if it is clear, several if ambiguous, none if all are excluded.

    Excluded are taxa under another nomenclatural code, and with `strict` those of a rank other than the given. Of the rest,
    those of the given rank take precedence, then those whose higher taxa share most names with the given ones, then the
    outermost.
    """
    if code:
        nodes = [node for node in nodes if taxonomy.code_N[node] in (0, code)]
    if rank and nodes:
        nodes = _select_rank(taxonomy, nodes, rank, strict=strict)
    nodes = [node for node in nodes if taxonomy.anchor_N[node]]
    if len(nodes) < 2:
        return tuple(nodes)
    return narrow(taxonomy, nodes, frozenset(hints))


def narrow(taxonomy: Indexed, nodes: Sequence[int], hints: Hints) -> tuple[int, ...]:
    """Keeps the nodes that agree best with the names above, of nested ones the outermost, of one taxon listed twice one."""
    if hints:
        shared = [len(hints & collect_hashes_above(taxonomy, node)) for node in nodes]
        nodes = [node for node, count in zip(nodes, shared) if count == max(shared)]
    outermost = [node for node in nodes if not set(taxonomy.list_path(node)) & set(nodes)]
    return tuple(dict.fromkeys(find_fullest(taxonomy, node) for node in outermost))


def _select_rank(taxonomy: Indexed, nodes: Sequence[int], rank: str, *, strict: bool) -> Sequence[int]:
    ranks = [taxonomy.rank_of(node) for node in nodes]
    for wanted in (rank, ""):
        if wanted in ranks:
            return [node for node, own in zip(nodes, ranks) if own == wanted]
    return [] if strict else nodes


def collect_hashes_above(taxonomy: Indexed, node: int) -> Hints:
    """Returns the hashes of the names of all taxa above a node."""
    return frozenset(taxonomy.hash_N[taxonomy.list_path(node)].tolist())


def find_fullest(taxonomy: Indexed, node: int) -> int:
    """Returns the node that stands for a taxon that a merged tree lists several times, with and without some ranks.

    Of the nodes of the same name, rank and code whose ranks do not contradict those of `node`, it is the one with most ranks;
    `node` itself if they contradict one another.
    """
    if not taxonomy.has_twin_N[node]:
        return node
    level, code = taxonomy.level_N[node], taxonomy.code_N[node]
    twins = [
        one
        for one in taxonomy.accepted.get(int(taxonomy.hash_N[node]))
        if taxonomy.level_N[one] == level and taxonomy.code_N[one] == code
    ]
    alike = [one for one in twins if _are_compatible(taxonomy, node, one)]
    fullest = min(alike, key=lambda one: (-len(taxonomy.list_linnaean(one)), one))
    return fullest if all(_are_compatible(taxonomy, fullest, one) for one in alike) else node


def _are_compatible(taxonomy: Indexed, one: int, other: int) -> bool:
    """Whether no Linnaean rank that both have differs."""
    of_one, of_other = ({int(taxonomy.level_N[n]): n for n in taxonomy.list_linnaean(node)} for node in (one, other))
    return all(taxonomy.hash_N[of_one[level]] == taxonomy.hash_N[of_other[level]] for level in of_one.keys() & of_other)
