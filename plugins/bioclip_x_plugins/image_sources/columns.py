"""What the columns of a table of images mean, by the names that people give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import LINNAEAN, ROW_COLUMNS, normalise_rank

SPELLINGS: Final[Mapping[str, str]] = {
    "source_id": "sourceid imageid photoid photouuid mediaid uuid treeoflifeid id gbifid occurrenceid processid",
    "image": "image path imagepath filepath file filename imagefile relativepath",
    "url": "url imageurl photourl mediaurl fileurl accessuri identifier eolfullsizecopyurl",
    "member": "member memberfile",
    "name": "scientificname sciname canonicalname taxonname latinname binomial scientific name label taxon",
    "rank": "rank taxonrank rankname taxonomicrank",
    "specific_epithet": "specificepithet speciesepithet epithet",
    "common_name": "commonname vernacularname common vernacular englishname englishcommonname commonnameen",
    "licence": "licence license licencename licensename licenceurl licenseurl licensecode copyrightlicense usageterms rights",
    "rights_holder": "rightsholder copyrightholder copyrightowner owner attribution creator author photographer credit",
    "reference": "reference references pageurl occurrenceurl observationurl furtherinformationurl sourceurl webpage link",
    "split": "split partition subset",
    "text": "text caption",
}  # fmt: skip
"""Meaning → spellings in lower case without blanks and punctuation, the likelier first; ranks are recognised by rule."""

_MEANING_OF: Final = {word: meaning for meaning, words in SPELLINGS.items() for word in words.split()}


def compact(column: str) -> str:
    """Returns a column's name in lower case, without namespace, diacritics, blanks and punctuation.

    >>> compact("dwc:scientificName"), compact("License Name")
    ('scientificname', 'licensename')
    """
    text = unicodedata.normalize("NFKD", re.sub(r"^(?:https?://\S*[/#]|\w+:(?=\w))", "", column.strip()))
    return "".join(letter for letter in text.lower() if letter.isalnum())


def find_meaning(column: str) -> str:
    """Returns what a column holds: one of `ROW_COLUMNS`, "url", "specific_epithet", or "" for anything else.

    >>> [find_meaning(column) for column in ("Image URL", "cls", "Rights Holder", "habitat", "family")]
    ['url', 'class', 'rights_holder', '', 'family']
    """
    rank = normalise_rank(column.strip())
    if rank in LINNAEAN:
        return rank
    word = compact(column)
    if word in LINNAEAN:
        return word
    return "class" if word in ("cls", "classname") else _MEANING_OF.get(word, "")


def find_columns(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Returns meaning → column, of several columns the one of the likeliest spelling.

    given: meaning → column, as the user says.
    """
    found: dict[str, str] = {}
    for column in sorted(columns, key=_find_place):
        meaning = find_meaning(column)
        if meaning and meaning not in given and column not in given.values():
            found.setdefault(meaning, column)
    return found | dict(given)


def _find_place(column: str) -> int:
    words = SPELLINGS.get(find_meaning(column), "").split()
    word = compact(column)
    return words.index(word) if word in words else len(words)


def complete_rows(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """Makes rows of columns by meaning: a species is the whole binomial, and the URL is the image where no file is named."""
    made = {name: values for name, values in columns.items() if name in ROW_COLUMNS}
    if "url" in columns:
        image = made.get("image")
        made["image"] = columns["url"] if image is None else pc.if_else(pc.equal(image, ""), columns["url"], image)
    epithet = columns.get("specific_epithet", made.get("species"))
    if epithet is not None and "genus" in made:
        species = made.get("species", epithet)
        species = pc.if_else(pc.equal(species, ""), epithet, species)
        made["species"] = complete_species(made["genus"], species)
    return made


def complete_species(genus: pa.ChunkedArray, species: pa.ChunkedArray) -> pa.ChunkedArray:
    """Puts the genus before an epithet: a species that begins with no capital letter.

    >>> complete_species(pa.array(["Pica", "Pica", ""]), pa.array(["hudsonia", "Pica pica", "pica"])).to_pylist()
    ['Pica hudsonia', 'Pica pica', 'pica']
    """
    is_epithet = pc.and_(
        pc.not_equal(species, ""), pc.invert(pc.match_substring_regex(species, r"^\p{Lu}|^[×x] ?\p{Lu}"))
    )
    joined = pc.binary_join_element_wise(genus, species, " ")
    return pc.if_else(pc.and_(is_epithet, pc.not_equal(genus, "")), joined, species)
