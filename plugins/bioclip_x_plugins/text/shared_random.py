"""WaffleCLIP: the same random descriptors for every class (Roth et al., ICCV 2023, arXiv 2306.07282)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bioclip_x.plugin import PromptSet, TextBuilderCapabilities, TextRequest
from bioclip_x_plugins.text.phrases import NameSource
from bioclip_x_plugins.text.randomised import WAFFLES, RandomCharacters, RandomWords


class SharedRandom:
    """ "{class}, which has {random}": pairs of random words and random characters, the same for all classes.

    Number and length of the words are those of an average class name; descriptors are not read.

    seed: determines the draws. pairs: number of pairs. name: as for `descriptors`. words: as for `random-words`.
    """

    capabilities = TextBuilderCapabilities(pooling="mean", seed_option="seed")

    def __init__(
        self,
        *,
        seed: int = 0,
        pairs: Annotated[int, Field(ge=1)] = WAFFLES,
        name: NameSource = "common",
        words: Literal["everyday"] | Path = "everyday",
    ) -> None:
        self.seed, self.pairs, self.name, self.words = seed, pairs, name, words

    def build(self, request: TextRequest) -> PromptSet:
        """Writes two prompts per pair and class."""
        bare = replace(request, descriptors=None)
        words = RandomWords(
            seed=self.seed, count=self.pairs, shared=True, style="has", name=self.name, words=self.words
        )
        characters = RandomCharacters(seed=self.seed, count=self.pairs, shared=True, style="has", name=self.name)
        prompts = [*words.build(bare).prompts, *characters.build(bare).prompts]
        prompts.sort(key=lambda prompt: prompt.class_index)  # stable: the words of a class, then its characters
        note = "a control: the same random texts for all classes (WaffleCLIP); explanations are meaningless"
        return PromptSet(tuple(prompts), (note,))
