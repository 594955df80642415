"""Builds a tree from the nodes of a parsed Newick text. Shared by the readers of Newick and NEXUS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from bioclip_x.plugin import NO_DETAILS, Details, Findings, Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.readers.trees.newick_parser import Nodes
from bioclip_x_plugins.readers.trees.open_tree_labels import Label, parse_label

Unnamed = Literal["keep", "drop"]


def build_tree(nodes: Nodes, findings: Findings, *, tips: str = "", unnamed: Unnamed = "keep") -> Taxonomy:
    """Builds a tree in which the tips are the classes.

    tips: the rank of all tips. unnamed: whether to keep inner nodes without a name. Raises TaxonomyError if `findings` has
    errors; several tips of one name are a warning.
    """
    findings.raise_errors()
    labels = [parse_label(name) for name in nodes.names]
    for tip in nodes.tips:
        if not labels[tip].name:  # a class needs a name
            labels[tip] = Label(nodes.names[tip], labels[tip].ids)
    for name, count in Counter(labels[tip].name for tip in nodes.tips).items():
        if count > 1:
            findings.warn("repeated tip", f"{count} tips are called {name!r}; each is a separate class")
    builder = TaxonomyBuilder()
    is_tip = set(nodes.tips)
    taxa: list[int] = []
    for node, (parent, label, line) in enumerate(zip(nodes.parents, labels, nodes.lines())):
        taxon = taxa[parent] if parent >= 0 else 0
        name = label.name or ("" if unnamed == "drop" else _make_name(nodes, node, labels))
        if name:
            rank = tips if node in is_tip else ""
            taxon = builder.add(taxon, rank, name, _make_details(nodes, node, label), merge=False, line=line)
        taxa.append(taxon)
    return builder.build(findings.file, findings=findings)


def _make_name(nodes: Nodes, node: int, labels: Sequence[Label]) -> str:
    """Names an unlabelled node; "" for a node without information: the root, and one with a single child."""
    if nodes.parents[node] < 0 or nodes.n_children[node] < 2:
        return ""
    first, last = nodes.ends[node]
    return f"clade of {labels[first].name} … {labels[last].name}"


def _make_details(nodes: Nodes, node: int, label: Label) -> Details:
    support = nodes.support.get(node)
    if not (support or label.ids):
        return NO_DETAILS
    return Details(ids=label.ids, extra={"support": support} if support else {})
