"""Cleans the cells of rank columns: prefixes, underscores, subgenera, common names in brackets, capitals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import drop_placeholder, parse_name, split_authorship
from bioclip_x_plugins.readers.vocabulary.epithets import replace_word_breaks
from bioclip_x_plugins.readers.vocabulary.prefixes import split_prefix

_EPITHETS: Final = re.compile(r"^[×x]?_?[A-Z][a-zà-ÿ-]+(?:_[a-z×(]|_x_|_X_)")
_MAY_HOLD_AUTHOR: Final = re.compile(r" .*(?:[^\W\d_a-zß-öø-ÿ]|[(,&]|[12][0-9]{3})")
_BRACKETS: Final = re.compile(r"(\S.*?) *\(([^()]{2,})\)")
_AUTHOR_LIKE: Final = re.compile(r"[\d.&]|\b(?:ex|et|in|and)\b|[^\W\d_]+, [A-ZÀ-Þ]\w*$")
_PARTICLES: Final = frozenset({
    "de", "da", "di", "do", "du", "del", "van", "von", "vom", "der", "den", "des", "la", "le", "los", "las", "dos", "y", "e",
    "fil", "f", "al",
})  # fmt: skip
_IN_CAPITALS: Final = re.compile(r"[A-Z]{4,}")


def clean_rank_cell(text: str) -> str:
    """Cleans a cell of a rank column above species; "" for a placeholder, or a prefix without a name.

    >>> [clean_rank_cell(text) for text in ("k__Fungi", "g__", "Pseudomonas_E", "incertae_sedis")]
    ['Fungi', '', 'Pseudomonas_E', '']
    """
    return drop_placeholder(split_prefix(text.strip())[1])


def clean_species_cell(text: str) -> str:
    """Cleans a cell of names of species and lower taxa: `clean_rank_cell`, and blanks for underscores.

    >>> [clean_species_cell(text) for text in ("s__Parus_major", "Salmonella_enterica_subsp._enterica", "sp_A1")]
    ['Parus major', 'Salmonella enterica subsp. enterica', 'sp_A1']
    """
    text = clean_rank_cell(text)
    return replace_word_breaks(text) if "_" in text and _EPITHETS.match(text) else text


def clean_common_name(text: str) -> str:
    """Cleans a common name: blanks for underscores; "" for a placeholder."""
    return drop_placeholder(text.replace("_", " "))


@lru_cache(maxsize=65536)
def split_cell(text: str, rank: str) -> tuple[str, str]:
    """Splits a cell into the name, without subgenus, and its author.

    >>> split_cell("Bombus (Pyrobombus) hypnorum (Linnaeus, 1758)", "species")
    ('Bombus hypnorum', '(Linnaeus, 1758)')
    """
    name = " ".join(text.split())
    if not _MAY_HOLD_AUTHOR.search(name):
        return name, ""
    if rank in ("species", "subspecies", "variety", "form") and "(" in name:
        parsed = parse_name(name, rank)
        if parsed.infrageneric and parsed.epithet and not parsed.is_placeholder:
            return parsed.canonical, parsed.authorship
    return split_authorship(name, rank)


def has_common_names(texts: Iterable[str]) -> bool:
    """Whether the brackets at the end of a column's cells hold common names ("Citrus limon (Lemon)"), not authors.

    They do if some hold one for certain, by a word in lower case or behind an epithet in capitals, and none an author.
    """
    found = [match for text in texts if (match := _BRACKETS.fullmatch(text))]
    if any(_AUTHOR_LIKE.search(match[2]) for match in found):
        return False
    return any(_is_surely_common(match[1], match[2]) for match in found)


def split_common_name(text: str) -> tuple[str, str]:
    """
    >>> split_common_name("Citrus Limon (Lemon)"), split_common_name("Mentha Spicata")
    (('Citrus Limon', 'Lemon'), ('Mentha Spicata', ''))
    """
    match = _BRACKETS.fullmatch(text)
    return (match[1], match[2].strip()) if match else (text, "")


def are_in_capitals(texts: Sequence[str]) -> bool:
    """Whether all names of a column are written in capitals, as IUCN writes higher taxa (CANIDAE)."""
    return bool(texts) and all(map(_IN_CAPITALS.fullmatch, texts))


def _is_surely_common(name: str, text: str) -> bool:
    words = text.split()
    has_common_word = any(word.islower() and word not in _PARTICLES for word in words)
    return has_common_word or re.fullmatch(r"[A-ZÀ-Þ][\w-]+ [A-ZÀ-Þ][\w-]+", name) is not None
