"""Labels of the Open Tree of Life: a name and the number of the taxon in its taxonomy (`Parus_major_ott695547`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NODE: Final = "open_tree_node"
"""The identifier of a node that is no taxon: the last common ancestor of two (`mrcaott3ott5`)."""

_TAXON = re.compile(r"(.*?)[ _]?ott(\d+)")
_NODE = re.compile(r"mrcaott\d+ott\d+")
# Open Tree tells homonyms apart: "Morus (genus in kingdom Archaeplastida)".
_HOMONYM = re.compile(r" ?\((?:[a-z]+ )?in .+\)")


@dataclass(frozen=True, slots=True)
class Label:
    """name: "" for a label that is only an identifier. ids: identifiers by database."""

    name: str
    ids: Mapping[str, str] = field(default_factory=dict)


def parse_label(text: str) -> Label:
    """Splits a label into the name and Open Tree's identifiers; other labels are names.

    >>> parse_label("Parus major ott695547")
    Label(name='Parus major', ids={'ott': '695547'})
    >>> parse_label("mrcaott3ott5").name, parse_label("ott5").ids, parse_label("Parus major").ids
    ('', {'ott': '5'}, {})
    """
    if _NODE.fullmatch(text):
        return Label("", {NODE: text})
    match = _TAXON.fullmatch(text)
    if not match:
        return Label(text)
    name = match[1].replace("_", " ").strip()  # Open Tree keeps them in quotes
    return Label(_HOMONYM.sub("", name), {"ott": match[2]})
