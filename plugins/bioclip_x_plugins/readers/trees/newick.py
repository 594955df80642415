"""Newick, the format of phylogenetic trees: `((Parus_major:2.1,'Parus minor':2.1)Parus:9.8,Poecile_palustris);`

Tips are classes. A file says nothing of ranks, so that no node has one, unless `tips=species` gives one to the tips. Inner
nodes keep their labels. Those without are called after their first and last tip ("clade of Parus major … Parus minor"), as
no other clade of the tree is, or are left out with `unnamed=drop`. An inner label that is a number is a support value, and
kept as the extra `support`. Branch lengths and comments are read past.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import NO_DETAILS, Details, Findings, Taxonomy, TaxonomyBuilder, TaxonomyError, read_text
from bioclip_x_plugins.readers.lines import decode_head_text
from bioclip_x_plugins.readers.trees.newick_parser import Nodes, begins_tree, parse_newick

LARGEST: Final = 1 << 29
"""Bytes. A tree of all 2.4 million named species has a fifth of that."""

SUFFIXES: Final = (".nwk", ".newick")


class NewickReader:
    """A tree in brackets. tips: the rank of all tips, none by default. unnamed: what is done with inner nodes without label."""

    def __init__(self, *, tips: str = "", unnamed: Literal["keep", "drop"] = "keep") -> None:
        self.tips, self.unnamed = tips, unnamed

    def sniff(self, path: Path, head: bytes) -> bool:
        return bool(head) and (path.suffix.lower() in SUFFIXES or begins_tree(decode_head_text(head)))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file, line and column: brackets and quotes that do not pair, a tip without name, …"""
        if path.is_file() and path.stat().st_size > LARGEST:
            raise TaxonomyError(f"{path} has more than {LARGEST:,} bytes, which is too large for one tree")
        findings = Findings(str(path))
        nodes = parse_newick(read_text(path, TaxonomyError), findings)
        findings.raise_errors()
        for name, count in Counter(nodes.names[tip] for tip in nodes.tips).items():
            if count > 1:
                findings.warn("repeated tip", f"{count} tips are called {name!r}; each is a class of its own")
        return self._built(nodes, findings)

    def _built(self, nodes: Nodes, findings: Findings) -> Taxonomy:
        builder = TaxonomyBuilder()
        tips = set(nodes.tips)
        made: list[int] = []
        for node, (parent, label, line) in enumerate(zip(nodes.parents, nodes.names, nodes.lines())):
            above = made[parent] if parent >= 0 else 0
            name = label or self._name_of_unnamed(nodes, node)
            if name:
                support = nodes.support.get(node)
                details = Details(extra={"support": support}) if support else NO_DETAILS
                rank = self.tips if node in tips else ""
                above = builder.add(above, rank, name, details, merge=False, line=line)
            made.append(above)
        return builder.build(findings.file, findings=findings)

    def _name_of_unnamed(self, nodes: Nodes, node: int) -> str:
        """ "" for a node that says nothing: the root, and one with a single child."""
        if self.unnamed == "drop" or nodes.parents[node] < 0 or nodes.n_children[node] < 2:
            return ""
        first, last = nodes.ends[node]
        return f"clade of {nodes.names[first]} … {nodes.names[last]}"
