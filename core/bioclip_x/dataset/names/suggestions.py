"""Suggests names similar to unknown ones, for a person to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bioclip_x.dataset.names.parsed import parse_given
from bioclip_x.dataset.names.ranked import Indexed
from bioclip_x.taxonomy.names.normalise import make_gender_variants, normalise_name

MIN_SIMILARITY: Final = 0.8
MOST: Final = 3


def suggest(names: Sequence[str], taxonomies: Sequence[Indexed]) -> list[tuple[str, ...]]:
    """Returns for each name at most `MOST` accepted names of the first taxonomy that has similar ones, most similar first.

    Of a species: names of the same genus with an optimal string alignment similarity of at least `MIN_SIMILARITY`, and the same
    epithet in any genus. Of one word: similar ones with the same first letter.
    """
    keys = [next(iter(parse_given(name).keys[-1:]), "") for name in names]
    suggestions: list[tuple[str, ...]] = [()] * len(names)
    for taxonomy in taxonomies:
        wanted = [place for place, key in enumerate(keys) if key and not suggestions[place]]
        if wanted:
            groups = _group(taxonomy, {group for place in wanted for group in _list_groups(keys[place])})
            for place in wanted:
                suggestions[place] = _rank(keys[place], groups)
    return suggestions


def _list_groups(key: str) -> list[str]:
    """Lists the groups of names among which similar ones are looked for: "parus " for a genus, " major" for an epithet."""
    genus, _, epithet = key.partition(" ")
    if not epithet:
        return [key[0]]
    return [f"{genus} ", *(f" {form}" for form in make_gender_variants(epithet) if " " not in epithet)]


def _group(taxonomy: Indexed, wanted: set[str]) -> dict[str, dict[str, str]]:
    """Returns group → key → name, for the groups that are wanted."""
    groups: dict[str, dict[str, str]] = {group: {} for group in wanted}
    for name, is_linnaean in zip(taxonomy.names.to_pylist(), (taxonomy.level_N >= 0).tolist()):
        if is_linnaean:
            key = normalise_name(name)
            genus, _, epithet = key.partition(" ")
            for group in (f"{genus} ", f" {epithet}") if epithet else (key[:1],):
                if group in groups:
                    groups[group][key] = name
    return groups


def _rank(key: str, groups: dict[str, dict[str, str]]) -> tuple[str, ...]:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    scored = []
    for group in _list_groups(key):
        least = 0 if group.startswith(" ") else MIN_SIMILARITY
        near = process.extract(
            key, groups[group].keys(), scorer=OSA.normalized_similarity, score_cutoff=least, limit=MOST
        )
        scored += [(score, groups[group][other]) for other, score, _ in near]
    scored.sort(key=lambda one: (-one[0], one[1]))
    return tuple(dict.fromkeys(name for _, name in scored))[:MOST]
