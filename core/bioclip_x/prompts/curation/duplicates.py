"""Descriptors that say the same: within a class, and lists of classes that cannot be told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bioclip_x.messages import list_some
from bioclip_x.prompts.curation.findings import Done, Finding
from bioclip_x.prompts.curation.word_forms import split_words
from bioclip_x.records.descriptor import Descriptor, DescriptorSet

NEAR: Final = 92.0
"""How alike (0 to 100, rapidfuzz's token_sort_ratio) two phrases of other words must be to be told."""

FEWEST_LETTERS: Final = 4
"""In each of two words that differ by a letter or two, to be one word spelt twice; "red" and "red" may be anything."""


def drop_repeats(name: str, entries: Sequence[Descriptor], findings: list[Finding]) -> list[Descriptor]:
    """The first of those that are the same but for case, punctuation, articles and the plural; what is nearly so is told."""
    from rapidfuzz import fuzz, process

    kept: dict[tuple[str, tuple[str, ...]], Descriptor] = {}
    for entry in entries:
        said = split_words(entry.phrase)
        first = kept.setdefault((entry.kind, said), entry)
        if first is not entry:
            findings.append(_repeat(name, entry, "dropped", f"says the same as {first.phrase!r}"))
    of_kind: dict[str, list[tuple[str, Descriptor]]] = defaultdict(list)
    for (kind, said), entry in kept.items():
        earlier = of_kind[kind]
        near = process.extract_iter(
            " ".join(said), [text for text, _ in earlier], scorer=fuzz.token_sort_ratio, score_cutoff=NEAR
        )
        for text, _, i in near:
            if earlier[i][1].part == entry.part and _is_respelt(said, tuple(text.split())):
                findings.append(_repeat(name, entry, "told", f"says nearly the same as {earlier[i][1].phrase!r}"))
                break
        earlier.append((" ".join(said), entry))
    return list(kept.values())


def find_same_lists(descriptors: DescriptorSet, groups: Iterable[Sequence[str]]) -> Iterator[Finding]:
    """One finding for each class that has, within its group, the same descriptors as another.

    groups: names of classes that are siblings of one another.
    """
    for group in groups:
        alike: Mapping[frozenset[tuple[str, ...]], list[str]] = _by_list(descriptors, group)
        for names in alike.values():
            for name in names if len(names) > 1 else ():
                others = list_some([other for other in names if other != name])
                yield Finding("same list", name, "", "told", f"has the same descriptors as {others}")


def _by_list(descriptors: DescriptorSet, group: Sequence[str]) -> dict[frozenset[tuple[str, ...]], list[str]]:
    alike: dict[frozenset[tuple[str, ...]], list[str]] = defaultdict(list)
    for name in group:
        said = frozenset(split_words(one.phrase) for one in descriptors.classes[name] if one.kind == "descriptor")
        if said:
            alike[said].append(name)
    return alike


def _repeat(name: str, entry: Descriptor, done: Done, message: str) -> Finding:
    return Finding("near-duplicate", name, entry.phrase, done, message)


def _is_respelt(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether each word of the one is a word of the other, or such a word spelt in another way.

    "a stripe above the eye" and "below the eye" are alike in most letters and say something else.
    """
    from rapidfuzz.distance import OSA

    left, right = sorted(set(one) - set(other)), sorted(set(other) - set(one))
    return len(left) == len(right) and all(
        min(len(a), len(b)) > FEWEST_LETTERS and OSA.distance(a, b) <= 2 for a, b in zip(left, right)
    )
