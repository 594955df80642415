"""How close to the list an organism off it is: the lowest rank at which its taxon is listed.

A species whose genus is listed is harder to tell from the listed ones than one of another kingdom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bioclip_x.hooks.components import Dataset
from bioclip_x.hooks.returned import get_name, get_sample, prepare_dataset
from bioclip_x.taxonomy import TAXON, Taxonomy

NOTHING: Final = "nothing"
"""Instead of a rank where not even the uppermost taxon is listed."""

Path = tuple[tuple[str, str], ...]


def read_listed_ranks(dataset: Dataset, whole: Taxonomy, listed: Taxonomy) -> dict[str, str]:
    """Prepares a data set for the whole taxonomy; returns for each image with a taxon there the lowest rank that is listed."""
    prepare_dataset(dataset, whole)
    node_of = {get_name(dataset, index): get_sample(dataset, index).node for index in range(len(dataset))}
    rank_of = find_listed_ranks({node for node in node_of.values() if node >= 0}, whole, listed)
    return {name: rank_of[node] for name, node in node_of.items() if node >= 0}


def find_listed_ranks(nodes: Iterable[int], whole: Taxonomy, listed: Taxonomy) -> Mapping[int, str]:
    """Returns for each node of `whole` the rank of the lowest taxon on its path that `listed` has on the same path."""
    known = {_make_path(listed, node) for node in range(1, listed.n_nodes) if listed.kind_N[node] == TAXON}
    return {node: _find_rank(_make_path(whole, node), known) for node in nodes}


def _find_rank(path: Path, known: set[Path]) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in known:
            return path[length - 1][0] or "no rank"
    return NOTHING


def _make_path(taxonomy: Taxonomy, node: int) -> Path:
    """Returns rank and name of the taxa from the top down to a node, without holes."""
    return tuple((taxonomy.rank(n), taxonomy.names[n]) for n in taxonomy.path(node) if taxonomy.kind_N[n] == TAXON)
