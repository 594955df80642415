"""Ranks as written in checklists: abbreviated, or in Latin, Portuguese, Spanish, French or German."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import RANKS, normalise_rank, parse_name

_WORDS: Final = {
    "kingdom": "reg regn reino regne reich",
    "phylum": "phyl div divisio divisao filo phylo embranchement stamm",
    "class": "cl classis classe clase klasse",
    "order": "ord ordo ordem orden ordre ordnung",
    "superfamily": "superfam superfamilia",
    "family": "fam familia famille familie",
    "subfamily": "subfam subfamilia sousfamille unterfamilie",
    "tribe": "trib tribus tribo tribu",
    "genus": "gen g genero genre gattung nothogenus",
    "subgenus": "subgen subg subgenero subgenusbotany untergattung",
    "section": "sect sectio secao seccion sectionbotany sectionzoology",
    "series": "ser seriesbotany",
    "species": "sp spec especie espece art nothospecies nothosp",
    "subspecies": "ssp subsp subespecie sousespece unterart nothosubspecies nothosubsp infrasubspecificname",
    "variety": "var varietas variedade variedad variete varietat nothovariety nothovar",
    "form": "f fo forma forme nothoform",
}
_SPELLINGS: Final = {word: rank for rank, words in _WORDS.items() for word in words.split()}
_NO_RANK: Final = frozenset({
    "unranked", "norank", "nan", "na", "unassigned", "unknown", "other", "questionable", "questionnable",
    "unresolved", "doubtful", "infragenericname", "supragenericname", "infraspecificname", "uninomial",
    "suprafamilyname",
})  # fmt: skip
_SP: Final = re.compile(r" (?:spp?\b|species\b|cf\.|aff\.|nr\.)")
_RANK_OF_MARKER: Final = {"subsp": "subspecies", "ssp": "subspecies", "nothosubsp": "subspecies", "f": "form", "fo": "form",
                      "forma": "form", "var": "variety", "nothovar": "variety"}  # fmt: skip

NO_NAME: Final = re.compile(
    r"(?:incertae[ _]sedis|not[ _]assigned|unassigned|unknown|unplaced|unallocated|undetermined|n/?a|-+|\?+|null|none)\.?",
    re.I,
)
"""Placeholders for an unknown taxon in a rank column. They are not taxa, and rows that share one share no parent."""


@lru_cache(maxsize=4096)
def parse_rank(text: str) -> str:
    """Normalises a rank to its lower-case English name; "" for none. Unknown ranks are kept.

    >>> parse_rank("SUB_ESPECIE"), parse_rank("gen."), parse_rank("Questionnable"), parse_rank("morph")
    ('subspecies', 'genus', '', 'morph')
    """
    decomposed = unicodedata.normalize("NFKD", text.strip().lower())
    key = "".join(letter for letter in decomposed if letter.isalnum())
    if key in _NO_RANK:
        return ""
    return _SPELLINGS.get(key) or (key if key in RANKS else normalise_rank(text))


def infer_rank(name: str) -> str:
    """Infers the rank from the form of a name, for files without ranks; "" for a single word.

    >>> infer_rank("Acer rubrum"), infer_rank("Carex leptalea subsp. harperi"), infer_rank("Acer")
    ('species', 'subspecies', '')
    """
    parsed = parse_name(name)
    if parsed.is_placeholder and parsed.genus and _SP.search(name):
        return "species"
    if not parsed.epithet or parsed.authorship:
        return ""
    if not parsed.infraspecific:
        return "species"
    marker = parsed.infraspecific[-1][0]
    return _RANK_OF_MARKER.get(marker.rstrip("."), "") if marker else "subspecies"
