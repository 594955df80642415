"""Describes single nodes, for formats that are lists or trees of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bioclip_x.taxonomy.ancestors import find_taxa_above, list_taxa
from bioclip_x.taxonomy.details import BETWEEN, DetailColumn, as_columns
from bioclip_x.taxonomy.tree import Taxonomy

Attributes = dict[str, Any]


def make_node_describer(taxonomy: Taxonomy) -> Callable[[int], Attributes]:
    """Returns a function node → its attributes by key, without blank ones.

    rank, name, authorship, is_class (of inner nodes, where true, and of inner species), beside, common_names, ids, synonyms, extra.
    """
    inner = set(find_taxa_above(taxonomy)[list_taxa(taxonomy)].tolist())
    classes = taxonomy.class_of_N.tolist()
    beside = set(taxonomy.beside_nodes.tolist())
    cells_of: dict[int, list[tuple[DetailColumn, str]]] = {}
    for column in as_columns(taxonomy.details).columns:
        for node, text in zip(column.node_n.tolist(), column.values):
            cells_of.setdefault(node, []).append((column, text))

    def describe(node: int) -> Attributes:
        attributes: Attributes = {"rank": taxonomy.rank(node)} if taxonomy.rank_N[node] else {}
        attributes["name"] = taxonomy.names[node]
        if node in inner and (classes[node] >= 0 or taxonomy.rank(node) == "species"):
            attributes["is_class"] = classes[node] >= 0
        if node in beside:
            attributes["beside"] = True
        for column, text in cells_of.get(node, ()):
            if column.role == "authorship":
                attributes["authorship"] = text
            elif column.role == "synonyms":
                attributes["synonyms"] = [_describe_synonym(one) for one in text.split(BETWEEN)]
            elif column.role == "common":
                attributes.setdefault("common_names", {})[column.key] = text.split(BETWEEN)
            else:
                attributes.setdefault("ids" if column.role == "id" else "extra", {})[column.key] = text
        return attributes

    return describe


def _describe_synonym(text: str) -> dict[str, str]:
    return {key: part for key, part in zip(("name", "authorship", "rank"), text.split("\t")) if part}
