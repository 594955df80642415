"""Finds names of classes in descriptors: "robin's red breast", "like a willow tit". There the name decides, not the trait."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bioclip_x.prompts.curation.findings import Done
from bioclip_x.prompts.curation.word_forms import contains_name, split_words

Leak = tuple[str, Done, str, str]
"""Kind, what is done, message, and the phrase without the name if it is mended."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a class and its relatives.

    own: scientific and common names of the class. genus: "" where it has none. siblings: names of the other taxa of its genus
    (or of its parent taxon); may include its own.
    """

    own: tuple[str, ...]
    genus: str = ""
    siblings: tuple[str, ...] = ()


class OtherNames:
    """An index of the names of other classes, to find them in phrases.

    fewest: words that a name must have, as a single word may be an everyday word.
    """

    def __init__(self, names: Iterable[str], fewest: int = 1) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        for name in names:
            for form in list_name_forms(name):
                if len(split_words(form)) >= fewest:
                    self._names.setdefault(split_words(form), name)
        self._lengths = sorted({len(name) for name in self._names}, reverse=True)

    def find(self, phrase: tuple[str, ...], exclude: Sequence[tuple[str, ...]]) -> tuple[str, int] | None:
        """Finds the longest name in a phrase that is not part of an excluded name; returns it with its number of words."""
        for n in self._lengths:
            for i in range(len(phrase) - n + 1):
                name = self._names.get(phrase[i : i + n])
                if name and not any(contains_name(excluded, phrase[i : i + n]) for excluded in exclude):
                    return name, n
        return None


@lru_cache(maxsize=64)
def _index_names(names: tuple[str, ...]) -> OtherNames:
    """Indexes names; cached, because adjacent classes of a file share their siblings."""
    return OtherNames(names)


def find_leak(phrase: str, names: Names, others: OtherNames | None) -> Leak | None:
    """Finds the first name in a phrase that should not be there; None where there is none.

    A phrase that begins with the class's own name is mended; one with the full name of a sibling is dropped. A name of a
    single word may be an everyday word ("iris") and is only reported.
    """
    words = split_words(phrase)
    own = sorted((split_words(form) for name in names.own for form in list_name_forms(name)), key=len, reverse=True)
    if words in own:
        return "class's name", "dropped", "only the name of the class", ""
    for name in names.own:
        for form in list_name_forms(name):
            begins = words[: len(split_words(form))] == split_words(form)  # saves compiling most patterns
            match = _compile_opening(form).match(phrase) if begins else None
            if match and split_words(match["rest"]):
                return "class's name", "mended", f"begins with the name {form!r}", match["rest"]
    for name_words in own:
        if len(name_words) > 1 and contains_name(words, name_words):
            return "class's name", "told", f"contains the name {' '.join(name_words)!r}", ""
    return _find_relative(phrase, words, names, own, others)


def _find_relative(
    phrase: str, words: tuple[str, ...], names: Names, own: list[tuple[str, ...]], others: OtherNames | None
) -> Leak | None:
    """Finds the name of a sibling, the genus or another class."""
    sibling = _index_names(names.siblings).find(words, own) if names.siblings else None
    if sibling:
        return "sibling's name", "dropped" if sibling[1] > 1 else "told", f"contains the name {sibling[0]!r}", ""
    if names.genus and names.genus in phrase and re.search(rf"\b{re.escape(names.genus)}\b", phrase):
        return "genus", "told", f"contains the genus {names.genus!r}", ""
    other = others.find(words, own) if others else None
    return ("other class's name", "told", f"contains the name {other[0]!r}", "") if other else None


@lru_cache(maxsize=65536)
def list_name_forms(name: str) -> tuple[str, ...]:
    """Returns the forms of a name in running text: with spaces for `_`, and also without parentheses.

    >>> list_name_forms("Common Eider (Adult male)")
    ('Common Eider (Adult male)', 'Common Eider')
    """
    last = re.split(r"[;>]", name)[-1]
    plain = " ".join(last.replace("_", " ").split())
    short = " ".join(re.sub(r"\([^()]*\)", " ", plain).split())
    return tuple(form for form in dict.fromkeys((plain, short)) if split_words(form))


@lru_cache(maxsize=4096)
def _compile_opening(form: str) -> re.Pattern[str]:
    """Compiles a pattern for "The robin's …", "Robins have …", "A robin is …", "Robin: …"."""
    name = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", form)))
    verb = r"(?:['’]s?\s|s['’]\s|s?\s*[:–—]|s?,?\s+(?:which\s+|that\s+)?(?:(?:has|have|with|is|are)\s|(?=can\s|may\s))|s?\s+-\s)"
    return re.compile(rf"(?i)^(?:an?\s+|the\s+)?{name}{verb}\s*(?:also\s+)?(?P<rest>.+)$")


def make_names_of_keys(names: Iterable[str]) -> Mapping[str, Names]:
    """Makes `Names` from the keys of a descriptor file, for use without a taxonomy."""
    return {name: Names((name,)) for name in names}
