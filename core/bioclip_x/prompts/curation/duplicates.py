"""Finds descriptors that are repeated within a class, and classes whose lists are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bioclip_x.messages import list_some
from bioclip_x.prompts.curation.findings import Done, Finding
from bioclip_x.prompts.curation.word_forms import split_words
from bioclip_x.records.texts.descriptor import Descriptor, DescriptorSet

NEAR: Final = 92.0
"""Least similarity (0 to 100, rapidfuzz's token_sort_ratio) of near-duplicates."""

AMONG: Final = 500
"""Descriptors before one, of the same class, among which a near-duplicate is sought."""

FEWEST_LETTERS: Final = 4
"""Words that differ by one or two letters count as spelling variants only if both have more letters than this."""


def drop_repeats(name: str, entries: Sequence[Descriptor], findings: list[Finding]) -> list[Descriptor]:
    """Drops descriptors that differ only by case, punctuation, articles or number; reports spelling variants.

    Findings are appended to `findings`.
    """
    from rapidfuzz import fuzz, process

    kept: dict[tuple[str, tuple[str, ...]], Descriptor] = {}
    for entry in entries:
        words = split_words(entry.phrase)
        first = kept.setdefault((entry.kind, words), entry)
        if first is not entry:
            findings.append(_make_finding(name, entry, "dropped", f"same as {first.phrase!r}"))
    by_kind: dict[str, list[tuple[str, Descriptor]]] = defaultdict(list)
    for (kind, words), entry in kept.items():
        earlier = by_kind[kind][-AMONG:]
        similar = process.extract_iter(
            " ".join(words), [text for text, _ in earlier], scorer=fuzz.token_sort_ratio, score_cutoff=NEAR
        )
        for text, _, i in similar:
            if earlier[i][1].part == entry.part and _is_respelt(words, tuple(text.split())):
                findings.append(_make_finding(name, entry, "told", f"nearly the same as {earlier[i][1].phrase!r}"))
                break
        by_kind[kind].append((" ".join(words), entry))
    return list(kept.values())


def find_same_lists(descriptors: DescriptorSet, groups: Iterable[Sequence[str]]) -> Iterator[Finding]:
    """Yields a finding for each class with the same descriptors as another of its group.

    groups: names of classes that are siblings of one another.
    """
    for group in groups:
        for names in _group_by_list(descriptors, group).values():
            for name in names if len(names) > 1 else ():
                others = list_some([other for other in names if other != name])
                yield Finding("same list", name, "", "told", f"has the same descriptors as {others}")


def _group_by_list(descriptors: DescriptorSet, group: Sequence[str]) -> dict[frozenset[tuple[str, ...]], list[str]]:
    """Groups classes by their set of descriptors; classes without descriptors are left out."""
    names: dict[frozenset[tuple[str, ...]], list[str]] = defaultdict(list)
    for name in group:
        phrases = frozenset(split_words(one.phrase) for one in descriptors.classes[name] if one.kind == "descriptor")
        if phrases:
            names[phrases].append(name)
    return names


def _make_finding(name: str, entry: Descriptor, done: Done, message: str) -> Finding:
    return Finding("near-duplicate", name, entry.phrase, done, message)


def _is_respelt(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether each word of the one is a word of the other or a spelling variant of it.

    Similarity alone is not enough: "a stripe above the eye" and "a stripe below the eye" share most letters.
    """
    from rapidfuzz.distance import OSA

    left, right = sorted(set(one) - set(other)), sorted(set(other) - set(one))
    return len(left) == len(right) and all(
        min(len(a), len(b)) > FEWEST_LETTERS and OSA.distance(a, b) <= 2 for a, b in zip(left, right)
    )
