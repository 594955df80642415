"""What the columns of a table mean: one table of the names that files give them, for every reader of tables.

    >>> find_meaning("Familie"), find_meaning("English_Common_Name"), find_meaning("AphiaID_accepted")
    (('rank', 'family'), ('common', 'en'), ('accepted id', ''))

A meaning is (role, argument). Case, diacritics, blanks and punctuation of a column's name do not count, nor does a namespace
(`dwc:taxonID`, `http://rs.tdwg.org/dwc/terms/taxonID`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from bioclip_x.plugin import RANKS, normalise_rank
from bioclip_x_plugins.readers.vocabulary.languages import LANGUAGE_OF_WORD, find_language_code
from bioclip_x_plugins.readers.vocabulary.rank_words import RANK_OF_WORD

Meaning = tuple[str, str]
"""(role, argument): ("rank", "family"), ("common", "de"), ("id", "gbif"), ("name", ""), ("extra", "habitat"), …"""

SPELLINGS: Final[Mapping[Meaning, str]] = {
    ("name", ""): "scientificname sciname scientific canonicalname taxonname latinname latin binomial binomialname "
    "binomen genusspecies completename fullscientificname speciesscientificname wissenschaftlichername lateinischername "
    "botanischername botanicalname nombrecientifico nomecientifico nomscientifique nomescientifico nomlatin "
    "wetenschappelijkenaam vetenskapligtnamn verbatimscientificname verbatimname",
    ("epithet", ""): "specificepithet speciesepithet epithet",
    ("infraspecific epithet", ""): "infraspecificepithet infraspecies infraname infraspecificname",
    ("infraspecific authorship", ""): "infraauthority infraspecificauthority",
    ("infraspecific rank", ""): "infraspecificrank infratype",
    ("genus of name", ""): "genericname",
    ("rank of name", ""): "taxonrank rank rankname taxonomicrank verbatimtaxonrank rankid taxonrankid",
    ("authorship", ""): "scientificnameauthorship authorship authority taxonauthors taxonauthor author nameauthor "
    "speciesauthority",
    ("id", "gbif"): "taxonkey gbifkey gbiftaxonkey",
    ("id", "worms"): "aphiaid",
    ("id", "wcvp"): "plantnameid",
    ("id", "itis"): "tsn",
    ("id", "iucn"): "internaltaxonid",
    ("id", "taxon"): "taxonid",
    ("parent id", ""): "parentnameusageid parenttaxonid parentplantnameid parenttsn highertaxonid",
    ("parent name", ""): "parentnameusage parenttaxon parentname highertaxon",
    ("accepted id", ""): "acceptedtaxonkey acceptednameusageid acceptedplantnameid acceptedtaxonid aphiaidaccepted "
    "validaphiaid tsnaccepted acceptedtsn",
    ("accepted name", ""): "acceptedscientificname acceptednameusage scientificnameaccepted acceptedtaxon acceptedname "
    "acceptedtaxonname validname",
    ("status", ""): "taxonomicstatus taxonstatus nameusage nusage",
    ("synonyms", ""): "synonyms synonym",
    ("is_class", ""): "isclass",
    ("beside", ""): "beside",
    ("common", "en"): "commonname commonnames vernacularname vernacularnames common comname primarycomname "
    "commonspeciesname vernacular trivialname popularname",
    ("common", "de"): "deutschername deutschename",
    ("common", "fr"): "nomcommun nomvernaculaire nomfrancais",
    ("common", "es"): "nombrecomun nombrevernaculo nombrevulgar",
    ("common", "pt"): "nomecomum nomepopular nomevernaculo",
    ("common", "it"): "nomecomune nomevolgare",
    ("common", "nl"): "nederlandsenaam",
    ("common", "sv"): "svensktnamn",
}  # fmt: skip
"""Meaning → the spellings of its columns, in lower case and without punctuation; where a file has several, the first that is
filled counts. Columns named after a rank (`family`, `Familie`, `kingdomName`, `taxon_order_name`) or a language (`German`,
`English_Common_Name`, `common_name_eng`) are recognised by rule."""

WEAK_NAMES: Final = frozenset({"taxon", "taxa", "name", "names", "organism", "speciesguess", "label"})
"""Columns of scientific names if their cells look like some, and no other column has names."""

_MEANING_OF: Final = {word: meaning for meaning, words in SPELLINGS.items() for word in words.split()}
_RANK_IN_NAME: Final = re.compile(r"(?:taxon|tax|accepted)?([a-z]+?)(?:scientificname|sciname|latinname|name)?\d{0,2}")
_NO_RANK_NAMES: Final = frozenset({"cl", "gen", "g", "f", "fo", "reg", "ser", "div", "sect", "spec"})
_LANGUAGE_CODE: Final = re.compile(
    r"(?:common|vernacular)[_ ]?names?[_:.\- ]?"
    r"\(?([a-z]{2,3}(?:[-_](?:hans|hant|latn|cyrl|arab))?(?:[-_](?:[a-z]{2}|[0-9]{3}))?)\)?"
)
_OTHER_LANGUAGE_WORDS: Final = {
    "en": "anglais englisch englischer ingles inglese engels engelska",
    "de": "allemand aleman alemao tedesco duits tyska deutscher deutsche deutsches",
    "fr": "franzosisch frances francese frans franska",
    "es": "espagnol spanisch espanhol spagnolo spaans castellano",
    "it": "italien italienisch italiano",
    "nl": "niederlandisch neerlandais nederlandse hollandais",
    "pt": "portugais portugiesisch portugues",
}
_CODES: Final = frozenset(word for word in LANGUAGE_OF_WORD if len(word) == 3)
_NAME_WORDS: Final = frozenset({
    "common", "vernacular", "trivial", "popular", "local", "primary", "preferred", "name", "names", "nom", "nombre",
    "nome", "naam", "namn", "navn", "species", "bird",
})  # fmt: skip
_COMMON_WORDS: Final = frozenset({"common", "vernacular"})
_IOC: Final = re.compile(r"ioc\d+")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def find_meanings(columns: Iterable[str]) -> dict[str, Meaning]:
    """Maps columns to their meanings. Of two columns for one rank, the one spelled as the rank itself has the rank, and the
    other is an extra; of two names of identifiers, authors or ranks, the first spelling of `SPELLINGS` counts."""
    meanings = {column: find_meaning(column) for column in columns}
    exact = {meaning for column, meaning in meanings.items() if _is_exact(column)}
    taken: dict[Meaning, str] = {}
    for column in sorted(meanings, key=_find_precedence):
        meaning = meanings[column]
        if meaning[0] in ("common", "extra"):
            continue
        if not _is_exact(column) and (meaning in taken or meaning in exact):
            meanings[column] = ("extra", column.strip())
        taken.setdefault(meaning, column)
    return meanings


@lru_cache(maxsize=4096)
def find_meaning(column: str) -> Meaning:
    """Returns the meaning of a column by its name alone; ("extra", column) for an unknown one.

    >>> [find_meaning(column) for column in ("cls", "common_name_pt_BR", "gbif_id", "kingdomName", "is_hybrid")]
    [('rank', 'class'), ('common', 'pt-br'), ('id', 'gbif'), ('rank', 'kingdom'), ('extra', 'is_hybrid')]
    """
    key = column.strip().lower()
    rank = normalise_rank(key)
    if rank in RANKS:
        return "rank", rank
    compact = compact_name(column)
    if compact in _MEANING_OF:
        return _MEANING_OF[compact]
    if match := _LANGUAGE_CODE.fullmatch(key):
        return "common", find_language_code(match[1])
    if key.endswith("_id") and len(key) > len("_id"):
        return "id", key.removesuffix("_id")
    if _IOC.match(compact):
        return "name", ""
    if rank := _find_rank(compact):
        return "rank", rank
    if language := _find_language(column):
        return "common", language
    return "extra", column.strip()


def compact_name(column: str) -> str:
    """Returns a column's name in lower case, without namespace, diacritics, blanks and punctuation.

    >>> compact_name("dwc:taxonID"), compact_name("Común / nombre")
    ('taxonid', 'comunnombre')
    """
    text = re.sub(r"^(?:https?://\S*[/#]|\w+:(?=\w))", "", column.strip().rstrip("/"))
    return "".join(letter for letter in _drop_diacritics(text).lower() if letter.isalnum())


def describe_meaning(meaning: Meaning) -> str:
    """Describes a meaning for `taxonomy validate` and for errors.

    >>> describe_meaning(("common", "de")), describe_meaning(("extra", "habitat"))
    ('common name (de)', 'kept with the taxon, not used')
    """
    role, argument = meaning
    match role:
        case "rank":
            return f"rank {argument}"
        case "common":
            return f"common name ({argument})"
        case "id":
            return f"identifier {argument}"
        case "extra":
            return "kept with the taxon, not used"
    return _TEXTS.get(role, role)


_TEXTS: Final = {
    "name": "scientific name",
    "epithet": "species epithet",
    "infraspecific authorship": "author of the name below species",
    "infraspecific rank": "rank below species",
    "genus of name": "genus of the name",
    "rank of name": "rank of the name",
    "authorship": "author and year",
    "parent id": "identifier of the taxon above",
    "parent name": "name of the taxon above",
    "accepted id": "identifier of the accepted name",
    "accepted name": "accepted name",
    "status": "status of the name",
    "is_class": "whether the row is a class",
    "beside": "label beside the tree",
    "unused": "not used",
}


def _is_exact(column: str) -> bool:
    """Whether a column is named by a rank in the spelling of `normalise_rank`, or by an identifier `…_id`."""
    key = column.strip().lower()
    return normalise_rank(key) in RANKS or key.endswith("_id")


def _find_precedence(column: str) -> int:
    words = SPELLINGS.get(find_meaning(column), "").split()
    compact = compact_name(column)
    return words.index(compact) if compact in words else len(words)


def _find_rank(compact: str) -> str:
    """Recognises "kingdomname", "taxonfamilyname", "familie", "order1"; "" for no rank."""
    match = _RANK_IN_NAME.fullmatch(compact)
    word = match[1] if match else ""
    if word in RANKS:
        return word
    return "" if word in _NO_RANK_NAMES else RANK_OF_WORD.get(word, "")


def _find_language(column: str) -> str:
    """Recognises "German", "English_Common_Name", "Common names (Fre)"; "" for no language."""
    words = [word.lower() for word in _WORD.findall(_drop_diacritics(column))]
    has_common = not _COMMON_WORDS.isdisjoint(words)
    codes = [
        _LANGUAGES.get(word) or (LANGUAGE_OF_WORD[word] if has_common and word in _CODES else "")
        for word in words
        if word not in _NAME_WORDS
    ]
    return codes[0] if len(codes) == 1 and codes[0] else ""


def _drop_diacritics(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


_LANGUAGES: Final = {_drop_diacritics(word): code for word, code in LANGUAGE_OF_WORD.items() if len(word) >= 4} | {
    word: code for code, words in _OTHER_LANGUAGE_WORDS.items() for word in words.split()
}
"""Name of a language, in it or in another → its code."""
