"""NEXUS (https://doi.org/10.1093/sysbio/46.4.590), as phylogenies are published: the tree of a block TREES.

    #NEXUS
    BEGIN TREES;
      TRANSLATE 1 Parus_major, 2 Parus_minor, 3 Poecile_palustris;
      TREE consensus = [&R] ((1:2.1,2:2.1)Parus:9.8,3:11.9);
    END;

Of several trees the first is read, with a warning, or the one named by `tree=NAME`. A file without trees is the list of taxa of
its block TAXA.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bioclip_x.plugin import (
    NEWICK_CHARACTERS,
    Findings,
    FormatExample,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    list_some,
    read_text,
)
from bioclip_x_plugins.readers.lines import decode_head_text
from bioclip_x_plugins.readers.trees.newick_parser import is_nexus, parse_newick
from bioclip_x_plugins.readers.trees.newick_tree import Unnamed, build_tree
from bioclip_x_plugins.readers.trees.nexus_commands import (
    Command,
    Tree,
    find_commands,
    split_translation,
    split_tree,
    split_words,
)
from bioclip_x_plugins.readers.trees.open_tree_labels import parse_label


class NexusReader:
    """Reads NEXUS. tree: the name of the tree, the first by default. tips, unnamed: as for Newick."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "tree.nex",
            {
                "tree.nex": "#NEXUS\nBEGIN TREES;\n  TRANSLATE 1 Parus_major, 2 Parus_minor, 3 Poecile_palustris;\n"
                "  TREE consensus = [&R] ((1:2.1,2:2.1)Parus:9.8,3:11.9);\nEND;\n"
            },
        )
    )

    def __init__(self, *, tree: str = "", tips: str = "", unnamed: Unnamed = "keep") -> None:
        self.tree, self.tips, self.unnamed = tree, tips, unnamed

    def sniff(self, path: Path, head: bytes) -> bool:
        return is_nexus(decode_head_text(head))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file, line and column, as for Newick, and for a file without trees and taxa."""
        findings = Findings(str(path))
        text = read_text(path, TaxonomyError, findings.warn_encoding, NEWICK_CHARACTERS)
        if not is_nexus(text):
            raise TaxonomyError(f"{path}: a NEXUS file begins with #NEXUS, got {text.lstrip()[:30]!r}")
        contents = _read_contents(text)
        if not contents.trees:
            return self._list_taxa(contents, findings)
        tree = self._choose(contents.trees, findings)
        nodes = parse_newick(_pad(text[: tree.start]) + text[tree.start : tree.stop], findings)
        nodes.names = [contents.translation.get(name, name) for name in nodes.names]
        return build_tree(nodes, findings, tips=self.tips, unnamed=self.unnamed)

    def _choose(self, trees: list[Tree], findings: Findings) -> Tree:
        names = [tree.name for tree in trees]
        if self.tree:
            if self.tree not in names:
                raise TaxonomyError(f"{findings.file} has no tree {self.tree!r}; it has {list_some(names)}")
            return trees[names.index(self.tree)]
        if len(trees) > 1:
            findings.warn(
                "several trees",
                f"the first of {len(trees):,} trees, {names[0]!r}, is read; nexus:tree=NAME reads another",
            )
        return trees[0]

    def _list_taxa(self, contents: _Contents, findings: Findings) -> Taxonomy:
        if not contents.taxa:
            raise TaxonomyError(f"{findings.file} has neither a TREE in a block TREES nor TAXLABELS in a block TAXA")
        builder = TaxonomyBuilder()
        for name in dict.fromkeys(contents.taxa):
            label = parse_label(name)
            builder.mark_class(builder.add(0, self.tips, label.name or name))
        return builder.build(findings.file, findings=findings)


@dataclass(slots=True)
class _Contents:
    translation: dict[str, str]
    trees: list[Tree]
    taxa: list[str]


def _read_contents(text: str) -> _Contents:
    contents = _Contents({}, [], [])
    block = ""
    for command in find_commands(text):
        match command.word:
            case "BEGIN":
                block = _name_block(command)
            case "TRANSLATE" if block == "TREES":
                contents.translation |= split_translation(command)
            case "TREE" | "UTREE" if block == "TREES":
                contents.trees += filter(None, [split_tree(command)])
            case "TAXLABELS" if block in ("TAXA", "DATA", "CHARACTERS"):
                contents.taxa += split_words(command)
    return contents


def _name_block(command: Command) -> str:
    return next(iter(split_words(command)), "").upper()


def _pad(text: str) -> str:
    """Returns a blank text that ends at the same line and column, for the places in messages."""
    return "\n" * text.count("\n") + " " * (len(text) - text.rfind("\n") - 1)
