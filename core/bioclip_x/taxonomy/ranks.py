"""The order of taxonomic ranks, and alternative spellings of their names."""

from typing import Final

RANKS: Final[tuple[str, ...]] = (
    "domain", "superkingdom", "kingdom", "subkingdom", "infrakingdom",
    "superphylum", "phylum", "subphylum", "infraphylum",
    "superclass", "class", "subclass", "infraclass",
    "superorder", "order", "suborder", "infraorder", "parvorder",
    "superfamily", "family", "subfamily", "supertribe", "tribe", "subtribe",
    "genus", "subgenus", "section", "series",
    "species", "subspecies", "variety", "form",
)  # fmt: skip
"""From the top down. Other ranks keep their names but are not ordered."""

LINNAEAN: Final[tuple[str, ...]] = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""The seven ranks of BioCLIP's taxonomic names and of pybioclip's columns."""

ORDER: Final[dict[str, int]] = {rank: i for i, rank in enumerate(RANKS)}
"""Rank → its place in `RANKS`, 0 for the highest."""

_SPELLINGS: Final[dict[str, str]] = {
    "cls": "class", "klass": "class", "class_": "class", "division": "phylum", "regnum": "kingdom", "sp": "species",
    "ssp": "subspecies", "subsp": "subspecies", "var": "variety", "f": "form", "forma": "form",
    "no rank": "", "no_rank": "", "unranked": "", "clade": "", "none": "",
}  # fmt: skip


def normalise_rank(rank: str) -> str:
    """Returns a rank in lower case and its usual spelling; "" for no rank.

    >>> normalise_rank(" Cls "), normalise_rank("no rank"), normalise_rank("Morphotype")
    ('class', '', 'morphotype')
    """
    lower = rank.strip().lower().rstrip(".")
    return _SPELLINGS.get(lower, lower)
