"""Which code of nomenclature governs a name.

Under one code a genus is named once; under another the same name may be given again (*Oenanthe* the bird by the zoological,
*Oenanthe* the plant by the botanical code). So taxa of one name and different codes are certainly different, while a
different kingdom, class or family may only be another opinion.
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
"""Large groups whose names are no homonyms themselves. Protists are under either code and are left out."""

_CODES: Final[Mapping[str, Code]] = {name: code for code, names in _GROUPS.items() for name in names.split()}


@lru_cache(maxsize=4096)
def guess_nomenclatural_code(names: frozenset[str]) -> Code:
    """The code that a lineage is under: of normalised names; "" where none of them tells, or they contradict each other.

    >>> nomenclatural_code(frozenset(["animalia", "muscicapidae"])), nomenclatural_code(frozenset(["ciliophora"]))
    ('zoological', '')
    """
    codes = {_CODES[name] for name in names if name in _CODES}
    return codes.pop() if len(codes) == 1 else ""
