"""Guesses which code of nomenclature governs a name.

A genus name is unique under one code, but may be used again under another (*Oenanthe* is a bird under the zoological
code and a plant under the botanical one). Taxa with the same name under different codes are therefore different, whereas
a different kingdom, class or family may only be another classification.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

Code = Literal["", "zoological", "botanical", "prokaryotic"]

_GROUPS: Final[Mapping[Code, str]] = {
    "zoological": "animalia metazoa chordata vertebrata arthropoda mollusca annelida cnidaria echinodermata nematoda "
    "platyhelminthes porifera bryozoa rotifera aves mammalia reptilia amphibia actinopterygii teleostei insecta arachnida "
    "gastropoda bivalvia malacostraca animals",
    "botanical": "plantae viridiplantae archaeplastida fungi chlorophyta charophyta streptophyta tracheophyta embryophyta "
    "bryophyta marchantiophyta anthocerotophyta magnoliophyta spermatophyta rhodophyta glaucophyta ascomycota basidiomycota "
    "magnoliopsida liliopsida pinopsida polypodiopsida bryopsida agaricomycetes lecanoromycetes plants",
    "prokaryotic": "bacteria archaea monera eubacteria archaebacteria",
}  # fmt: skip
"""Large groups whose names are not homonyms. Protists may be under either code and are left out."""

_CODES: Final[Mapping[str, Code]] = {name: code for code, names in _GROUPS.items() for name in names.split()}


@lru_cache(maxsize=4096)
def guess_nomenclatural_code(names: frozenset[str]) -> Code:
    """Returns the code that a lineage of normalised names is under; "" if none of them is known, or they disagree.

    >>> guess_nomenclatural_code(frozenset(["animalia", "muscicapidae"])), guess_nomenclatural_code(frozenset(["ciliophora"]))
    ('zoological', '')
    """
    codes = {_CODES[name] for name in names if name in _CODES}
    return codes.pop() if len(codes) == 1 else ""
