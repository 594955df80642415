"""networkx graphs in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import networkx as nx

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.name_usages import MOST_COPIES, SeveralParents
from bioclip_x.taxonomy.tree import TAXON, Taxonomy


def from_networkx(
    graph: nx.DiGraph[Any], source: str = "a networkx graph", *, several_parents: SeveralParents = "refuse"
) -> Taxonomy:
    """Compiles a forest of edges parent → child.

    Node attributes, all optional: `rank`, `name` (default: the node itself, as text), `common_names`
    (language → names), `ids`, `extra`, `authorship`, `synonyms` (names, or mappings of `name`, `authorship`, `rank`), and
    `is_class` (true makes a class of an inner node; tips are classes anyway).
    Node identity is the graph's own, so that two nodes of one name stay apart. several_parents: of a node with several
    parents the "first" is taken, or a copy of it, and of all below, is put under "all" of them.

    Raises TaxonomyError for an undirected graph, a cycle, or a node with several parents where these are refused, naming it.
    """
    if not graph.is_directed():
        raise TaxonomyError("expected a networkx.DiGraph with edges from parent to child, got an undirected graph")
    several = [node for node, parents in graph.in_degree() if parents > 1]
    if several and several_parents == "refuse":
        named = ", ".join(repr(p) for p in graph.predecessors(several[0]))
        raise TaxonomyError(
            f"{len(several)} node(s) have several parents, first {several[0]!r} ({named}); "
            "several_parents='first' takes the first of them, 'all' puts a copy under each"
        )
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " → ".join(str(edge[0]) for edge in nx.find_cycle(graph))
        raise TaxonomyError(f"the graph has a cycle: {cycle}")
    builder = TaxonomyBuilder()
    made: dict[Any, list[int]] = {}
    for node in nx.topological_sort(graph):
        about = graph.nodes[node]
        parents = [place for p in graph.predecessors(node) for place in made[p]] or [0]
        rank, name, details = str(about.get("rank", "")), str(about.get("name", node)), _details(node, about)
        kept = parents if several_parents == "all" else parents[:1]
        made[node] = [builder.add(parent, rank, name, details, merge=False) for parent in kept]
        if len(builder) > MOST_COPIES:
            raise TaxonomyError(f"with copies under each parent there are more than {MOST_COPIES:,} nodes")
        if about.get("is_class"):
            for place in made[node]:
                builder.mark_class(place)
    return builder.build(source)


def _details(node: Any, about: dict[str, Any]) -> Details:
    if not any(about.get(key) for key in ("common_names", "ids", "extra", "authorship", "synonyms")):
        return NO_DETAILS
    for key in ("common_names", "ids", "extra"):
        if not isinstance(about.get(key, {}), Mapping):
            wanted = '{"en": "great tit"}' if key == "common_names" else '{"gbif": "9705453"}'
            raise TaxonomyError(f"node {node!r}: {key} must be a mapping such as {wanted}, got {about[key]!r}")
    names = {
        language.lower().replace("_", "-"): (names,) if isinstance(names, str) else tuple(names)
        for language, names in about.get("common_names", {}).items()
    }
    synonyms = tuple(Synonym(one) if isinstance(one, str) else Synonym(**one) for one in about.get("synonyms", ()))
    return Details(
        names, dict(about.get("ids", {})), dict(about.get("extra", {})), str(about.get("authorship", "")), synonyms
    )


def to_networkx(taxonomy: Taxonomy) -> nx.DiGraph[Any]:
    """The taxa, without holes, self leaves and root, as a DiGraph of edges parent → child.

    Nodes are the tree's own node numbers, with the attributes that `from_networkx` reads; `from_networkx` of it
    compiles to an equal tree.
    """
    graph: nx.DiGraph[Any] = nx.DiGraph()
    classes = {taxonomy.owner(int(leaf)) for leaf in taxonomy.leaf_node_C}
    for node in range(1, taxonomy.n_nodes):
        if taxonomy.kind_N[node] != TAXON:
            continue
        about = taxonomy.details.get(node, NO_DETAILS)
        graph.add_node(
            node,
            rank=taxonomy.rank(node),
            name=taxonomy.names[node],
            common_names=dict(about.common_names),
            ids=dict(about.ids),
            extra=dict(about.extra),
            authorship=about.authorship,
            synonyms=[asdict(synonym) for synonym in about.synonyms],
            is_class=node in classes,
        )
        parent = taxonomy.owner(int(taxonomy.parent_N[node]))
        if parent > 0:
            graph.add_edge(parent, node)
    return graph
