"""What formats that have nodes say of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bioclip_x.taxonomy.ancestors import find_taxa_above, list_taxa
from bioclip_x.taxonomy.details import BETWEEN, DetailColumn, as_columns
from bioclip_x.taxonomy.tree import Taxonomy

About = dict[str, Any]


def make_node_describer(taxonomy: Taxonomy) -> Callable[[int], About]:
    """node → its attributes by key, what is blank left out.

    rank, name, authorship, is_class (only where taxa lie below: tips are classes anyway), common_names, ids, synonyms, extra.
    """
    inner = set(find_taxa_above(taxonomy)[list_taxa(taxonomy)].tolist())
    classes = taxonomy.class_of_N.tolist()
    told: dict[int, list[tuple[DetailColumn, str]]] = {}
    for column in as_columns(taxonomy.details).columns:
        for node, text in zip(column.node_n.tolist(), column.values):
            told.setdefault(node, []).append((column, text))

    def about(node: int) -> About:
        found: About = {"rank": taxonomy.rank(node)} if taxonomy.rank_N[node] else {}
        found["name"] = taxonomy.names[node]
        if node in inner and classes[node] >= 0:
            found["is_class"] = True
        for column, text in told.get(node, ()):
            if column.role == "authorship":
                found["authorship"] = text
            elif column.role == "synonyms":
                found["synonyms"] = [_synonym(one) for one in text.split(BETWEEN)]
            elif column.role == "common":
                found.setdefault("common_names", {})[column.key] = text.split(BETWEEN)
            else:
                found.setdefault("ids" if column.role == "id" else "extra", {})[column.key] = text
        return found

    return about


def _synonym(written: str) -> dict[str, str]:
    return {key: text for key, text in zip(("name", "authorship", "rank"), written.split("\t")) if text}
