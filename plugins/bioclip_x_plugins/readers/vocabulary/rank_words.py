"""Ranks as written in checklists: abbreviated, as ITIS's numbers, or in Latin or another European language."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import RANKS, normalise_rank, parse_name

_WORDS: Final = {
    "kingdom": "reg regn regnum regno reino regne reich rijk rike",
    "phylum": "phyl div divisio divisao division filo phylo embranchement stamm",
    "class": "cl classis classe clase klasse klass",
    "order": "ord ordo ordem orden ordre ordnung ordine orde ordning",
    "superfamily": "superfam superfamilia",
    "family": "fam familia famille familie famiglia familj",
    "subfamily": "subfam subfamilia sousfamille unterfamilie sottofamiglia onderfamilie",
    "tribe": "trib tribus tribo tribu",
    "genus": "gen g genero genre gattung genere geslacht slakte nothogenus",
    "subgenus": "subgen subg subgenero subgenusbotany untergattung",
    "section": "sect sectio secao seccion sectionbotany sectionzoology",
    "series": "ser seriesbotany",
    "species": "sp spec especie espece specie soort art nothospecies nothosp",
    "subspecies": "ssp subsp subespecie sousespece sottospecie unterart ondersoort underart nothosubspecies nothosubsp "
    "infrasubspecificname",
    "variety": "var varietas variedade variedad variete varieta varietat nothovariety nothovar",
    "form": "f fo forma forme nothoform",
}
_ITIS: Final = {
    "10": "kingdom", "20": "subkingdom", "25": "infrakingdom", "27": "superphylum", "30": "phylum", "40": "subphylum",
    "45": "infraphylum", "50": "superclass", "60": "class", "70": "subclass", "80": "infraclass", "90": "superorder",
    "100": "order", "110": "suborder", "120": "infraorder", "130": "superfamily", "140": "family", "150": "subfamily",
    "160": "tribe", "170": "subtribe", "180": "genus", "190": "subgenus", "200": "section", "220": "species",
    "230": "subspecies", "240": "variety", "260": "form",
}  # fmt: skip
"""ITIS's `rank_id`, and WoRMS's `taxonRankID`."""
RANK_OF_WORD: Final = {word: rank for rank, words in _WORDS.items() for word in words.split()}
"""Spellings without diacritics, in lower case → rank."""
_NO_RANK: Final = frozenset({
    "unranked", "norank", "nan", "na", "unassigned", "unknown", "other", "questionable", "questionnable",
    "unresolved", "doubtful", "infragenericname", "supragenericname", "infraspecificname", "uninomial",
    "suprafamilyname",
})  # fmt: skip
_SP: Final = re.compile(r" (?:spp?\b|species\b|cf\.|aff\.|nr\.)")
_RANK_OF_MARKER: Final = {
    "subsp": "subspecies", "ssp": "subspecies", "nothosubsp": "subspecies", "f": "form", "fo": "form", "forma": "form",
    "var": "variety", "nothovar": "variety", "pv": "pathovar", "bv": "biovar",
    **{word: word for word in ("serovar", "serotype", "serogroup", "biovar", "pathovar")},
}  # fmt: skip


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
    return RANK_OF_WORD.get(key) or _ITIS.get(key) or (key if key in RANKS else normalise_rank(text))


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
