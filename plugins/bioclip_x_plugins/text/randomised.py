"""Controls: random words or characters in place of descriptors (WaffleCLIP; Roth et al., ICCV 2023).

arXiv 2306.07282 found that descriptors written by a language model often do no better than these. It writes "{class}, which
has {…}" with 15 pairs of random words and random characters, the same for all classes, whose number and length of words are
those of an average class name. Here, they are those of the descriptors, if there are any.
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
    ClassPhrases,
    Inherit,
    Kinds,
    NoDescriptorsError,
    Phrase,
    find_descriptors,
)
from bioclip_x_plugins.text.phrases import NameSource, SentenceWriter, Style
from bioclip_x_plugins.text.seeded_random import draw_one, make_class_keys, make_generator

WAFFLES: Final = 15
"""Default number of texts per class and control, if there are no descriptors."""

CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
"""No vowels, so that no real words occur by chance."""

Count = Annotated[int, Field(ge=1)]
Shape = tuple[int, ...]
"""The lengths of a phrase's words."""


@dataclass(frozen=True, kw_only=True)
class _Random(ABC):
    """Base of the random controls.

    seed: determines the draws, together with the class names.
    count: texts per class, with the average number and length of words of descriptors (of class names, if there are no
        descriptors); by default, each descriptor is replaced by a random text with the same number and lengths of words.
    shared: draw the same texts for every class, as in WaffleCLIP. style, name, kinds, inherit: as for `descriptors`; an
        inherited phrase has the same replacement in all classes that inherit it.
    """

    capabilities: ClassVar = TextBuilderCapabilities(pooling="mean", seed_option="seed", flag_options=FLAG_OPTIONS)
    kind: ClassVar[str]

    seed: int = 0
    count: Count | None = None
    shared: bool = False
    style: Style | None = None
    name: NameSource = "common"
    kinds: Kinds = "descriptor"
    inherit: Inherit = 0.0

    @abstractmethod
    def stock(self) -> Sequence[str]:
        """Returns the items to draw from."""

    @abstractmethod
    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        """Draws a random text with one word per length; controls of characters use the lengths."""

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError for `missing="error"`. Descriptors are optional."""
        try:
            described, notes = find_descriptors(request, self.kinds, self.inherit)
        except NoDescriptorsError as problem:
            described, notes = {}, [f"{problem}; {self.kind} are as long as names"] if request.descriptors else []
        writer = SentenceWriter(self.style, self.name)
        if self.count or self.shared or not described:
            names = writer.get_names(request, described)
            listed = [[phrase.entry for phrase in one.phrases] for one in described.values()]
            models = tuple(Phrase(one, "", "") for one in make_average_models(listed, [*names.values()], self.count))
            notes = [] if described else notes  # every class has a text, so missing descriptors are not noted
            described = {c: ClassPhrases(described[c].key if c in described else "", models) for c in names}
        stock, seeds = self.stock(), make_class_keys(request.taxonomy)
        replaced = {
            c: ClassPhrases(one.key, tuple(self._replace_phrases(one.phrases, stock, "" if self.shared else seeds[c])))
            for c, one in described.items()
        }
        note = f"a control: {self.kind} replace the descriptors; explanations are meaningless"
        return PromptSet(writer.write(request, replaced), (note, *notes))

    def _replace_phrases(self, phrases: Sequence[Phrase], stock: Sequence[str], seed: str) -> Iterator[Phrase]:
        """Replaces each phrase by a random one of the same shape."""
        generators: dict[tuple[str, ...], Random] = {}
        for one in phrases:
            about = (one.rank, one.taxon) if one.taxon else (seed,)
            draw = generators.setdefault(about, make_generator(self.kind, self.seed, *about))
            entry = replace(one.entry, phrase=self.phrase(stock, measure_shape(one.entry.phrase), draw))
            yield replace(one, entry=entry, kind=self.kind, source=f"{self.kind}, seed {self.seed}", taxon="", rank="")


@dataclass(frozen=True)
class RandomWords(_Random):
    """Words unrelated to any class. words: the list to draw from, "everyday" or a .yaml file."""

    kind = "random words"

    words: Literal["everyday"] | Path = "everyday"

    def stock(self) -> Sequence[str]:
        return load_words(self.words).words

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join(draw_one(stock, draw) for _ in lengths)


class RandomCharacters(_Random):
    """Groups of random letters with the lengths of words."""

    kind = "random characters"

    def stock(self) -> Sequence[str]:
        return CONSONANTS

    def phrase(self, stock: Sequence[str], lengths: Shape, draw: Random) -> str:
        return " ".join("".join(draw_one(stock, draw) for _ in range(length)) for length in lengths)


def measure_shape(phrase: str) -> Shape:
    """Returns the lengths of a phrase's words.

    >>> measure_shape("a long bill")
    (1, 4, 4)
    """
    return tuple(map(len, phrase.split()))


def make_average_models(
    listed: Sequence[Sequence[Descriptor]], names: Sequence[str], count: int | None
) -> tuple[Descriptor, ...]:
    """Makes placeholders with the average number and length of words of descriptors, or of names if there are none.

    count: how many; by default the average number of descriptors per class, rounded up (`WAFFLES` without any).
    """
    listed = [entries for entries in listed if entries]
    shapes = [measure_shape(entry.phrase) for entries in listed for entry in entries] or [
        measure_shape(name) for name in names
    ]
    words = max(1, round(sum(map(len, shapes)) / len(shapes)))
    letters = max(1, round(sum(map(sum, shapes)) / sum(map(len, shapes))))
    number = count or (ceil(sum(map(len, listed)) / len(listed)) if listed else WAFFLES)
    return (Descriptor(" ".join(["x" * letters] * words)),) * number
