"""Descriptors → the same, cleaned, and what was found in them. What is certain is mended or dropped; the rest is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bioclip_x.prompts.curation.duplicates import drop_repeats, find_same_lists
from bioclip_x.prompts.curation.findings import Curated, Finding
from bioclip_x.prompts.curation.markup import is_empty_answer, repair_markup
from bioclip_x.prompts.curation.name_leaks import Names, OtherNames, find_leak, make_names_of_keys
from bioclip_x.prompts.curation.visibility import find_invisible
from bioclip_x.records.descriptor import Descriptor, DescriptorSet

CONTEXT: Final = 77
"""Tokens that CLIP's text tower reads, its two marks included."""

WORDS_READ: Final = 50
"""About as many words as fit into the context, where no tokenizer is at hand."""

LONGEST: Final = 400
"""Words in a phrase over which it is none, and is dropped."""


class Curator:
    """Looks through descriptors, one class at a time.

    names: what each class and its siblings are called; a class that is not there is called what the file calls it. Where
    no siblings are known at all, names of any other class of the file are told. count_tokens: of a text, marks included.
    """

    def __init__(
        self,
        descriptors: DescriptorSet,
        names: Mapping[str, Names] | None = None,
        *,
        count_tokens: Callable[[str], int] | None = None,
        context: int = CONTEXT,
    ) -> None:
        self.descriptors = descriptors
        self.names = {**make_names_of_keys(descriptors.classes), **(names or {})}
        self.others = OtherNames(descriptors.classes, fewest=2) if names is None else None
        self.count_tokens = count_tokens
        self.context = context
        self.is_sentence = descriptors.style == "sentence"
        self.findings: list[Finding] = []

    def curate(self, groups: Sequence[Sequence[str]] | None = None) -> Curated:
        """groups: names of classes that are siblings; all of the file, where none are given."""
        classes = {name: self._class(name, entries) for name, entries in self.descriptors.classes.items()}
        cleaned = replace(self.descriptors, classes=classes)
        self.findings += find_same_lists(cleaned, [list(classes)] if groups is None else groups)
        for name in cleaned.empty_classes:
            was = "nothing is left of its descriptors" if self.descriptors.classes[name] else "it has no descriptors"
            self.findings.append(Finding("empty class", name, "", "told", f"{was}; to be asked again"))
        return Curated(cleaned, tuple(self.findings))

    def _class(self, name: str, entries: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
        kept = [clean for entry in entries if (clean := self._entry(name, entry))]
        return tuple(drop_repeats(name, kept, self.findings))

    def _entry(self, name: str, entry: Descriptor) -> Descriptor | None:
        """One descriptor, clean; None if it is dropped."""
        phrase = " ".join(entry.phrase.split())
        for kind, message, after in repair_markup(phrase, is_sentence=self.is_sentence):
            self.findings.append(Finding(kind, name, phrase, "mended" if after else "dropped", message, after))
            phrase = after
        if not phrase:
            return None
        n = len(phrase.split())
        if is_empty_answer(phrase) or n > LONGEST:
            kind, why = (
                ("too long", f"{n:,} words are no descriptor") if n > LONGEST else ("says nothing", "no trait is told")
            )
            self.findings.append(Finding(kind, name, phrase, "dropped", why))
            return None
        named = self._without_names(name, phrase)
        if not named:
            return None
        if entry.kind == "descriptor" and (found := find_invisible(named)):
            self.findings.append(Finding("not visual", name, named, *found))
            if found[0] == "dropped":
                return None
        self._tell_length(name, named)
        return entry if named == entry.phrase else replace(entry, phrase=named)

    def _without_names(self, name: str, phrase: str) -> str:
        """A sentence of its own needs the name that it speaks of; a phrase does not."""
        found = None if self.is_sentence else find_leak(phrase, self.names[name], self.others)
        if found is None:
            return phrase
        kind, done, message, after = found
        self.findings.append(Finding(kind, name, phrase, done, message, after))
        return phrase if done == "told" else after

    def _tell_length(self, name: str, phrase: str) -> None:
        text = phrase if self.is_sentence else f"{name}, which has {phrase}"
        if self.count_tokens:
            n, most, unit = self.count_tokens(text), self.context, "tokens"
        else:
            n, most, unit = len(text.split()), WORDS_READ, "words"
        if n > most:
            self.findings.append(
                Finding("too long", name, phrase, "told", f"{n} {unit} with the name; a model reads about {most}")
            )


def curate(
    descriptors: DescriptorSet,
    names: Mapping[str, Names] | None = None,
    groups: Sequence[Sequence[str]] | None = None,
    *,
    count_tokens: Callable[[str], int] | None = None,
    context: int = CONTEXT,
) -> Curated:
    """See `Curator`. `pipeline.curation.curate` takes names and siblings from a taxonomy."""
    return Curator(descriptors, names, count_tokens=count_tokens, context=context).curate(groups)
