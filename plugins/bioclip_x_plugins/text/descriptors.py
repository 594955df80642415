"""Classification by description: one text per trait of a class (Menon & Vondrick, ICLR 2023, arXiv 2210.07183).

The published code builds "{class}, {which is|which|which has} {descriptor}" by how the descriptor begins, and has two
faults, which `style="cbd"` mends and `style="cbd-original"` keeps, for parity with published prompts:

- it asks for a first *letter* where it means a first word: "antennae" → "which is antennae";
- a class without descriptors gets an empty one: "X, which has ".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.records import Prompt, PromptSet, Taxon, TextRequest
from bioclip_x.taxonomy import Resolver, Taxonomy
from bioclip_x.wording import some

Style = Literal["cbd", "cbd-original", "has", "bare"]
Name = Literal["common", "scientific", "file"]
Kinds = Literal["descriptor", "background", "all"]

_IS = ("a", "an", "used")
_PLAIN = ("has", "often", "typically", "may", "can")


def sentence(name: str, phrase: str, style: Style) -> str:
    """One prompt of a class.

    >>> sentence("bee", "antennae", "cbd"), sentence("bee", "antennae", "cbd-original")
    ('bee, which has antennae', 'bee, which is antennae')
    """
    if style == "bare":
        return phrase
    if style == "has":
        return f"{name}, which has {phrase}"
    begins = phrase.startswith if style == "cbd-original" else lambda words: phrase.split(" ")[0] in words
    if begins(_IS):
        return f"{name}, which is {phrase}"
    return f"{name}, which {phrase}" if begins(_PLAIN) else f"{name}, which has {phrase}"


class Descriptors:
    """One text per descriptor of a class.

    style: "cbd" (the published sentence, mended), "cbd-original" (to the letter), "has" (always "which has"), "bare"
        (the phrase alone); none takes the descriptor file's own, else "cbd".
    name: what a class is called in its sentence: its common name (scientific where there is none), its scientific name,
        or what the descriptor file calls it.
    kinds: descriptors of the organism, of its background, or all.
    """

    def __init__(self, *, style: Style | None = None, name: Name = "common", kinds: Kinds = "descriptor") -> None:
        self.style = style
        self.name = name
        self.kinds = kinds

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError without a descriptor file, with one that fits no class, or by `missing="error"`."""
        if request.descriptors is None:
            raise DescriptorError(
                "no descriptors: give --descriptors FILE (write one with `bioclip-x describe`), or use the model's own "
                "taxonomy"
            )
        style: Style = self.style or _style_of(request.descriptors)
        found, notes = match(request.descriptors, request.taxonomy)
        wanted = {c: (key, self._wanted(entries)) for c, (key, entries) in found.items()}
        without = [c for c in request.classes if not wanted.get(c, ("", ()))[1]]
        if len(without) == len(request.classes):
            raise DescriptorError(f"{request.descriptors.source}: its classes are none of this taxonomy's")
        if without:
            names = some([request.taxonomy.class_taxon(c).name for c in without])
            message = f"{len(without)} of {len(request.classes)} classes have no descriptors: {names}"
            if request.missing == "error":
                raise DescriptorError(f"{request.descriptors.source}: {message}")
            notes.append(f"{message}; their names stand in")
        prompts: list[Prompt] = []
        for class_index in request.classes:
            key, entries = wanted.get(class_index, ("", ()))
            prompts.extend(self._prompts(request, style, class_index, key, entries))
        return PromptSet(tuple(prompts), (*request.descriptors.notes, *notes))

    def _wanted(self, entries: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
        return tuple(d for d in entries if self.kinds in ("all", d.kind))

    def _prompts(
        self, request: TextRequest, style: Style, class_index: int, key: str, entries: Sequence[Descriptor]
    ) -> list[Prompt]:
        assert request.descriptors is not None
        name = self._called(request.taxonomy.class_taxon(class_index), key, request.language)
        source = request.descriptors.source
        if not entries:
            text = sentence(name, "", style) if style == "cbd-original" else name
            return [Prompt(text, class_index, "name", source=f"no descriptors in {source}")]
        # The published code averages a repeated descriptor in as often as it is listed.
        weights = [float(entry.times) if style == "cbd-original" else 1.0 for entry in entries]
        return [
            Prompt(_text(name, entry, style), class_index, entry.kind, entry.phrase, source, weight)
            for entry, weight in zip(entries, weights)
        ]

    def _called(self, taxon: Taxon, key: str, language: str) -> str:
        if self.name == "file" and key:
            return key.replace("_", " ")
        common = taxon.common_name(language) if self.name != "scientific" else ""
        return (common or taxon.name).replace("_", " ")


def _text(name: str, entry: Descriptor, style: Style) -> str:
    """Where an organism is found is nothing it has: "X, on a forest floor"."""
    if entry.kind == "background" and style != "bare":
        return f"{name}, {entry.phrase}"
    return sentence(name, entry.phrase, style)


def match(
    descriptors: DescriptorSet, taxonomy: Taxonomy
) -> tuple[dict[int, tuple[str, tuple[Descriptor, ...]]], list[str]]:
    """Class index → (the file's name for it, its descriptors), and notes on names that fit no class or several."""
    resolver = Resolver(taxonomy)
    found: dict[int, tuple[str, tuple[Descriptor, ...]]] = {}
    lost: list[str] = []
    doubtful: dict[str, list[str]] = defaultdict(list)
    for name, entries in descriptors.classes.items():
        classes = resolver.classes(name)
        if not classes:
            lost.append(name)
        elif len(classes) > 1:
            doubtful["fit several classes"].append(name)
        elif classes[0] in found:
            doubtful[f"are the same class as {found[classes[0]][0]!r}"].append(name)
        else:
            found[classes[0]] = (name, entries)
    about = descriptors.source
    notes = [f"{about}: {len(names)} skipped that {why}: {some(names)}" for why, names in doubtful.items()]
    if lost:
        notes.append(f"{about}: {len(lost)} skipped that name no class of this taxonomy: {some(lost)}")
    return found, notes


def _style_of(descriptors: DescriptorSet) -> Style:
    if descriptors.style not in ("", "cbd", "cbd-original", "has", "bare"):
        raise DescriptorError(f"{descriptors.source}: style {descriptors.style!r} is not known")
    return descriptors.style or "cbd"  # type: ignore[return-value]
