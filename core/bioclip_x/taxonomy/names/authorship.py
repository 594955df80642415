"""What authors of scientific names look like: "(Shaw, 1799)", "X.J. Liu & Y.L. Guo", "de Vries, 1900", "L. f.", "auct."."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final


def make_word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_PARTICLES: Final = make_word_set(
    "de da di do du del della delle degli der den des dos das dal la le les van von vom zu zur zum ter ten te af av el "
    "al ben bin ibn st san y e o dem dela delos los las lo vander vanden zum und v. v.d. d. s. 't"
)
"""Small words inside the name of a person: authors if a capital follows them."""

_WORDS: Final = make_word_set(
    "et ex sec in and & und y e al al. f f. fil fil. filius bis ter non nec not nom auct auctt auctorum sensu sens lato "
    "stricto amplo s.l. s.str. s. l. str. s.lat. emend pro parte p.p. hort ined corrig orth apud fide vide as of sic "
    "mihi syn comb stat nov nomen nudum dubium oblitum conservandum illegitimum rejiciendum invalidum cons rej illeg "
    "inval nud superfl cit ms quoad typum typ excl incl partim sic! jr jr. sr sr. junior senior pers comm publ publ. "
    "nob mult hybrid anon. anon"
)
"""Small words that only authors and notes on a name hold."""

_NO_EPITHET: Final = make_word_set("ex in et and sensu sens. auct auct. non nec emend apud hort ined fide und pro")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d[a-z]?(?:[-–/\"“”'(\[]*\d{1,4}[\"“”')\]]*)?\??")
_ELISION = re.compile(r"(?:[dl]|dall|dell|[oO]|['’`´]?t|['’`´]s)['’`´ʻ](?=\w)|^['’`´]t$")
_EDGES = "()[]{},;:.&\"“”'’‘?!-–"


def begins_authorship(words: Sequence[str]) -> bool:
    """Whether lower-case words begin an author (de la Torre, d'Orbigny, ex Smith, auct.) and are no epithet."""
    for word in words:
        if word in _NO_EPITHET:
            return True
        if _ELISION.match(word):
            return len(word) > 2 and _is_capital(_ELISION.sub("", word)[:1])
        if word not in _PARTICLES:
            return word is not words[0] and _is_capital(word.lstrip(_EDGES)[:1])
    return False


def is_authorship(words: Sequence[str]) -> bool:
    """Whether all the words may be an author, year or note, and its brackets are closed."""
    if not words or not (words[0][0].isalnum() or words[0][0] in "([&,;-" or _ELISION.match(words[0])):
        return False
    return _is_balanced("".join(words)) and _are_all(words)


def is_surely_authorship(words: Sequence[str]) -> bool:
    """Whether something about the words is found in authors only: a year, brackets, an abbreviation, an ampersand."""
    text = " ".join(words)
    return bool(re.search(r"\b(?:1[5-9]|20)\d\d\b|&|\w\.|\bet\b|\bex\b", text)) and _are_all(words)


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            return False
    return depth == 0


def _are_all(words: Sequence[str]) -> bool:
    after_auct = "auct." in words  # of the authors of a region: auct. ital.
    return all(_may_be(part) or (after_auct and part.endswith(".")) for word in words for part in _parts(word))


def _parts(word: str) -> list[str]:
    """'Smith,1900' → Smith, 1900; '(L.)Mill.' → L., Mill.; 'Heald&Wolf' → Heald, Wolf."""
    return [part for part in re.split(r"[,;&()\[\]]+", word) if part]


def _may_be(part: str) -> bool:
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
    """Upper case, or of a script that has no case."""
    return letter.isalpha() and letter == letter.upper()
