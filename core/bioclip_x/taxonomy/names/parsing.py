"""Parses scientific names: separates the name from its author.

    split_authorship("Ornithorhynchus anatinus (Shaw, 1799)")   # ("Ornithorhynchus anatinus", "(Shaw, 1799)")
    parse_name("Poa annua L. var. reptans Hausskn.").canonical  # "Poa annua var. reptans"

A compact rule-based parser for names as checklists write them. It does not handle authors written all in lower case,
OCR errors or strains. Text that it cannot parse with confidence stays in the name: vernacular labels ("Great Tit"), viruses,
codes (`BOLD:AAA1234`) and hybrid formulas are returned unchanged, without author.
GBIF's parser (`gbif-name-parser`) covers far more, but is compiled, and its module shadows the better known `nameparser`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bioclip_x.taxonomy.names.authorship import begins_authorship, is_authorship, is_surely_authorship, make_word_set
from bioclip_x.taxonomy.ranks import ORDER, normalise_rank

MARKERS: Final = make_word_set(
    "subsp. ssp. var. subvar. convar. f. fo. forma form. subf. subforma morph. morpha ab. aberr. aberration. race nothosubsp. "
    "nothossp. nothovar. nothof. f.sp. fsp. pv. bv. natio mut. lusus prol. proles agamosp. agamovar. subsp ssp var subvar "
    "cf. aff. nr."
)
"""Markers before an infraspecific epithet (or, cf. and aff., before a doubtful one)."""

VARIANTS: Final = make_word_set("serovar serotype serogroup biovar pathovar chemovar genomovar morphovar phagovar")
"""Markers before the name of a variant of a bacterium: in capitals or not, a number or a code (serovar Typhimurium, L2)."""

INFRAGENERIC: Final = make_word_set("subg. subgen. sect. subsect. ser. subser. supersect. nothosect. nothosubg.")

_DOUBT: Final = frozenset({"cf.", "aff.", "nr."})
_PLACEHOLDER = re.compile(
    r"(?:^|[ _(])(?:species(?=[ _]\d)|spp?\.?|indet\.?|cf\.?|aff\.?|nr\.|gen\.|undet\.?|incertae[ _]sedis|candidatus|"
    r"uncultured|unidentified|unclassified|unknown|undetermined|unassigned|not[ _]assigned|environmental[ _]samples?|metagenome)"
    r"(?=[ _)\d]|$)",
    re.IGNORECASE,
)
_IN_DOUBT = re.compile(r" (?:cf|aff|nr)\. [a-z]{2,}")
_VIRUS = re.compile(
    r"virus(?:es)?\b|\b\w*(?:viroid|phage)\b|\bprions?\b|\bsatellite\b|\b(?:strain|str\.|plasmid)\s", re.IGNORECASE
)
_PLAIN = re.compile(r"[A-Z][a-z-]+(?: [a-z-]{3,}){0,2}")
_UNINOMIAL = re.compile(r"[×xX†]?[^\W\d_a-zß-öø-ÿ][^\W\d_]*(?:-[^\W\d_]+)*")
_EPITHET = re.compile(r"[×†]?(?:\d{1,2}-?|[a-z]-)?[^\W\d_A-ZÀ-ÖØ-Þ]{2,}(?:['’.-]{1,2}[^\W\d_A-ZÀ-ÖØ-Þ]+)*-?")
_SUBGENUS = re.compile(r"\([^\W\d_a-zß-öø-ÿ][^\W\d_]+(?:-[^\W\d_]+)*\)")
_CROSS: Final = frozenset({"×", "x", "X", "✕", "+"})


@dataclass(frozen=True, slots=True)
class ScientificName:
    """A parsed name.

    name: the name without authorship, as written. authorship: author and year, as written, "" for none.
    genus: the genus, or the uninomial of a higher taxon; "" for a text that is not a scientific name (a label, a virus).
    infrageneric: subgenus or section ("Subaus" of "Aus (Subaus) bus"). epithet: of the species.
    infraspecific: (marker, epithet) pairs below the species, the marker "" in a trinomial: (("var.", "reptans"),).
    species_authorship: the author of the species within an infraspecific name ("L." in "Poa annua L. var. reptans").
    is_hybrid: a named hybrid (Quercus × hispanica) or a formula (Quercus robur × Q. petraea).
    is_placeholder: denotes a taxon without a formal name (Drosophila sp. 3, Aus cf. bus, uncultured bacterium,
        incertae sedis). Only the genus is parsed, unless the name contains cf. or aff.
    """

    name: str
    authorship: str = ""
    genus: str = ""
    infrageneric: str = ""
    epithet: str = ""
    infraspecific: tuple[tuple[str, str], ...] = ()
    species_authorship: str = ""
    is_hybrid: bool = False
    is_placeholder: bool = False

    @property
    def canonical(self) -> str:
        """The name without subgenus and author, with × as the hybrid sign ("Quercus × hispanica").

        Placeholders, formulas and labels are returned unchanged.
        """
        if not self.genus or self.is_placeholder:
            return self.name
        if not self.epithet:
            return self.genus if not self.infrageneric else self.name
        below = (word for part in self.infraspecific for word in part if word)
        return " ".join((self.genus, self.epithet, *below))


def split_authorship(text: str, rank: str = "") -> tuple[str, str]:
    """Splits a text into (name, author and year), as written except for white space. `rank` helps with one-word names.

    Every word of `text` is in one of them, except the species' author in an infraspecific name (see `ScientificName`).

    >>> split_authorship("Felidae Fischer de Waldheim, 1817"), split_authorship("Great Tit")
    (('Felidae', 'Fischer de Waldheim, 1817'), ('Great Tit', ''))
    """
    if _PLAIN.fullmatch(text):
        return text, ""
    parsed = parse_name(text, rank)
    return parsed.name, parsed.authorship


def drop_subgenus(name: str) -> str:
    """Returns the name of a species or below without its subgenus; any other name unchanged.

    >>> drop_subgenus("Bombus (Pyrobombus) hypnorum"), drop_subgenus("Bombus (Pyrobombus)"), drop_subgenus("robin (male)")
    ('Bombus hypnorum', 'Bombus (Pyrobombus)', 'robin (male)')
    """
    if "(" not in name:
        return name
    parsed = parse_name(name)
    return parsed.canonical if parsed.infrageneric and parsed.epithet else name


def guess_rank(name: str, rank: str) -> str:
    """Returns the rank that a name of a species or below was published at, by its words; `rank` where they do not tell.

    >>> guess_rank("Bos gaurus", "subspecies"), guess_rank("Bos taurus indicus", "species"), guess_rank("Bos", "genus")
    ('species', 'subspecies', 'genus')
    """
    if rank in ORDER and ORDER[rank] >= ORDER["species"]:
        parsed = parse_name(name, rank)
        if parsed.epithet and not parsed.is_placeholder and not parsed.is_hybrid:
            if not parsed.infraspecific:
                return "species"
            return rank if rank != "species" else "subspecies"
    return rank


def parse_name(text: str, rank: str = "") -> ScientificName:
    """Parses a name; `rank`, if known, helps with one-word names (Parus Linnaeus: a genus and its author).

    >>> parse_name("Aus (Subaus) bus Smith").canonical
    'Aus bus'
    """
    words = text.split()
    text = " ".join(words)
    if not words or _VIRUS.search(text):
        return ScientificName(text)
    scan = _Scanner(words, normalise_rank(rank))
    is_whole = scan.run()
    is_placeholder = bool(_PLACEHOLDER.search(text))
    if is_placeholder and not _IN_DOUBT.search(text):
        return ScientificName(text, genus=scan.genus, is_placeholder=True)
    is_hybrid = scan.is_hybrid or any(word in _CROSS - {"+"} for word in words[1:])
    if not is_whole:
        return ScientificName(text, is_hybrid=is_hybrid and scan.is_name, is_placeholder=is_placeholder)
    return ScientificName(
        " ".join(scan.name),
        " ".join(words[scan.at :]),
        scan.genus,
        scan.infrageneric,
        scan.epithet,
        tuple(scan.below),
        scan.species_authorship,
        is_hybrid,
        is_placeholder,
    )


class _Scanner:
    """Reads the words of a name once, from left to right."""

    def __init__(self, words: list[str], rank: str) -> None:
        self.words, self.at, self.rank = words, 0, rank
        self.name: list[str] = []
        self.genus = self.infrageneric = self.epithet = self.species_authorship = ""
        self.below: list[tuple[str, str]] = []
        self.is_hybrid = self.is_name = False

    def run(self) -> bool:
        """Scans the name; returns whether the whole text was parsed: a name, followed by nothing or an author."""
        if not self._take_genus():
            return False
        self._take_infrageneric()
        self.is_name = True
        while self._take_epithet() or self._take_variant() or self._take_cultivar() or self._skip_species_author():
            pass
        rest = self.words[self.at :]
        if not rest:
            return True
        if any(word in _CROSS for word in rest) or not is_authorship(rest):
            return False
        above_species = self.rank in ORDER and ORDER[self.rank] < ORDER["species"]
        return bool(self.epithet or self.infrageneric) or above_species or is_surely_authorship(rest)

    def _peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def _take(self, count: int = 1) -> str:
        taken = self.words[self.at : self.at + count]
        self.name += taken
        self.at += count
        return taken[-1]

    def _take_genus(self) -> bool:
        crossed = self._peek() in _CROSS | {"†"} and len(self.words) > 1
        word = self._peek(1) if crossed else self._peek()
        abbreviated = re.fullmatch(r"[A-Z][a-z]{0,2}\.", word) and self._is_epithet(2 if crossed else 1)
        if not (_UNINOMIAL.fullmatch(word) or abbreviated):
            return False
        if word.startswith(("×", "†", "x", "X")) and word[1:2].isupper():
            crossed, word = True, word if word[0] == "×" else "×" + word[1:] if word[0] in "xX" else word[1:]
        elif crossed and self._peek() != "†":
            word = f"× {word}"
        self.is_hybrid = word.startswith("×")
        self._take(2 if self._peek() in _CROSS | {"†"} else 1)
        self.genus = word
        return True

    def _take_infrageneric(self) -> None:
        word = self._peek()
        if word in INFRAGENERIC and _UNINOMIAL.fullmatch(self._peek(1)):
            self.infrageneric = self._take(2)
        elif _SUBGENUS.fullmatch(word):
            is_genus = self.rank in ORDER and ORDER[self.rank] <= ORDER["genus"]
            if self._is_epithet(1) or self._peek(1) in _CROSS or not is_genus:
                self.infrageneric = self._take().strip("()")

    def _is_epithet(self, ahead: int = 0) -> bool:
        words = self.words[self.at + ahead :]
        if not words or not _EPITHET.fullmatch(words[0]) or words[0] in (MARKERS | VARIANTS) - {"race"}:
            return False
        is_first = not self.epithet and self.rank in ORDER and ORDER[self.rank] >= ORDER["species"]
        return is_first or not begins_authorship(words)

    def _take_epithet(self) -> bool:
        """Takes "bus", "× bus" after a genus, or "var. bus"."""
        word = self._peek()
        if word in _CROSS and not self.epithet and self._is_epithet(1):
            self.is_hybrid = True
            self.epithet = f"× {self._take(2)}"
        elif word in MARKERS and self._is_epithet(1):
            self._add_epithet(word, self._take(2))
        elif self._is_epithet():
            self.is_hybrid |= word.startswith("×")
            self._add_epithet("", self._take())
        else:
            return False
        return True

    def _add_epithet(self, marker: str, epithet: str) -> None:
        if not self.epithet:
            self.epithet = epithet if not marker else f"{marker} {epithet}"
        else:
            self.is_hybrid |= marker.startswith("notho")
            self.below.append((marker, epithet))

    def _take_variant(self) -> bool:
        """Takes "serovar Typhimurium", "biovar El Tor", "serovar L2"."""
        marker, word = self._peek(), self._peek(1)
        if marker not in VARIANTS or not self.epithet or not word:
            return False
        n_words = 2 if word == "El" and self._peek(2) else 1
        self._take()
        start = self.at
        self._take(n_words)
        self.below.append((marker, " ".join(self.words[start : self.at])))
        return True

    def _take_cultivar(self) -> bool:
        """Takes 'Gala' or 'Golden Delicious' in quotes."""
        if not re.match(r"['‘\"“][A-Z]", self._peek()):
            return False
        for ahead in range(len(self.words) - self.at):
            if re.search(r"['’\"”]$", self._peek(ahead)):
                start = self.at
                self._take(ahead + 1)
                self.below.append(("", " ".join(self.words[start : self.at])))
                return True
        return False

    def _skip_species_author(self) -> bool:
        """Skips the species' author in "Poa annua L. var. reptans"; f. is a marker only before an epithet (Hook. f.)."""
        if not self.epithet:
            return False
        for ahead in range(1, len(self.words) - self.at - 1):
            if self._peek(ahead) in MARKERS - _DOUBT and self._is_epithet(ahead + 1):
                skipped = self.words[self.at : self.at + ahead]
                if any(word in _CROSS for word in skipped) or not is_authorship(skipped):
                    return False
                self.species_authorship = self.species_authorship or " ".join(skipped)
                self.at += ahead
                return True
        return False
