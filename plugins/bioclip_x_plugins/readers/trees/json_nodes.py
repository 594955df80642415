"""Nodes in JSON or YAML that refer to their parents, and graphs in networkx's node-link format.

    [{"id": 9, "name": "Parus", "rank": "genus"}, {"id": 10, "parent_id": 9, "name": "Parus major", "rank": "species"}]

    {"directed": true, "nodes": [{"id": 9, "name": "Parus"}, …], "edges": [{"source": 9, "target": 10}, …]}

Edges lead from parent to child, or all from child to parent if only that makes a forest. `links` is the same as `edges`. Ends of
edges are identifiers or, as in networkx 1, indices into the list of nodes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import (
    Findings,
    FormatExample,
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
from bioclip_x_plugins.readers.trees.json_node import convert_to_text, get_value, make_usages

_PARENT: Final = re.compile(rb"""["']?\b(?:parent[_-]?(?:tax_?)?id|parent)["']?\s*:""", re.IGNORECASE)
_ID: Final = re.compile(rb"""["']?\b(?:tax_?|taxon_?|node_?)?id["']?\s*:""", re.IGNORECASE)
_GRAPH: Final = re.compile(rb"""["'](?:directed|multigraph)["']\s*:""")


class JsonNodesReader:
    """Reads lists of nodes with parents, and node-link data.

    dag: how a node with several parents is handled.
    """

    capabilities = TaxonomyReaderCapabilities(
        several_parents_option="dag",
        example=FormatExample(
            "nodes.json",
            {
                "nodes.json": '[{"id": 9, "name": "Parus", "rank": "genus"},\n'
                ' {"id": 10, "parent_id": 9, "name": "Parus major", "rank": "species", "authorship": "Linnaeus, 1758"}]\n',
            },
        ),
    )

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        if not is_json_or_yaml(path, head):
            return False
        head = make_ascii_head(head)
        return bool(_GRAPH.search(head) or (_PARENT.search(head) and _ID.search(head)))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the number of the node in the list."""
        findings = Findings(str(path), unit="node")
        nodes, links = _split_document(read_yaml(path, TaxonomyError, findings.warn_encoding), path)
        try:
            parents = _find_parents(nodes, links, path) if links is not None else None
        except ValueError as problem:
            raise TaxonomyError(f"{path}: {problem} as an id") from problem
        usages = list(_make_usages(nodes, parents, findings))
        return from_usages(usages, findings, source=str(path), several_parents=self.dag)


def _split_document(document: Any, path: Path) -> tuple[list[Any], list[Any] | None]:
    """Returns the nodes, and the links of a graph (None for nodes that refer to their parents)."""
    links = None
    if isinstance(document, dict):
        nodes = next(
            (document[key] for key in ("nodes", "taxa", "taxonomy") if isinstance(document.get(key), list)), None
        )
        link_lists = [document[key] for key in ("edges", "links") if isinstance(document.get(key), list)]
        links = link_lists[0] if link_lists else ([] if "directed" in document else None)
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


def _make_usages(
    nodes: Sequence[Any], parents: Sequence[Sequence[str]] | None, findings: Findings
) -> Iterator[NameUsage]:
    for index, node in enumerate(nodes):
        if not isinstance(node, dict):
            findings.error(
                "no node", f"expected a node, a mapping with 'id' and 'name', got {str(node)[:60]!r}", index + 1
            )
            continue
        try:
            yield from make_usages(node, index + 1, parents[index] if parents is not None else None)
        except ValueError as problem:
            findings.error("node", str(problem), index + 1)


def _find_parents(nodes: Sequence[Any], links: Sequence[Any], path: Path) -> list[list[str]]:
    """Returns the parents of each node. Raises TaxonomyError for a link to an unknown node."""
    ids = [convert_to_text(get_value(node, "id")) if isinstance(node, dict) else "" for node in nodes]
    ends = [_get_ends(link, number, path) for number, link in enumerate(links, start=1)]
    known = set(ids)
    if any(convert_to_text(end) not in known for pair in ends for end in pair):
        ends = [
            (_get_id_at(pair[0], ids, n, path), _get_id_at(pair[1], ids, n, path))
            for n, pair in enumerate(ends, start=1)
        ]
    pairs = [(convert_to_text(source), convert_to_text(target)) for source, target in ends]
    if _is_upside_down(pairs):
        pairs = [(target, source) for source, target in pairs]
    parents: dict[str, list[str]] = {}
    for parent, child in pairs:
        parents.setdefault(child, []).append(parent)
    return [parents.get(id, []) for id in ids]


def _get_ends(link: Any, number: int, path: Path) -> tuple[Any, Any]:
    if isinstance(link, Mapping) and "source" in link and "target" in link:
        return link["source"], link["target"]
    if isinstance(link, list) and len(link) >= 2:
        return link[0], link[1]
    raise TaxonomyError(f"{path}, edge {number}: expected 'source' and 'target', got {str(link)[:60]!r}")


def _get_id_at(end: Any, ids: Sequence[str], number: int, path: Path) -> str:
    """Returns the id of the node at an index, as networkx 1 identifies the ends of links."""
    if isinstance(end, int) and not isinstance(end, bool) and 0 <= end < len(ids):
        return ids[end]
    raise TaxonomyError(f"{path}, edge {number}: no node has the id {end!r}")


def _is_upside_down(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether links lead from child to parent: only that way does each child have one parent."""
    incoming = Counter(target for _, target in pairs)
    outgoing = Counter(source for source, _ in pairs)
    return max(incoming.values(), default=0) > 1 and max(outgoing.values(), default=0) == 1
