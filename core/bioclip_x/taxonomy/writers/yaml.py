"""Nodes with children in YAML, as the YAML reader takes it: all that a tree holds, for people to edit.

    - rank: family
      name: Paridae
      common_names: {en: [tits, chickadees]}
      children:
      - rank: species
        name: Parus major

Written line by line and not by a YAML library, which would hold all of it at once and take minutes for a million taxa.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.io.strict_yaml import DEEPEST
from bioclip_x.taxonomy.ancestors import find_taxa_above, list_taxa
from bioclip_x.taxonomy.editing.validate import find_duplicates
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import AT_ONCE, Document
from bioclip_x.taxonomy.writers.node import make_node_describer

_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w.()&'’×-]| (?!#))*[\w.)]", re.UNICODE)
_ELSE_MEANT: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_TO_ESCAPE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def make_document(taxonomy: Taxonomy) -> Document:
    """Raises TaxonomyError for a tree too deep to be read back, and for siblings of one rank and name."""
    for found in find_duplicates(taxonomy):
        if found.kind == "duplicate":
            raise TaxonomyError(
                f"YAML would take two for one: {found.message}; convert to .json, which keeps them apart"
            )
    depths = _depths(taxonomy)
    deepest = int(depths.max())
    if 2 * deepest + 2 > DEEPEST:
        raise TaxonomyError(
            f"the tree has {deepest} levels, and files with more than {DEEPEST} lists and mappings within one another are not "
            "read back; convert to .json or .nwk"
        )
    return Document(lambda: _pieces(taxonomy, depths.tolist()))


def _depths(taxonomy: Taxonomy) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many taxa stand above each taxon, itself included: int64 [N]."""
    above_N = find_taxa_above(taxonomy)
    depth_N = np.zeros(taxonomy.n_nodes, np.int64)
    for nodes in taxonomy.levels[1:]:
        depth_N[nodes] = depth_N[above_N[nodes]] + 1
    return depth_N


def _pieces(taxonomy: Taxonomy, depths: list[int]) -> Iterator[str]:
    nodes = list_taxa(taxonomy)
    has_children = set(find_taxa_above(taxonomy)[nodes].tolist())
    about = make_node_describer(taxonomy)
    lines: list[str] = []
    for node in nodes:
        indent = "  " * (depths[node] - 1)
        first = f"{indent}- "
        for key, value in about(node).items():
            lines.append(f"{first}{key}: {_flow(value)}\n")
            first = f"{indent}  "
        if node in has_children:
            lines.append(f"{indent}  children:\n")
        if len(lines) >= AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _flow(value: Any) -> str:
    """A value within one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]"


def _scalar(text: str) -> str:
    """As it is where YAML takes that for text, else in double quotes.

    >>> _scalar("Parus major"), _scalar("no"), _scalar("12"), _scalar("a: b")
    ('Parus major', '"no"', '"12"', '"a: b"')
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _ELSE_MEANT:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
