"""BioCLIP's lists of names, which go with the embeddings that its authors publish (txt_emb_….json).

    [[["Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "auratus"], "Goldfish"], …]

Seven ranks from kingdom to epithet, "" for one that the lineage lacks, and a common name or "". A species is its genus
and epithet; the few whose last rank is a whole binomial already (an older combination, as a rule) stay what they are.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.errors import TaxonomyError
from bioclip_x.files import read_text
from bioclip_x.taxonomy import LINNAEAN, Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.tree import NO_DETAILS
from bioclip_x_plugins.readers.lineages import whole_species

_BEGINNING = re.compile(rb'\s*\[\s*\[\s*\[\s*"')
_BETWEEN = re.compile(r"[\s,]*")


class TreeOfLifeReader:
    """BioCLIP's own name lists (JSON). The tree keeps the class of each row, since embeddings go with them row by row."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() == ".json" and _BEGINNING.match(head) is not None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and row. A lineage listed twice is one class with two rows, which is noted."""
        with _collecting_nothing():
            return _read(path)


def _read(path: Path) -> Taxonomy:
    builder = TaxonomyBuilder()
    rows: list[int] = []
    twice: list[str] = []
    above: list[tuple[str, str]] = []
    nodes = [0]
    for number, entry in enumerate(_entries(path), start=1):
        lineage, common = _lineage(path, number, entry)
        # The lists are sorted: what a row shares with the one before need not be looked up again.
        shared = _shared(lineage, above)
        del nodes[shared + 1 :]
        for rank, name in lineage[shared:-1]:
            nodes.append(builder.add(nodes[-1], rank, name))
        details = Details({"en": (common,)}) if common else NO_DETAILS
        nodes.append(builder.add(nodes[-1], *lineage[-1], details))
        if builder.is_class(nodes[-1]):
            twice.append(lineage[-1][1])
        builder.mark_class(nodes[-1])
        rows.append(nodes[-1])
        above = lineage
    if not rows:
        raise TaxonomyError(f"{path} holds no taxon")
    notes = [f"{len(twice)} lineages are listed twice and are one class each, first: {twice[0]}"] if twice else []
    return builder.build(str(path), notes, rows)


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """A million small objects without a cycle among them: looking for cycles takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _entries(path: Path) -> Iterator[Any]:
    """The entries one by one, so that never all of a large list stand in memory as Python objects."""
    text = read_text(path, TaxonomyError)
    decode = json.JSONDecoder().raw_decode
    place = _skip(text, 0)
    if not text.startswith("[", place):
        raise TaxonomyError(f"{path}: expected a list of [[kingdom, …, epithet], common name], got {text[:40]!r}")
    place = _skip(text, place + 1)
    while not text.startswith("]", place):
        try:
            entry, place = decode(text, place)
        except (ValueError, RecursionError) as problem:
            line = text.count("\n", 0, place) + 1
            cut = "; is the file cut short?" if place >= len(text) - 1 else ""
            raise TaxonomyError(f"{path}, line {line}: not valid JSON: {problem}{cut}") from None
        yield entry
        place = _skip(text, place)
    if _skip(text, place + 1) < len(text):
        raise TaxonomyError(f"{path}, line {text.count(chr(10), 0, place) + 1}: expected nothing after the list's end")


def _skip(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _lineage(path: Path, number: int, entry: Any) -> tuple[list[tuple[str, str]], str]:
    """Named ranks from the top down, the species with its genus, and the common name."""
    match entry:
        case [[_, _, _, _, _, _, _] as names, str(common)] if all(isinstance(name, str) for name in names):
            pass
        case [[*names], str()] if len(names) != len(LINNAEAN):
            raise TaxonomyError(
                f"{path}, row {number}: expected 7 ranks, kingdom to epithet, got {len(names)}: {names}"
            )
        case _:
            raise TaxonomyError(
                f"{path}, row {number}: expected [[kingdom, phylum, class, order, family, genus, epithet], common name], "
                f"got {json.dumps(entry, ensure_ascii=False)[:120]}"
            )
    names = [" ".join(name.split()) for name in names]
    if not any(names):
        raise TaxonomyError(f"{path}, row {number}: no name at any rank")
    if names[-1]:
        names[-1] = whole_species(names[-1], names[-2])
    return [(rank, name) for rank, name in zip(LINNAEAN, names) if name], " ".join(common.split())


def _shared(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> int:
    """How many taxa two lineages have in common from the top, at most all but one's last."""
    shared = 0
    for mine, theirs in zip(one[:-1], other):
        if mine != theirs:
            break
        shared += 1
    return shared
