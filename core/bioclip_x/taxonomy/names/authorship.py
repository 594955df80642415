"""Recognises authors of scientific names: "(Shaw, 1799)", "X.J. Liu & Y.L. Guo", "de Vries, 1900", "L. f.", "auct."."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final


def make_word_set(text: str) -> frozenset[str]:
    """Splits a text into its set of words."""
    return frozenset(text.split())


_PARTICLES: Final = make_word_set(
    "de da di do du del della delle degli der den des dos das dal la le les van von vom zu zur zum ter ten te af av el "
    "al ben bin ibn st san y e o dem dela delos los las lo vander vanden zum und v. v.d. d. s. 't"
)
"""Lower-case particles in names of persons; part of an author if a capitalised word follows."""

_WORDS: Final = make_word_set(
    "et ex sec in and & und y e al al. f f. fil fil. filius bis ter non nec not nom auct auctt auctorum sensu sens lato "
    "stricto amplo s.l. s.str. s. l. str. s.lat. emend pro parte p.p. hort ined corrig orth apud fide vide as of sic "
    "mihi syn comb stat nov nomen nudum dubium oblitum conservandum illegitimum rejiciendum invalidum cons rej illeg "
    "inval nud superfl cit ms quoad typum typ excl incl partim sic! jr jr. sr sr. junior senior pers comm publ publ. "
    "nob mult hybrid anon. anon"
)
"""Lower-case words that occur only in authorships and nomenclatural notes."""

_NO_EPITHET: Final = make_word_set("ex in et and sensu sens. auct auct. non nec emend apud hort ined fide und pro")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d[a-z]?(?:[-–/\"“”'(\[]*\d{1,4}[\"“”')\]]*)?\??")
_ELISION = re.compile(r"(?:[dl]|dall|dell|[oO]|['’`´]?t|['’`´]s)['’`´ʻ](?=\w)|^['’`´]t$")
_EDGES = "()[]{},;:.&\"“”'’‘?!-–"


def begins_authorship(words: Sequence[str]) -> bool:
    """Whether lower-case words begin an author (de la Torre, d'Orbigny, ex Smith, auct.) rather than an epithet."""
    for word in words:
        if word in _NO_EPITHET:
            return True
        if _ELISION.match(word):
            return len(word) > 2 and _is_capital(_ELISION.sub("", word)[:1])
        if word not in _PARTICLES:
            return word is not words[0] and _is_capital(word.lstrip(_EDGES)[:1])
    return False


def is_authorship(words: Sequence[str]) -> bool:
    """Whether all words may be part of an author, year or note, with balanced brackets."""
    if not words or not (words[0][0].isalnum() or words[0][0] in "([&,;-" or _ELISION.match(words[0])):
        return False
    return _is_balanced("".join(words)) and _may_all_belong(words)


def is_surely_authorship(words: Sequence[str]) -> bool:
    """Whether the words have a feature that only authorships have: a year, an abbreviation, an ampersand, "et" or "ex"."""
    text = " ".join(words)
    return bool(re.search(r"\b(?:1[5-9]|20)\d\d\b|&|\w\.|\bet\b|\bex\b", text)) and _may_all_belong(words)


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            return False
    return depth == 0


def _may_all_belong(words: Sequence[str]) -> bool:
    """Whether every part of the words may belong to an authorship."""
    after_auct = "auct." in words  # regional authors: auct. ital.
    return all(
        _may_belong(part) or (after_auct and part.endswith(".")) for word in words for part in _split_punctuation(word)
    )


def _split_punctuation(word: str) -> list[str]:
    """Splits a word at punctuation: 'Smith,1900' → Smith, 1900; '(L.)Mill.' → L., Mill.; 'Heald&Wolf' → Heald, Wolf."""
    return [part for part in re.split(r"[,;&()\[\]]+", word) if part]


def _may_belong(part: str) -> bool:
    bare = part.strip(_EDGES)
    if not bare:
        return True
    if _YEAR.fullmatch(bare):
        return True
    if any(char.isdigit() for char in bare) or any(char in part for char in "/_#=@|<>"):
        return False
    first = _ELISION.sub("", bare)[:1] or bare[:1]
    return _is_capital(first) or {part, bare, bare + "."} & (_WORDS | _PARTICLES) != set()


def _is_capital(letter: str) -> bool:
    """Whether a letter is upper case, or of a script without case."""
    return letter.isalpha() and letter == letter.upper()
