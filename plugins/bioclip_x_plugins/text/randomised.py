"""Controls: random words, or random characters, where descriptors would stand (WaffleCLIP; Roth et al., ICCV 2023).

arXiv 2306.07282 found that descriptors written by a language model often do no better than these. In its sentences
"{class}, which has {…}" every class is given 15 pairs of random words and random characters, the same for all classes,
with as many words, and as long, as a class's name has on average. Here they are as descriptors are, where there are any.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from random import Random
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from bioclip_x.prompts import Descriptor, load_words
from bioclip_x.records import PromptSet, TextRequest

from .draws import class_keys, generator, one_of
from .phrases import Called, Kinds, NothingSaid, Phrase, Style, Wording, said

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
    shared: the same draws for every class, as in WaffleCLIP. style, name, kinds: as for `descriptors`.
    """

    pooling = "mean"
    kind: ClassVar[str]

    seed: int = 0
    count: Count | None = None
    shared: bool = False
    style: Style | None = None
    name: Called = "common"
    kinds: Kinds = "descriptor"

    @abstractmethod
    def stock(self) -> Sequence[str]:
        """What is drawn from."""

    @abstractmethod
    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        """Random text whose words have these lengths, if the control minds them."""

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError by `missing="error"`; that there are no descriptors is no error."""
        try:
            found, notes = said(request, self.kinds)
        except NothingSaid as problem:
            found, notes = {}, [f"{problem}; {self.kind} are as long as names"] if request.descriptors else []
        keys, wording = {c: one.key for c, one in found.items()}, Wording(self.style, self.name)
        models: Mapping[int, Sequence[Descriptor]] = {c: one.entries for c, one in found.items()}
        if self.count or self.shared or not found:
            names = wording.names(request, keys)
            models = dict.fromkeys(names, average([*models.values()], [*names.values()], self.count))
            notes = [] if found else notes  # none of its classes is without a text
        stock, seeds = self.stock(), class_keys(request.taxonomy)
        phrases = {
            c: self._drawn(entries, stock, generator(self.kind, self.seed, "" if self.shared else seeds[c]))
            for c, entries in models.items()
        }
        told = f"a control: {self.kind} stand in place of descriptors, and explain nothing"
        return PromptSet(wording.write(request, phrases, keys), (told, *notes))

    def _drawn(self, entries: Sequence[Descriptor], stock: Sequence[str], draw: Random) -> list[Phrase]:
        """A phrase for each entry, of its shape."""
        drawn = [replace(entry, phrase=self.phrase(stock, shape(entry.phrase), draw)) for entry in entries]
        return [Phrase(entry, self.kind, f"{self.kind}, seed {self.seed}") for entry in drawn]


@dataclass(frozen=True)
class RandomWords(_Random):
    """Words that have nothing to do with any class. words: the list they are drawn from, "everyday" or a .yaml file."""

    kind = "random words"

    words: Literal["everyday"] | Path = "everyday"

    def stock(self) -> Sequence[str]:
        return load_words(self.words).words

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join(one_of(stock, draw) for _ in lengths)


class RandomCharacters(_Random):
    """Groups of letters, as long as words are."""

    kind = "random characters"

    def stock(self) -> Sequence[str]:
        return CONSONANTS

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join("".join(one_of(stock, draw) for _ in range(length)) for length in lengths)


def shape(phrase: str) -> Shape:
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
    shapes = [shape(entry.phrase) for entries in listed for entry in entries] or [shape(name) for name in names]
    words = max(1, round(sum(map(len, shapes)) / len(shapes)))
    letters = max(1, round(sum(map(sum, shapes)) / sum(map(len, shapes))))
    wanted = count or (ceil(sum(map(len, listed)) / len(listed)) if listed else WAFFLES)
    return (Descriptor(" ".join(["x" * letters] * words)),) * wanted
