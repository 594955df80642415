"""Cleans descriptors and reports findings. Certain faults are repaired or dropped; doubtful ones are only reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bioclip_x.prompts.curation.duplicates import drop_repeats, find_same_lists
from bioclip_x.prompts.curation.findings import Curated, Finding
from bioclip_x.prompts.curation.markup import is_empty_answer, repair_markup
from bioclip_x.prompts.curation.name_leaks import Names, OtherNames, find_leak, make_names_of_keys
from bioclip_x.prompts.curation.visibility import find_invisible
from bioclip_x.records.texts.descriptor import Descriptor, DescriptorSet

CONTEXT: Final = 77
"""Tokens that CLIP's text tower reads, start and end tokens included."""

WORDS_READ: Final = 50
"""Words that fit into the context, approximately; used without a tokenizer."""

LONGEST: Final = 400
"""Words; longer phrases are dropped."""


class Curator:
    """Curates descriptors, one class at a time.

    names: of each class and its siblings; a missing class has its name in the file only. Without `names`, those of any other
    class of the file are reported. count_tokens: counts the tokens of a text, start and end tokens included.
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
        """Curates all classes. groups: names of classes that are siblings; None for a single group of all classes."""
        classes = {name: self._curate_class(name, entries) for name, entries in self.descriptors.classes.items()}
        cleaned = replace(self.descriptors, classes=classes)
        self.findings += find_same_lists(cleaned, [list(classes)] if groups is None else groups)
        for name in cleaned.empty_classes:
            reason = "no descriptor is left" if self.descriptors.classes[name] else "it has no descriptors"
            self.findings.append(Finding("empty class", name, "", "told", f"{reason}; ask again"))
        return Curated(cleaned, tuple(self.findings))

    def _curate_class(self, name: str, entries: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
        kept = [clean for entry in entries if (clean := self._curate_entry(name, entry))]
        return tuple(drop_repeats(name, kept, self.findings))

    def _curate_entry(self, name: str, entry: Descriptor) -> Descriptor | None:
        """Returns the cleaned descriptor; None if it is dropped."""
        phrase = " ".join(entry.phrase.split())
        for kind, message, after in repair_markup(phrase, is_sentence=self.is_sentence):
            self.findings.append(Finding(kind, name, phrase, "mended" if after else "dropped", message, after))
            phrase = after
        if not phrase:
            return None
        n = len(phrase.split())
        if is_empty_answer(phrase) or n > LONGEST:
            kind, message = (
                ("too long", f"{n:,} words; too long for a descriptor")
                if n > LONGEST
                else ("says nothing", "it names no trait")
            )
            self.findings.append(Finding(kind, name, phrase, "dropped", message))
            return None
        phrase = self._remove_names(name, phrase)
        if not phrase:
            return None
        if entry.kind == "descriptor" and (invisible := find_invisible(phrase)):
            done, message = invisible
            self.findings.append(Finding("not visual", name, phrase, done, message))
            if done == "dropped":
                return None
        self._check_length(name, phrase)
        return entry if phrase == entry.phrase else replace(entry, phrase=phrase)

    def _remove_names(self, name: str, phrase: str) -> str:
        """Removes leaked names; returns "" if the phrase is dropped. Sentences keep theirs, which are their subjects."""
        leak = None if self.is_sentence else find_leak(phrase, self.names[name], self.others)
        if leak is None:
            return phrase
        kind, done, message, after = leak
        self.findings.append(Finding(kind, name, phrase, done, message, after))
        return phrase if done == "told" else after

    def _check_length(self, name: str, phrase: str) -> None:
        text = phrase if self.is_sentence else f"{name}, which has {phrase}"
        if self.count_tokens:
            n, limit, unit = self.count_tokens(text), self.context, "tokens"
        else:
            n, limit, unit = len(text.split()), WORDS_READ, "words"
        if n > limit:
            message = f"{n} {unit} with the name; a model reads about {limit}"
            self.findings.append(Finding("too long", name, phrase, "told", message))


def curate(
    descriptors: DescriptorSet,
    names: Mapping[str, Names] | None = None,
    groups: Sequence[Sequence[str]] | None = None,
    *,
    count_tokens: Callable[[str], int] | None = None,
    context: int = CONTEXT,
) -> Curated:
    """Curates descriptors; see `Curator`. `describe.check.curate` takes names and siblings from a taxonomy."""
    return Curator(descriptors, names, count_tokens=count_tokens, context=context).curate(groups)
