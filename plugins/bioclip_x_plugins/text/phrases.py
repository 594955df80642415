"""Phrases put into sentences about a class (Menon & Vondrick, ICLR 2023).

Their code builds "{class}, {which is|which|which has} {descriptor}" by how the descriptor begins, and has two faults,
which `style="cbd"` mends and `style="cbd-original"` keeps, for parity with published prompts:

- it asks for a first *letter* where it means a first word: "antennae" → "which is antennae";
- a class without descriptors gets an empty one: "X, which has ".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bioclip_x.plugin import Descriptor, DescriptorError, DescriptorSet, Prompt, Taxon, TextRequest
from bioclip_x_plugins.text.class_descriptors import Said

Style = Literal["cbd", "cbd-original", "has", "bare", "sentence"]
_ALONE = ("bare", "sentence")
"""Styles in which the phrase is the whole text: it names no class, or is a sentence that names it itself (CuPL)."""

Called = Literal["common", "scientific", "file"]

_IS = ("a", "an", "used")
_PLAIN = ("has", "often", "typically", "may", "can")


def make_sentence(name: str, phrase: str, style: Style) -> str:
    """One prompt of a class.

    >>> sentence("bee", "antennae", "cbd"), sentence("bee", "antennae", "cbd-original")
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
class Wording:
    """How phrases become sentences.

    style: none takes the descriptor file's own, else "cbd". called: what a class is called in its sentence, its common
    name (scientific where there is none), its scientific name, or what the descriptor file calls it.
    """

    style: Style | None
    called: Called

    def write(self, request: TextRequest, found: Mapping[int, Said]) -> tuple[Prompt, ...]:
        """The prompts of every class asked for; one of which nothing is said is called by its name alone."""
        style = self.style or _style_of(request.descriptors)
        source = f"no descriptors in {request.descriptors.source}" if request.descriptors else "no descriptors"
        prompts: list[Prompt] = []
        for c, name in self.names(request, found).items():
            phrases = found[c].phrases if c in found else ()
            if not phrases:
                text = make_sentence(name, "", style) if style == "cbd-original" else name
                prompts.append(Prompt(text, c, "name", source=source))
            for one in phrases:
                # The published code averages a repeated descriptor in as often as it is listed.
                weight = one.weight * one.entry.weight * (one.entry.times if style == "cbd-original" else 1)
                text = _text(name, one.entry, style)
                prompts.append(Prompt(text, c, one.kind, one.entry.phrase, one.source, weight, one.taxon, one.rank))
        return tuple(prompts)

    def names(self, request: TextRequest, found: Mapping[int, Said]) -> dict[int, str]:
        """What each class asked for is called in its sentence."""
        taxa = {c: request.taxonomy.class_taxon(c) for c in request.classes}
        keys = {c: one.key for c, one in found.items()}
        return {c: self._name(taxon, keys.get(c, ""), request.language) for c, taxon in taxa.items()}

    def _name(self, taxon: Taxon, key: str, language: str) -> str:
        if self.called == "file" and key:
            return key.replace("_", " ")
        common = taxon.common_name(language) if self.called != "scientific" else ""
        return (common or taxon.name).replace("_", " ")


def _text(name: str, entry: Descriptor, style: Style) -> str:
    """Where an organism is found is nothing it has: "X, on a forest floor"."""
    if entry.kind == "background" and style not in _ALONE:
        return f"{name}, {entry.phrase}"
    return make_sentence(name, entry.phrase, style)


def _style_of(descriptors: DescriptorSet | None) -> Style:
    if descriptors is None:
        return "cbd"
    if descriptors.style not in ("", *get_args(Style)):
        raise DescriptorError(f"{descriptors.source}: style {descriptors.style!r} is not known")
    return descriptors.style or "cbd"  # type: ignore[return-value]
