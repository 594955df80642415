"""Nodes in JSON or YAML that point at their parents, and graphs as networkx writes them (node-link data).

    [{"id": 9, "name": "Parus", "rank": "genus"}, {"id": 10, "parent_id": 9, "name": "Parus major", "rank": "species"}]

    {"directed": true, "nodes": [{"id": 9, "name": "Parus"}, …], "edges": [{"source": 9, "target": 10}, …]}

In a graph, edges lead from parent to child, or all from child to parent (where one way makes a forest and the other does not);
`links` and `edges` are the same; ends are identifiers or, as networkx 1 wrote them, places in the list of nodes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import (
    Findings,
    NameUsage,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    make_ascii_head,
    read_yaml,
)
from bioclip_x_plugins.readers.lines import is_json_or_yaml
from bioclip_x_plugins.readers.trees.json_node import convert_to_text, iterate_usages, key_of

_PARENT: Final = re.compile(rb"""["']?\b(?:parent[_-]?(?:tax_?)?id|parent)["']?\s*:""", re.IGNORECASE)
_ID: Final = re.compile(rb"""["']?\b(?:tax_?|taxon_?|node_?)?id["']?\s*:""", re.IGNORECASE)
_GRAPH: Final = re.compile(rb"""["'](?:directed|multigraph)["']\s*:""")


class JsonNodesReader:
    """Lists of nodes with parents, and node-link data.

    dag: what becomes of a node with several parents.
    """

    capabilities = TaxonomyReaderCapabilities(several_parents_option="dag")

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        if not is_json_or_yaml(path, head):
            return False
        head = make_ascii_head(head)
        return bool(_GRAPH.search(head) or (_PARENT.search(head) and _ID.search(head)))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError naming the node, by its place in the list."""
        nodes, links = _nodes_and_links(read_yaml(path, TaxonomyError), path)
        findings = Findings(str(path), unit="node")
        try:
            parents = _parents(nodes, links, path) if links is not None else None
        except ValueError as problem:
            raise TaxonomyError(f"{path}: {problem} as an id") from problem
        usages = list(_usages(nodes, parents, findings))
        return from_usages(usages, findings, source=str(path), several_parents=self.dag)


def _nodes_and_links(document: Any, path: Path) -> tuple[list[Any], list[Any] | None]:
    """The nodes, and the links of a graph (None for nodes that name their parents)."""
    links = None
    if isinstance(document, dict):
        nodes = next(
            (document[key] for key in ("nodes", "taxa", "taxonomy") if isinstance(document.get(key), list)), None
        )
        found = [document[key] for key in ("edges", "links") if isinstance(document.get(key), list)]
        links = found[0] if found else ([] if "directed" in document else None)
        if document.get("directed") is False:
            raise TaxonomyError(
                f"{path}: the graph is undirected; expected edges from parent to child (directed: true)"
            )
    else:
        nodes = document
    if not isinstance(nodes, list) or not nodes:
        raise TaxonomyError(
            f"{path}: expected a list of nodes with 'id', 'name' and 'parent_id', or a graph's 'nodes' and 'edges'"
        )
    return nodes, links


def _usages(nodes: Sequence[Any], parents: Sequence[Sequence[str]] | None, findings: Findings) -> Iterator[NameUsage]:
    for place, node in enumerate(nodes):
        if not isinstance(node, dict):
            findings.error(
                "no node", f"expected a node, a mapping with 'id' and 'name', got {str(node)[:60]!r}", place + 1
            )
            continue
        try:
            yield from iterate_usages(node, place + 1, parents[place] if parents is not None else None)
        except ValueError as problem:
            findings.error("node", str(problem), place + 1)


def _parents(nodes: Sequence[Any], links: Sequence[Any], path: Path) -> list[list[str]]:
    """The parents of each node. Raises TaxonomyError for a link that leads nowhere."""
    ids = [convert_to_text(key_of(node, "id")) if isinstance(node, dict) else "" for node in nodes]
    ends = [_ends(link, number, path) for number, link in enumerate(links, start=1)]
    known = set(ids)
    if any(convert_to_text(end) not in known for pair in ends for end in pair):
        ends = [(_at(pair[0], ids, n, path), _at(pair[1], ids, n, path)) for n, pair in enumerate(ends, start=1)]
    pairs = [(convert_to_text(source), convert_to_text(target)) for source, target in ends]
    if _is_upside_down(pairs):
        pairs = [(target, source) for source, target in pairs]
    above: dict[str, list[str]] = {}
    for parent, child in pairs:
        above.setdefault(child, []).append(parent)
    return [above.get(id, []) for id in ids]


def _ends(link: Any, number: int, path: Path) -> tuple[Any, Any]:
    if isinstance(link, Mapping) and "source" in link and "target" in link:
        return link["source"], link["target"]
    if isinstance(link, list) and len(link) >= 2:
        return link[0], link[1]
    raise TaxonomyError(f"{path}, edge {number}: expected 'source' and 'target', got {str(link)[:60]!r}")


def _at(end: Any, ids: Sequence[str], number: int, path: Path) -> str:
    """The node at a place of the list, as networkx 1 named the ends of its links."""
    if isinstance(end, int) and not isinstance(end, bool) and 0 <= end < len(ids):
        return ids[end]
    raise TaxonomyError(f"{path}, edge {number}: no node has the id {end!r}")


def _is_upside_down(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether links lead from child to parent: that way each child has one parent, the other way some have several."""
    incoming = Counter(target for _, target in pairs)
    outgoing = Counter(source for source, _ in pairs)
    return max(incoming.values(), default=0) > 1 and max(outgoing.values(), default=0) == 1
