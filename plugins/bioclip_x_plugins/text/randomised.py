"""Controls: random words, or random characters, where descriptors would stand (WaffleCLIP; Roth et al., ICCV 2023).

arXiv 2306.07282 found that descriptors written by a language model often do no better than these. In its sentences
"{class}, which has {…}" every class is given 15 pairs of random words and random characters, the same for all classes,
with as many words, and as long, as a class's name has on average. Here they are as descriptors are, where there are any.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from random import Random
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from bioclip_x.plugin import Descriptor, PromptSet, TextBuilderCapabilities, TextRequest, load_words
from bioclip_x_plugins.text.class_descriptors import (
    FLAG_OPTIONS,
    Inherit,
    Kinds,
    NothingSaid,
    Phrase,
    Said,
    find_descriptors,
)
from bioclip_x_plugins.text.phrases import Called, Style, Wording
from bioclip_x_plugins.text.seeded_random import draw_one, make_class_keys, make_generator

WAFFLES: Final = 15
"""Texts of each control for a class, where no descriptors say how many."""

CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
"""No vowel, so that no word comes about by chance."""

Count = Annotated[int, Field(ge=1)]
Shape = tuple[int, ...]
"""The lengths of a phrase's words."""


@dataclass(frozen=True, kw_only=True)
class _Random(ABC):
    """seed: what is drawn follows from it and from the name of the class.

    count: texts of a class, all of as many words, and as long, as descriptors have on average (class names, where there
    are no descriptors); none gives every descriptor of a class one random text of its own number of words and lengths.
    shared: the same draws for every class, as in WaffleCLIP. style, name, kinds, inherit: as for `descriptors`; in place of
        an inherited phrase all that inherit it get the same.
    """

    capabilities: ClassVar = TextBuilderCapabilities(pooling="mean", seed_option="seed", flag_options=FLAG_OPTIONS)
    kind: ClassVar[str]

    seed: int = 0
    count: Count | None = None
    shared: bool = False
    style: Style | None = None
    name: Called = "common"
    kinds: Kinds = "descriptor"
    inherit: Inherit = 0.0

    @abstractmethod
    def stock(self) -> Sequence[str]:
        """What is drawn from."""

    @abstractmethod
    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        """Random text whose words have these lengths, if the control minds them."""

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError by `missing="error"`; that there are no descriptors is no error."""
        try:
            found, notes = find_descriptors(request, self.kinds, self.inherit)
        except NothingSaid as problem:
            found, notes = {}, [f"{problem}; {self.kind} are as long as names"] if request.descriptors else []
        wording = Wording(self.style, self.name)
        if self.count or self.shared or not found:
            names = wording.names(request, found)
            listed = [[phrase.entry for phrase in one.phrases] for one in found.values()]
            models = tuple(Phrase(one, "", "") for one in average(listed, [*names.values()], self.count))
            notes = [] if found else notes  # none of its classes is without a text
            found = {c: Said(found[c].key if c in found else "", models) for c in names}
        stock, seeds = self.stock(), make_class_keys(request.taxonomy)
        drawn = {
            c: Said(one.key, tuple(self._drawn(one.phrases, stock, "" if self.shared else seeds[c])))
            for c, one in found.items()
        }
        told = f"a control: {self.kind} stand in place of descriptors, and explain nothing"
        return PromptSet(wording.write(request, drawn), (told, *notes))

    def _drawn(self, phrases: Sequence[Phrase], stock: Sequence[str], seed: str) -> Iterator[Phrase]:
        """A phrase for each, of its shape."""
        draws: dict[tuple[str, ...], Random] = {}
        for one in phrases:
            about = (one.rank, one.taxon) if one.taxon else (seed,)
            draw = draws.setdefault(about, make_generator(self.kind, self.seed, *about))
            entry = replace(one.entry, phrase=self.phrase(stock, measure_shape(one.entry.phrase), draw))
            yield replace(one, entry=entry, kind=self.kind, source=f"{self.kind}, seed {self.seed}", taxon="", rank="")


@dataclass(frozen=True)
class RandomWords(_Random):
    """Words that have nothing to do with any class. words: the list they are drawn from, "everyday" or a .yaml file."""

    kind = "random words"

    words: Literal["everyday"] | Path = "everyday"

    def stock(self) -> Sequence[str]:
        return load_words(self.words).words

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join(draw_one(stock, draw) for _ in lengths)


class RandomCharacters(_Random):
    """Groups of letters, as long as words are."""

    kind = "random characters"

    def stock(self) -> Sequence[str]:
        return CONSONANTS

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join("".join(draw_one(stock, draw) for _ in range(length)) for length in lengths)


def measure_shape(phrase: str) -> Shape:
    """
    >>> shape("a long bill")
    (1, 4, 4)
    """
    return tuple(map(len, phrase.split()))


def average(listed: Sequence[Sequence[Descriptor]], names: Sequence[str], count: int | None) -> tuple[Descriptor, ...]:
    """Models of the same shape: as many words, as long, as descriptors have on average, or names where there are none.

    count: how many; none makes it the average number of descriptors of a class, rounded up (`WAFFLES` without any).
    """
    listed = [entries for entries in listed if entries]
    shapes = [measure_shape(entry.phrase) for entries in listed for entry in entries] or [
        measure_shape(name) for name in names
    ]
    words = max(1, round(sum(map(len, shapes)) / len(shapes)))
    letters = max(1, round(sum(map(sum, shapes)) / sum(map(len, shapes))))
    wanted = count or (ceil(sum(map(len, listed)) / len(listed)) if listed else WAFFLES)
    return (Descriptor(" ".join(["x" * letters] * words)),) * wanted
