"""Names in lineages: which are names of taxa, and which say that the taxon is not known."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import is_placeholder
from bioclip_x_plugins.readers.vocabulary.prefixes import replace_underscores

_UNNAMED: Final = re.compile(
    r"(?:uncultured|uncultivated|unclassified|unidentified|unknown|unassigned|undetermined|ambiguous|environmental)\b.*"
    r"|.*[ _-](?:unclassified|unidentified|unknown|uncultured|noname|incertae[ _]sedis(?:[ _].*)?)"
    r"|.*\bmetagenome"
    r"|(?:bacterium|archaeon|fungus|eukaryote|organism|prokaryote)\b.*"
    r"|other",
    re.IGNORECASE,
)
"""`uncultured bacterium`, `Lachnospiraceae_unclassified`, `Ambiguous_taxa`, `Pezizomycotina_fam_Incertae_sedis`, `Other`."""
_ONLY_GENUS: Final = re.compile(r"\S+ (?:sp|spp|species)\.?", re.IGNORECASE)
"""`Candida sp.`: some species of what stands above. `Candida sp. 3` is one species, and keeps its name."""


@lru_cache(maxsize=65536)
def clean_name(name: str, rank: str) -> str:
    """Returns the name of a taxon; "" for one that names no taxon of this rank.

    >>> clean_name("Candida_albicans", "species"), clean_name("Candida_sp.", "species"), clean_name("uncultured", "genus")
    ('Candida albicans', '', '')
    """
    name = replace_underscores(name, rank)
    if is_placeholder(name) or _UNNAMED.fullmatch(name):
        return ""
    return "" if rank in ("species", "") and _ONLY_GENUS.fullmatch(name) else name
