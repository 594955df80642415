"""Newick, the format of phylogenetic trees: `((Parus_major:2.1,'Parus minor':2.1)Parus:9.8,Poecile_palustris);`

Tips are classes. Newick has no ranks; `tips=species` gives one to the tips. Inner nodes keep their labels. Unlabelled ones are
named after their first and last tip ("clade of Parus major … Parus minor"), which is unique in the tree, or left out with
`unnamed=drop`. A numeric inner label is a support value, kept as the extra `support`. Open Tree's numbers in labels
(`Parus_major_ott695547`) are identifiers. Branch lengths and comments are ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    NEWICK_CHARACTERS,
    Findings,
    FormatExample,
    Mismatch,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    read_text,
)
from bioclip_x_plugins.readers.lines import decode_head_text
from bioclip_x_plugins.readers.trees.newick_parser import begins_tree, is_nexus, parse_newick
from bioclip_x_plugins.readers.trees.newick_tree import Unnamed, build_tree

SUFFIXES: Final = (".nwk", ".newick")


class NewickReader:
    """Reads Newick. tips: the rank of all tips, none by default. unnamed: whether to keep inner nodes without a label."""

    capabilities = TaxonomyReaderCapabilities(
        explains_mismatch=True,
        example=FormatExample(
            "tree.nwk", {"tree.nwk": "((Parus_major:2.1,'Parus minor':2.1)Parus:9.8,Poecile_palustris:11.9);\n"}
        ),
    )

    def __init__(self, *, tips: str = "", unnamed: Unnamed = "keep") -> None:
        self.tips, self.unnamed = tips, unnamed

    def sniff(self, path: Path, head: bytes) -> bool:
        text = decode_head_text(head)
        return bool(head) and not is_nexus(text) and (path.suffix.lower() in SUFFIXES or begins_tree(text))

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        text = decode_head_text(head)
        if "((" not in text or "," not in text:
            return None
        return Mismatch(0.5, f"a tree begins with '(', and this file with {text.lstrip()[:30]!r}")

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file, line and column: unbalanced brackets or quotes, a tip without a name, …"""
        findings = Findings(str(path))
        nodes = parse_newick(read_text(path, TaxonomyError, findings.warn_encoding, NEWICK_CHARACTERS), findings)
        return build_tree(nodes, findings, tips=self.tips, unnamed=self.unnamed)
