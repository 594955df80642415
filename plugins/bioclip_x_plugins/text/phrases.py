"""Writes phrases as sentences about a class (Menon & Vondrick, ICLR 2023).

Their code builds "{class}, {which is|which|which has} {descriptor}" depending on the beginning of the descriptor, and has two
bugs, which `style="cbd"` fixes and `style="cbd-original"` reproduces, for parity with published prompts; the latter also keeps
repeated descriptors (places365) in their places. Their code appends "." to ImageNet's texts, and nothing to any other data
set's (hparams['after_text'] in load.py): `after="."`. The bugs:

- it compares the first *letter* instead of the first word: "antennae" → "which is antennae";
- a class without descriptors gets an empty one: "X, which has ".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

from bioclip_x.plugin import (
    Descriptor,
    DescriptorError,
    DescriptorSet,
    Prompt,
    Taxon,
    TextRequest,
    list_as_published,
)
from bioclip_x_plugins.text.class_descriptors import ClassPhrases, Phrase

Style = Literal["cbd", "cbd-original", "has", "bare", "sentence"]
_ALONE = ("bare", "sentence")
"""Styles in which the phrase is the whole text: it names no class, or is a sentence that includes the name (CuPL)."""

NameSource = Literal["common", "scientific", "file"]

_IS = ("a", "an", "used")
_PLAIN = ("has", "often", "typically", "may", "can")


def make_sentence(name: str, phrase: str, style: Style) -> str:
    """Returns the text of one phrase about a class.

    >>> make_sentence("bee", "antennae", "cbd"), make_sentence("bee", "antennae", "cbd-original")
    ('bee, which has antennae', 'bee, which is antennae')
    """
    if style in _ALONE:
        return phrase
    if style == "has":
        return f"{name}, which has {phrase}"
    begins = phrase.startswith if style == "cbd-original" else lambda words: phrase.split(" ")[0] in words
    if begins(_IS):
        return f"{name}, which is {phrase}"
    return f"{name}, which {phrase}" if begins(_PLAIN) else f"{name}, which has {phrase}"


@dataclass(frozen=True, slots=True)
class SentenceWriter:
    """Writes the prompts of classes.

    style: None for the descriptor file's style, else "cbd". name_source: a class's name in the sentence: its common name
    (scientific if it has none), its scientific name, or its name in the descriptor file. after: appended to every text.
    """

    style: Style | None
    name_source: NameSource
    after: str = ""

    def write(self, request: TextRequest, phrases_of: Mapping[int, ClassPhrases]) -> tuple[Prompt, ...]:
        """Writes the prompts of every requested class; that of a class without phrases is its name."""
        style = self.style or _get_style(request.descriptors)
        source = f"no descriptors in {request.descriptors.source}" if request.descriptors else "no descriptors"
        prompts: list[Prompt] = []
        for c, name in self.get_names(request, phrases_of).items():
            phrases = phrases_of[c].phrases if c in phrases_of else ()
            if not phrases:
                text = make_sentence(name, "", style) if style == "cbd-original" else name
                prompts.append(Prompt(text + self.after, c, "name", source=source))
            for one in _repeat_as_published(phrases) if style == "cbd-original" else phrases:
                weight = one.weight * one.entry.weight
                text = _make_text(name, one.entry, style) + self.after
                prompts.append(Prompt(text, c, one.kind, one.entry.phrase, one.source, weight, one.taxon, one.rank))
        return tuple(prompts)

    def get_names(self, request: TextRequest, phrases_of: Mapping[int, ClassPhrases]) -> dict[int, str]:
        """Returns class → its name in the sentence, for the requested classes."""
        taxa = {c: request.taxonomy.class_taxon(c) for c in request.classes}
        keys = {c: one.key for c, one in phrases_of.items()}
        return {c: self._get_name(taxon, keys.get(c, ""), request.language) for c, taxon in taxa.items()}

    def _get_name(self, taxon: Taxon, key: str, language: str) -> str:
        if self.name_source == "file" and key:
            return key.replace("_", " ")
        common = taxon.common_name(language) if self.name_source != "scientific" else ""
        return (common or taxon.name).replace("_", " ")


def _repeat_as_published(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Returns the phrases of a class in their author's order, each as often as it is listed: so often the published code
    includes it in the mean. Those of each taxon stay together."""
    repeated: list[Phrase] = []
    for _, of_taxon in groupby(phrases, key=lambda one: (one.rank, one.taxon)):
        listed = list(of_taxon)
        repeated += [listed[index] for index in list_as_published([one.entry for one in listed])]
    return repeated


def _make_text(name: str, entry: Descriptor, style: Style) -> str:
    """Returns the text of a descriptor; a background is not preceded by "which has": "X, on a forest floor"."""
    if entry.kind == "background" and style not in _ALONE:
        return f"{name}, {entry.phrase}"
    return make_sentence(name, entry.phrase, style)


def _get_style(descriptors: DescriptorSet | None) -> Style:
    if descriptors is None:
        return "cbd"
    if descriptors.style not in ("", *get_args(Style)):
        raise DescriptorError(f"{descriptors.source}: style {descriptors.style!r} is not known")
    return descriptors.style or "cbd"  # type: ignore[return-value]
