"""Converts taxonomies from and to networkx graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import networkx as nx

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import TREE_COPIES
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.levels import has_too_many_copies
from bioclip_x.taxonomy.name_usages import SeveralParents, abbreviate_cycle
from bioclip_x.taxonomy.tree import TAXON, Taxonomy


def from_networkx(
    graph: nx.DiGraph[Any], source: str = "a networkx graph", *, several_parents: SeveralParents = "refuse"
) -> Taxonomy:
    """Compiles a forest of edges parent → child.

    Node attributes, all optional: `rank`, `name` (default: the node itself, as text), `common_names`
    (language → names), `ids`, `extra`, `authorship`, `synonyms` (names, or mappings of `name`, `authorship`, `rank`), and
    `is_class` (true marks an inner node as a class, false a species as none; tips are classes anyway), and `beside` (true for
    a label beside the tree, such as blank).
    Nodes are identified by the graph, so that two nodes of one name remain distinct. several_parents: for a node with
    several parents, "first" keeps the first, and "all" copies the node and its subtree under each.

    Raises TaxonomyError for an undirected graph, a cycle, or a node with several parents where these are refused.
    """
    if not graph.is_directed():
        raise TaxonomyError("expected a networkx.DiGraph with edges from parent to child, got an undirected graph")
    several = [node for node, parents in graph.in_degree() if parents > 1]
    if several and several_parents == "refuse":
        names = ", ".join(repr(p) for p in graph.predecessors(several[0]))
        raise TaxonomyError(
            f"{len(several)} node(s) have several parents, first {several[0]!r} ({names}); "
            "several_parents='first' takes the first of them, 'all' puts a copy under each"
        )
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [str(edge[0]) for edge in nx.find_cycle(graph)]
        raise TaxonomyError(f"the graph has a cycle: {abbreviate_cycle(cycle)}")
    order = list(nx.topological_sort(graph))
    if several_parents == "all" and has_too_many_copies(order, graph.predecessors):
        raise TaxonomyError(f"a copy of each node under each of its parents makes more than {TREE_COPIES:,} copies")
    builder = TaxonomyBuilder()
    nodes_of: dict[Any, list[int]] = {}
    for node in order:
        attributes = graph.nodes[node]
        parents = [copy for p in graph.predecessors(node) for copy in nodes_of[p]] or [0]
        rank, name, details = (
            str(attributes.get("rank", "")),
            str(attributes.get("name", node)),
            _make_details(node, attributes),
        )
        if attributes.get("beside"):
            builder.add_beside(name)
            continue
        kept = parents if several_parents == "all" else parents[:1]
        nodes_of[node] = [builder.add(parent, rank, name, details, merge=False) for parent in kept]
        if attributes.get("is_class") is not None:
            for copy in nodes_of[node]:
                builder.mark_class(copy, bool(attributes["is_class"]))
    return builder.build(source)


def _make_details(node: Any, attributes: dict[str, Any]) -> Details:
    if not any(attributes.get(key) for key in ("common_names", "ids", "extra", "authorship", "synonyms")):
        return NO_DETAILS
    for key in ("common_names", "ids", "extra"):
        if not isinstance(attributes.get(key, {}), Mapping):
            wanted = '{"en": "great tit"}' if key == "common_names" else '{"gbif": "9705453"}'
            raise TaxonomyError(f"node {node!r}: {key} must be a mapping such as {wanted}, got {attributes[key]!r}")
    names = {
        language.lower().replace("_", "-"): (names,) if isinstance(names, str) else tuple(names)
        for language, names in attributes.get("common_names", {}).items()
    }
    synonyms = tuple(Synonym(one) if isinstance(one, str) else Synonym(**one) for one in attributes.get("synonyms", ()))
    return Details(
        names,
        dict(attributes.get("ids", {})),
        dict(attributes.get("extra", {})),
        str(attributes.get("authorship", "")),
        synonyms,
    )


def to_networkx(taxonomy: Taxonomy) -> nx.DiGraph[Any]:
    """Returns the taxa, without holes, self leaves and root, as a DiGraph with edges parent → child.

    Nodes are the tree's node numbers, with the attributes that `from_networkx` reads; `from_networkx` compiles the graph
    to an equal tree.
    """
    graph: nx.DiGraph[Any] = nx.DiGraph()
    beside = set(taxonomy.beside_nodes.tolist())
    classes = {taxonomy.owner(int(leaf)) for leaf in taxonomy.leaf_node_C}
    for node in range(1, taxonomy.n_nodes):
        if taxonomy.kind_N[node] != TAXON:
            continue
        details = taxonomy.details.get(node, NO_DETAILS)
        graph.add_node(
            node,
            rank=taxonomy.rank(node),
            name=taxonomy.names[node],
            common_names=dict(details.common_names),
            ids=dict(details.ids),
            extra=dict(details.extra),
            authorship=details.authorship,
            synonyms=[asdict(synonym) for synonym in details.synonyms],
            is_class=node in classes,
            **({"beside": True} if node in beside else {}),
        )
        parent = taxonomy.owner(int(taxonomy.parent_N[node]))
        if parent > 0:
            graph.add_edge(parent, node)
    return graph
