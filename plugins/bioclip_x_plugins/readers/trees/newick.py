"""Newick, the format of phylogenetic trees: `((Parus_major:2.1,'Parus minor':2.1)Parus:9.8,Poecile_palustris);`

Tips are classes. Newick has no ranks; `tips=species` gives one to the tips. Inner nodes keep their labels. Unlabelled ones are
named after their first and last tip ("clade of Parus major … Parus minor"), which is unique in the tree, or left out with
`unnamed=drop`. A numeric inner label is a support value, kept as the extra `support`. Branch lengths and comments are ignored.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import NO_DETAILS, Details, Findings, Taxonomy, TaxonomyBuilder, TaxonomyError, read_text
from bioclip_x_plugins.readers.lines import decode_head_text
from bioclip_x_plugins.readers.trees.newick_parser import Nodes, begins_tree, parse_newick

LARGEST: Final = 1 << 29
"""Bytes; five times the size of a tree of all 2.4 million named species."""

SUFFIXES: Final = (".nwk", ".newick")


class NewickReader:
    """Reads Newick. tips: the rank of all tips, none by default. unnamed: whether to keep inner nodes without a label."""

    def __init__(self, *, tips: str = "", unnamed: Literal["keep", "drop"] = "keep") -> None:
        self.tips, self.unnamed = tips, unnamed

    def sniff(self, path: Path, head: bytes) -> bool:
        return bool(head) and (path.suffix.lower() in SUFFIXES or begins_tree(decode_head_text(head)))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file, line and column: unbalanced brackets or quotes, a tip without a name, …"""
        findings = Findings(str(path))
        nodes = parse_newick(read_text(path, TaxonomyError, findings.warn_encoding, LARGEST), findings)
        findings.raise_errors()
        for name, count in Counter(nodes.names[tip] for tip in nodes.tips).items():
            if count > 1:
                findings.warn("repeated tip", f"{count} tips are called {name!r}; each is a separate class")
        return self._build(nodes, findings)

    def _build(self, nodes: Nodes, findings: Findings) -> Taxonomy:
        builder = TaxonomyBuilder()
        tips = set(nodes.tips)
        taxa: list[int] = []
        for node, (parent, label, line) in enumerate(zip(nodes.parents, nodes.names, nodes.lines())):
            taxon = taxa[parent] if parent >= 0 else 0
            name = label or self._make_name(nodes, node)
            if name:
                support = nodes.support.get(node)
                details = Details(extra={"support": support}) if support else NO_DETAILS
                rank = self.tips if node in tips else ""
                taxon = builder.add(taxon, rank, name, details, merge=False, line=line)
            taxa.append(taxon)
        return builder.build(findings.file, findings=findings)

    def _make_name(self, nodes: Nodes, node: int) -> str:
        """Names an unlabelled node; "" for a node without information: the root, and one with a single child."""
        if self.unnamed == "drop" or nodes.parents[node] < 0 or nodes.n_children[node] < 2:
            return ""
        first, last = nodes.ends[node]
        return f"clade of {nodes.names[first]} … {nodes.names[last]}"
