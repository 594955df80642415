"""Alters texts: ranks of a lineage are shuffled, descriptors are exchanged between two classes.

A text has the same words, or the same name, before and after, so that only their order, or what belongs together, tells the two
apart (compare Winoground, Thrush et al. 2022, arXiv 2204.03162).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bioclip_x.records import Prompt, Taxon
from bioclip_x.taxonomy.names.lineage_text import list_rank_words


def write_caption(words: Sequence[str]) -> str:
    """Writes names of ranks as BioCLIP's captions do.

    >>> write_caption(["Aves", "Parus", "major"])
    'a photo of Aves Parus major.'
    """
    return f"a photo of {' '.join(words)}."


def shuffle_ranks(taxon: Taxon, generator: random.Random) -> tuple[str, str] | None:
    """Returns the caption of a taxon's lineage, and the same with its ranks in another order; None where there is no other."""
    words = list_rank_words(taxon)
    if len(set(words)) < 2:
        return None
    shuffled = words.copy()
    while shuffled == words:
        generator.shuffle(shuffled)
    return write_caption(words), write_caption(shuffled)


def draw_partners(
    classes: Sequence[int], traits: Mapping[int, frozenset[str]], generator: random.Random
) -> dict[int, int]:
    """Draws class → the class that it exchanges descriptors with: the next one of a random circle that differs in them."""
    circle = list(classes)
    generator.shuffle(circle)
    partners: dict[int, int] = {}
    for place, c in enumerate(circle):
        others = (circle[(place + step) % len(circle)] for step in range(1, len(circle)))
        other = next((other for other in others if traits[other] != traits[c]), None)
        if other is not None:
            partners[c] = other
    return partners


def lend_descriptors(
    prompts: Sequence[Prompt], owner: Taxon, borrower: Taxon, borrower_prompts: Sequence[Prompt], language: str
) -> tuple[Prompt, ...]:
    """Returns the prompts of the class `owner` with its name replaced by that of another class.

    The names are those in the prompts of the two classes, common or scientific. Prompts that do not name their class are left as
    they are.
    """
    old, new = find_name(owner, prompts, language), find_name(borrower, borrower_prompts, language)
    if not old or not new:
        return tuple(prompts)
    return tuple(replace(prompt, text=prompt.text.replace(old, new, 1)) for prompt in prompts)


def find_name(taxon: Taxon, prompts: Sequence[Prompt], language: str) -> str:
    """Returns the name by which all prompts of a taxon call it; "" where they do not name it."""
    names = (taxon.common_name(language), taxon.name)
    forms = [form for name in names for form in (name, name.replace("_", " ")) if form]
    return next((form for form in forms if all(form in prompt.text for prompt in prompts)), "")
