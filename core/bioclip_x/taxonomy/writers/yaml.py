"""Nodes with children in YAML, as the YAML reader reads them: a lossless format for manual editing.

    - rank: family
      name: Paridae
      common_names: {en: [tits, chickadees]}
      children:
      - rank: species
        name: Parus major

Written line by line rather than by a YAML library, which would hold the whole document in memory and take minutes for a
million taxa.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import DOCUMENT_DEPTH
from bioclip_x.taxonomy.ancestors import find_taxa_above, list_taxa
from bioclip_x.taxonomy.editing.validate import find_duplicates
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import CHUNK_SIZE, Document
from bioclip_x.taxonomy.writers.node import make_node_describer

_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w.()&'’×-]| (?!#))*[\w.)]", re.UNICODE)
_RESERVED: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_TO_ESCAPE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def make_document(taxonomy: Taxonomy) -> Document:
    """Raises TaxonomyError for a tree too deep to be read back, and for siblings of the same rank and name."""
    for finding in find_duplicates(taxonomy):
        if finding.kind == "duplicate":
            raise TaxonomyError(
                f"YAML would merge two taxa: {finding.message}; convert to .json, which keeps them separate"
            )
    depths = _compute_depths(taxonomy)
    deepest = int(depths.max())
    if 2 * deepest + 2 > DOCUMENT_DEPTH:
        raise TaxonomyError(
            f"the tree has {deepest} levels, and files with more than {DOCUMENT_DEPTH} nested lists and mappings cannot be read "
            "back; convert to .json or .nwk"
        )
    return Document(lambda: _generate_chunks(taxonomy, depths.tolist()))


def _compute_depths(taxonomy: Taxonomy) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns the number of taxa from the top to each taxon, itself included: int64 [N]."""
    above_N = find_taxa_above(taxonomy)
    depth_N = np.zeros(taxonomy.n_nodes, np.int64)
    for nodes in taxonomy.levels[1:]:
        depth_N[nodes] = depth_N[above_N[nodes]] + 1
    return depth_N


def _generate_chunks(taxonomy: Taxonomy, depths: list[int]) -> Iterator[str]:
    nodes = list_taxa(taxonomy)
    has_children = set(find_taxa_above(taxonomy)[nodes].tolist())
    describe = make_node_describer(taxonomy)
    lines: list[str] = []
    for node in nodes:
        indent = "  " * (depths[node] - 1)
        first = f"{indent}- "
        for key, value in describe(node).items():
            lines.append(f"{first}{key}: {_format_flow(value)}\n")
            first = f"{indent}  "
        if node in has_children:
            lines.append(f"{indent}  children:\n")
        if len(lines) >= CHUNK_SIZE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _format_flow(value: Any) -> str:
    """Formats a value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _format_scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_format_scalar(key)}: {_format_flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(_format_flow, value)) + "]"


def _format_scalar(text: str) -> str:
    """Returns the text unchanged if YAML reads it as a string, else in double quotes.

    >>> _format_scalar("Parus major"), _format_scalar("no"), _format_scalar("12"), _format_scalar("a: b")
    ('Parus major', '"no"', '"12"', '"a: b"')
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
