"""Suggests names similar to unknown ones, for a person to judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from bioclip_x.dataset.names.parsed import parse_given
from bioclip_x.dataset.names.ranked import Indexed
from bioclip_x.taxonomy.names.normalise import make_gender_variants, normalise_name

MIN_SIMILARITY: Final = 0.8
MOST: Final = 3


def suggest(names: Sequence[str], taxonomies: Sequence[Indexed]) -> list[tuple[str, ...]]:
    """Returns for each name at most `MOST` accepted names of the first taxonomy that has similar ones, most similar first.

    Similar: the same first letter and an optimal string alignment similarity of at least `MIN_SIMILARITY`, or the same epithet
    in another genus.
    """
    keys = [parse_given(name).keys[-1:] for name in names]
    suggestions: list[tuple[str, ...]] = [()] * len(names)
    for taxonomy in taxonomies:
        wanted = [place for place, key in enumerate(keys) if key and not suggestions[place]]
        if not wanted:
            break
        letters = {keys[place][0][:1] for place in wanted}
        epithets = {form for place in wanted for form in _list_epithets(keys[place][0])}
        by_letter, by_epithet = _group(taxonomy, letters, epithets)
        for place in wanted:
            key = keys[place][0]
            moved = [name for form in _list_epithets(key) for name in by_epithet.get(form, ())]
            suggestions[place] = _rank(key, by_letter.get(key[:1], {}), moved)
    return suggestions


def _list_epithets(key: str) -> tuple[str, ...]:
    words = key.split()
    return make_gender_variants(words[1]) if len(words) == 2 else ()


def _group(
    taxonomy: Indexed, letters: set[str], epithets: set[str]
) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    """Returns first letter → key → name, and epithet → names, for the letters and epithets that are wanted."""
    by_letter: dict[str, dict[str, str]] = defaultdict(dict)
    by_epithet: dict[str, list[str]] = defaultdict(list)
    for name, level in zip(taxonomy.names.to_pylist(), (taxonomy.level_N >= 0).tolist()):
        if not level:
            continue
        if (letter := name[:1].lower()) in letters:
            by_letter[letter][normalise_name(name)] = name
        if (epithet := name.rpartition(" ")[2]) in epithets and " " in name:
            by_epithet[epithet].append(name)
    return by_letter, by_epithet


def _rank(key: str, names: dict[str, str], moved: Sequence[str]) -> tuple[str, ...]:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    scorer = OSA.normalized_similarity
    near = process.extract(key, names.keys(), scorer=scorer, score_cutoff=MIN_SIMILARITY, limit=MOST)
    scored = [(score, names[other]) for other, score, _ in near]
    scored += [(float(scorer(key, normalise_name(name))), name) for name in moved]
    scored.sort(key=lambda one: (-one[0], one[1]))
    return tuple(dict.fromkeys(name for _, name in scored))[:MOST]
