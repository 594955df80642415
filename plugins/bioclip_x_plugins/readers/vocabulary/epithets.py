"""Completes epithets to names: with the genus, or the species."""

from __future__ import annotations

import re
from typing import Final

# "Parus major", "× Cuprocyparis leylandii", "P. major": a capital letter, and something after the word.
_GENUS: Final = re.compile(r"(?:[×xX] ?)?(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ-]{2,}|[A-Z]\.) ")
_UNDERSCORED: Final = re.compile(r"_(?![A-Z]{1,3}(?:_|$))")


def complete_species_name(name: str, genus: str) -> str:
    """Prefixes a species name with its genus, unless it already starts with a genus.

    >>> complete_species_name("× hispanica", "Quercus"), complete_species_name("Cyanistes caeruleus", "Parus")
    ('Quercus × hispanica', 'Cyanistes caeruleus')
    """
    name = _split_underscored(name, genus)
    is_complete = not genus or _has_genus(name, genus) or _GENUS.match(name)
    return name if is_complete else f"{genus} {name}"


def complete_infraspecific_name(name: str, species: str, genus: str) -> str:
    """Prefixes the name of a subspecies, variety or form with its species, unless it already starts with its genus.

    >>> complete_infraspecific_name("var. alba", "Quercus robur", "Quercus")
    'Quercus robur var. alba'
    """
    is_complete = any(_has_genus(name, known) for known in (genus, species.split(" ", 1)[0]) if known)
    return name if is_complete else f"{species} {name}"


def _has_genus(name: str, genus: str) -> bool:
    """Whether a name begins with the genus, in full or as its initial (P. major)."""
    return name.casefold().startswith(f"{genus.casefold()} ") or name.startswith(f"{genus[0]}. ")


def replace_word_breaks(name: str) -> str:
    """Replaces underscores by blanks, but not before the letters of a group that is not natural.

    >>> replace_word_breaks("Parus_major"), replace_word_breaks("Pseudomonas_E")
    ('Parus major', 'Pseudomonas_E')
    """
    return _UNDERSCORED.sub(" ", name)


def _split_underscored(name: str, genus: str) -> str:
    """Splits "parus_major" where the genus is "parus", in any case."""
    has_genus = bool(genus) and name.casefold().startswith(f"{genus.casefold()}_")
    return replace_word_breaks(name) if has_genus else name
