"""Trees as indented text, the form in which the Catalogue of Life's test archives say what is expected of a reader."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bioclip_x.taxonomy import TAXON, Taxonomy


def tree_text(taxonomy: Taxonomy) -> list[str]:
    """A line for each taxon and synonym: `  Parus major Linnaeus, 1758 [species]`, `    =Parus robustus Brehm [species]`."""

    def below(node: int, depth: int) -> Iterator[str]:
        for child in taxonomy.children(node):
            if taxonomy.kind_N[child] != TAXON:
                yield from below(child, depth)
                continue
            taxon = taxonomy.taxon(child)
            yield "  " * depth + _line(taxon.name, taxon.authorship, taxon.rank)
            for synonym in taxon.synonyms:
                yield "  " * (depth + 1) + "=" + _line(synonym.name, synonym.authorship, synonym.rank)
            yield from below(child, depth + 1)

    return list(below(0, 0))


def _line(name: str, authorship: str, rank: str) -> str:
    return f"{name} {authorship}".strip() + f" [{rank or 'unranked'}]"


def places(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    """(taxon or =synonym, what it stands below) → how often: the tree, whatever the order of its children.

    Left out are marks of what a tree here does not show: † extinct, ? provisional, $ basionym, [unassigned], and by whom a
    name is used (sensu …). Spaces between initials and commas before & do not count.
    """
    found: Counter[tuple[str, str]] = Counter()
    path: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        depth, text = (len(line) - len(line.lstrip())) // 2, line.strip()
        mark = "=" if text.startswith("=") else ""
        text = re.sub(r"^=?[$?†]*", "", text).replace("[unassigned] ", "")
        text = re.sub(r" sensu .*(?= \[)", "", text)
        text = re.sub(r"\s*\{\?\}", "", text).replace(", &", " &").replace("’", "'")
        text = " ".join(re.sub(r"\.\s+(?=\S)", ".", text).split())
        path = [*path[:depth], text]
        found[mark + text, path[-2] if len(path) > 1 else ""] += 1
    return found
