"""Names that leaked into descriptors: "robin's red breast", "like a willow tit". A name decides, where a trait should."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bioclip_x.prompts.curation.findings import Done
from bioclip_x.prompts.curation.word_forms import contains_name, split_words

Leak = tuple[str, Done, str, str]
"""Kind, what was done, a message, and the phrase after it."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a class and its relatives are called, as their authors write it.

    own: the class itself, scientific and common. genus: "" where it has none. siblings: those of its genus (or of the taxon
    just above it); its own may be among them.
    """

    own: tuple[str, ...]
    genus: str = ""
    siblings: tuple[str, ...] = ()


class OtherNames:
    """Names of other classes, to be found in phrases.

    fewest: words that a name must have. A name of one word may be an everyday word.
    """

    def __init__(self, names: Iterable[str], fewest: int = 1) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        for name in names:
            for form in list_name_forms(name):
                if len(split_words(form)) >= fewest:
                    self._names.setdefault(split_words(form), name)
        self._lengths = sorted({len(name) for name in self._names}, reverse=True)

    def within(self, phrase: tuple[str, ...], but: Sequence[tuple[str, ...]]) -> tuple[str, int] | None:
        """The longest name in a phrase, and its number of words; none that is among `but`, or part of one of them."""
        for n in self._lengths:
            for i in range(len(phrase) - n + 1):
                name = self._names.get(phrase[i : i + n])
                if name and not any(contains_name(one, phrase[i : i + n]) for one in but):
                    return name, n
        return None


@lru_cache(maxsize=64)
def _indexed(names: tuple[str, ...]) -> OtherNames:
    """Neighbours in a file share their siblings."""
    return OtherNames(names)


def find_leak(phrase: str, names: Names, others: OtherNames | None) -> Leak | None:
    """The first name that stands in a phrase though it should not. None where there is none.

    What begins with the class's own name is mended; what holds the full name of a sibling is dropped; a name of one word may
    be an everyday word ("iris"), and is only told.
    """
    said = split_words(phrase)
    own = sorted((split_words(form) for name in names.own for form in list_name_forms(name)), key=len, reverse=True)
    if said in own:
        return "class's name", "dropped", "only the name of the class", ""
    for name in names.own:
        for form in list_name_forms(name):
            begins = said[: len(split_words(form))] == split_words(form)  # a pattern is made for few names only
            rest = _begins(form).match(phrase) if begins else None
            if rest and split_words(rest["rest"]):
                return "class's name", "mended", f"begins with the name {form!r}", rest["rest"]
    for one in own:
        if len(one) > 1 and contains_name(said, one):
            return "class's name", "told", f"has the name {' '.join(one)!r} in it", ""
    return _of_relatives(phrase, said, names, own, others)


def _of_relatives(
    phrase: str, said: tuple[str, ...], names: Names, own: list[tuple[str, ...]], others: OtherNames | None
) -> Leak | None:
    sibling = _indexed(names.siblings).within(said, own) if names.siblings else None
    if sibling:
        return "sibling's name", "dropped" if sibling[1] > 1 else "told", f"has the name of {sibling[0]!r} in it", ""
    if names.genus and names.genus in phrase and re.search(rf"\b{re.escape(names.genus)}\b", phrase):
        return "genus", "told", f"has the genus {names.genus!r} in it", ""
    other = others.within(said, own) if others else None
    return ("other class's name", "told", f"has the name of {other[0]!r} in it", "") if other else None


@lru_cache(maxsize=65536)
def list_name_forms(name: str) -> tuple[str, ...]:
    """A name as prose would have it: without `_`, and also without what stands in brackets.

    >>> forms("Common Eider (Adult male)")
    ('Common Eider (Adult male)', 'Common Eider')
    """
    last = re.split(r"[;>]", name)[-1]
    plain = " ".join(last.replace("_", " ").split())
    short = " ".join(re.sub(r"\([^()]*\)", " ", plain).split())
    return tuple(form for form in dict.fromkeys((plain, short)) if split_words(form))


@lru_cache(maxsize=4096)
def _begins(form: str) -> re.Pattern[str]:
    """ "The robin's …", "Robins have …", "A robin is …", "Robin: …" """
    name = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", form)))
    verb = r"(?:['’]s?\s|s['’]\s|s?\s*[:–—]|s?,?\s+(?:which\s+|that\s+)?(?:(?:has|have|with|is|are)\s|(?=can\s|may\s))|s?\s+-\s)"
    return re.compile(rf"(?i)^(?:an?\s+|the\s+)?{name}{verb}\s*(?:also\s+)?(?P<rest>.+)$")


def make_names_of_keys(names: Iterable[str]) -> Mapping[str, Names]:
    """Where no tree is known, a class is called what the file calls it."""
    return {name: Names((name,)) for name in names}
