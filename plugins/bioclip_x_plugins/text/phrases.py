"""What a descriptor file says of each class, and phrases put into sentences about it (Menon & Vondrick, ICLR 2023).

Their code builds "{class}, {which is|which|which has} {descriptor}" by how the descriptor begins, and has two faults,
which `style="cbd"` mends and `style="cbd-original"` keeps, for parity with published prompts:

- it asks for a first *letter* where it means a first word: "antennae" → "which is antennae";
- a class without descriptors gets an empty one: "X, which has ".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.records import Prompt, Taxon, TextRequest
from bioclip_x.taxonomy import Resolver, Taxonomy
from bioclip_x.wording import some

Style = Literal["cbd", "cbd-original", "has", "bare"]
Called = Literal["common", "scientific", "file"]
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


class NothingSaid(DescriptorError):
    """There are no descriptors, or none of these classes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of one class. key: the file's name for it."""

    key: str
    entries: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is to be said of a class. kind, source: as the prompt's, for reports."""

    entry: Descriptor
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How phrases become sentences.

    style: none takes the descriptor file's own, else "cbd". called: what a class is called in its sentence, its common
    name (scientific where there is none), its scientific name, or what the descriptor file calls it.
    """

    style: Style | None
    called: Called

    def write(
        self, request: TextRequest, phrases: Mapping[int, Sequence[Phrase]], keys: Mapping[int, str]
    ) -> tuple[Prompt, ...]:
        """The prompts of every class asked for; one of which nothing is said is called by its name alone.

        keys: class → the file's name for it, where it has one.
        """
        style = self.style or _style_of(request.descriptors)
        source = f"no descriptors in {request.descriptors.source}" if request.descriptors else "no descriptors"
        prompts: list[Prompt] = []
        for c, name in self.names(request, keys).items():
            if not phrases.get(c):
                text = sentence(name, "", style) if style == "cbd-original" else name
                prompts.append(Prompt(text, c, "name", source=source))
            for one in phrases.get(c, ()):
                # The published code averages a repeated descriptor in as often as it is listed.
                weight = float(one.entry.times) if style == "cbd-original" else 1.0
                prompts.append(Prompt(_text(name, one.entry, style), c, one.kind, one.entry.phrase, one.source, weight))
        return tuple(prompts)

    def names(self, request: TextRequest, keys: Mapping[int, str]) -> dict[int, str]:
        """What each class asked for is called in its sentence."""
        taxa = {c: request.taxonomy.class_taxon(c) for c in request.classes}
        return {c: self._name(taxon, keys.get(c, ""), request.language) for c, taxon in taxa.items()}

    def _name(self, taxon: Taxon, key: str, language: str) -> str:
        if self.called == "file" and key:
            return key.replace("_", " ")
        common = taxon.common_name(language) if self.called != "scientific" else ""
        return (common or taxon.name).replace("_", " ")


def said(request: TextRequest, kinds: Kinds) -> tuple[dict[int, Said], list[str]]:
    """What the request's descriptors say, by class, and notes on what was lost, doubtful or missing.

    A class that the file only names has no entries. Raises NothingSaid without descriptors or with some that fit no
    class, DescriptorError by `missing="error"`.
    """
    descriptors = request.descriptors
    if descriptors is None:
        raise NothingSaid(
            "no descriptors: give --descriptors FILE (write one with `bioclip-x describe`), or use the model's own "
            "taxonomy"
        )
    matched, notes = match(descriptors, request.taxonomy)
    found = {
        c: Said(matched[c].key, tuple(entry for entry in matched[c].entries if kinds in ("all", entry.kind)))
        for c in request.classes
        if c in matched
    }
    without = [c for c in request.classes if c not in found or not found[c].entries]
    if len(without) == len(request.classes):
        raise NothingSaid(f"{descriptors.source}: its classes are none of this taxonomy's")
    if without:
        names = some([request.taxonomy.class_taxon(c).name for c in without])
        message = f"{len(without)} of {len(request.classes)} classes have no descriptors: {names}"
        if request.missing == "error":
            raise DescriptorError(f"{descriptors.source}: {message}")
        notes.append(f"{message}; their names stand in")
    return found, [*descriptors.notes, *notes]


def _text(name: str, entry: Descriptor, style: Style) -> str:
    """Where an organism is found is nothing it has: "X, on a forest floor"."""
    if entry.kind == "background" and style != "bare":
        return f"{name}, {entry.phrase}"
    return sentence(name, entry.phrase, style)


def match(descriptors: DescriptorSet, taxonomy: Taxonomy) -> tuple[dict[int, Said], list[str]]:
    """Class → what is said of it, and notes on names that fit no class or several."""
    resolver = Resolver(taxonomy)
    found: dict[int, Said] = {}
    lost: list[str] = []
    doubtful: dict[str, list[str]] = defaultdict(list)
    for name, entries in descriptors.classes.items():
        classes = resolver.classes(name)
        if not classes:
            lost.append(name)
        elif len(classes) > 1:
            doubtful["fit several classes"].append(name)
        elif classes[0] in found:
            doubtful[f"are the same class as {found[classes[0]].key!r}"].append(name)
        else:
            found[classes[0]] = Said(name, entries)
    about = descriptors.source
    notes = [f"{about}: {len(names)} skipped that {why}: {some(names)}" for why, names in doubtful.items()]
    if lost:
        notes.append(f"{about}: {len(lost)} skipped that name no class of this taxonomy: {some(lost)}")
    return found, notes


def _style_of(descriptors: DescriptorSet | None) -> Style:
    if descriptors is None:
        return "cbd"
    if descriptors.style not in ("", "cbd", "cbd-original", "has", "bare"):
        raise DescriptorError(f"{descriptors.source}: style {descriptors.style!r} is not known")
    return descriptors.style or "cbd"  # type: ignore[return-value]
