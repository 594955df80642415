"""Parses the name of a given identification into what it may be looked up by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bioclip_x.dataset.names.cells import clean_cell
from bioclip_x.taxonomy.names.normalise import fold_common_name, normalise_name
from bioclip_x.taxonomy.names.open_names import is_open_name
from bioclip_x.taxonomy.names.parsing import ScientificName, parse_name
from bioclip_x.taxonomy.ranks import ORDER, normalise_rank

_PLAIN: Final = re.compile(r"[A-Z][a-z-]{2,}(?: [a-z-]{2,}){0,2}")
_LEADING: Final = re.compile(
    r"(?:unidentified|unknown|undetermined|undet\.?|indet\.?|uncultured|unclassified|possible|possibly|probably|probable|likely)\s+",
    re.IGNORECASE,
)
_TRAILING: Final = re.compile(r"\s{0,9}\(?\?{1,20}\)?$")
_CODE: Final = re.compile(r"(?:BOLD:|OTU|ASV|SH\d|[A-Z]+_?\d{3,})", re.IGNORECASE)
_UNINOMIAL: Final = re.compile(r"[A-ZÀ-ÖØ-Þ][^\W\d_A-Z]{2,}(?:-[^\W\d_]+)?")
_NO_SPECIES: Final = re.compile(r" (?:gen\. )?spp?\.?$", re.IGNORECASE)
_CROSS: Final = re.compile(r"\s[x×✕]\s")


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What a name may be looked up by.

    text: the name cleaned, "" if it names nothing. keys: the name as compared, the most exact form first. species: key of the
    species of a name below species. above: key of the genus (or other taxon) that the name tells of itself; of an open name
    all that it tells. is_open: names no one species (sp., cf., a slash, a formula of hybrids, a question mark). rank: as
    given, where the words do not contradict it. folded: key among common names.
    """

    text: str = ""
    keys: tuple[str, ...] = ()
    species: str = ""
    above: str = ""
    is_open: bool = False
    rank: str = ""
    folded: str = ""


@lru_cache(maxsize=1 << 12)
def parse_given(text: str, rank: str = "") -> ParsedName:
    """Parses a name as given, scientific or common, with or without author.

    >>> parse_given("Parus caeruleus L., 1758").keys, parse_given("Loxia cf. curvirostra").above
    (('parus caeruleus l., 1758', 'parus caeruleus'), 'loxia')
    """
    text, rank = clean_cell(text), normalise_rank(rank)
    is_doubtful = bool(_TRAILING.search(text))
    text = _TRAILING.sub("", text)
    while match := _LEADING.match(text):
        text, is_doubtful = text[match.end() :], is_doubtful or match[0][:1].lower() in "pl"
    text = clean_cell(text)
    if not text or _CODE.match(text):
        return ParsedName(text, (normalise_name(text),) if text else ())
    cased = _set_case(text)
    if not is_doubtful and _PLAIN.fullmatch(cased):
        words = cased.split()
        return _make(text, ScientificName(cased, "", words[0], "", *_split_epithets(words)), rank)
    parsed = parse_name(cased, rank)
    if is_doubtful or parsed.is_placeholder or is_open_name(cased):
        return _make_open(text, cased, parsed)
    return _make(text, parsed, rank)


def _set_case(text: str) -> str:
    """Returns a name in the letter case of scientific names, where it is all in upper or all in lower case."""
    if text.isupper() and len(text) > 3:
        return text.capitalize()
    return text[0].upper() + text[1:] if text.islower() else text


def _split_epithets(words: list[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (words[1] if len(words) > 1 else ""), (tuple(("", word) for word in words[2:]))


def _make(text: str, parsed: ScientificName, rank: str) -> ParsedName:
    """Lists the forms of a name of one taxon, or of a label."""
    forms = [text, parsed.name, parsed.canonical]
    genus, epithet = parsed.genus, parsed.epithet
    if epithet and parsed.is_hybrid:  # trees write a hybrid's name with its sign, without blank, or without sign
        plain = [part.lstrip("× ") for part in (genus, epithet)]
        forms += [f"{plain[0]} × {plain[1]}", " ".join(plain)] if not parsed.infraspecific else []
    species = f"{genus} {epithet}" if epithet and parsed.infraspecific else ""
    below_genus = ORDER.get(rank, -1) >= ORDER["species"]
    contradicts = rank in ORDER and bool(genus) and (below_genus if not epithet else not below_genus)
    return ParsedName(
        text,
        tuple(dict.fromkeys(map(normalise_name, forms))),
        normalise_name(species),
        normalise_name(genus) if epithet and text[:1].isupper() else "",
        False,
        "" if contradicts else rank,
        fold_common_name(text),
    )


def _make_open(text: str, cased: str, parsed: ScientificName) -> ParsedName:
    """Takes what is certain of a name of no one species: its genus, or the higher taxon that stands in its place."""
    first = parsed.genus or cased.split()[0]
    if not _UNINOMIAL.fullmatch(first):
        return ParsedName(text, (), is_open=True)
    if parts := _CROSS.split(cased)[1:]:  # a formula: in one genus only if the other parent's genus is the same
        other = parts[0].split()[0]
        if other[:1].isupper() and other != first and not (other.endswith(".") and first.startswith(other[:-1])):
            return ParsedName(text, (), is_open=True)
    if _NO_SPECIES.search(cased):
        return ParsedName(text, (normalise_name(first),))
    return ParsedName(text, (), above=normalise_name(first), is_open=True)
