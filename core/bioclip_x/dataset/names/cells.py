"""Cleans cells of given identifications: mark-up, placeholders, the several names of one kingdom."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final

from bioclip_x.taxonomy.names.normalise import normalise_name
from bioclip_x.taxonomy.placeholders import is_placeholder

LONGEST: Final = 300
"""Most characters of a name that are read."""

_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,100}>")
_NO_NAMES: Final = frozenset({
    "pleasehelp", "please help", "help", "help needed", "id please", "need id", "needs id", "no id", "unknown species",
    "unknown organism", "life", "biota", "root", "cellular organisms", "organism", "organisms", "other", "others", "various",
    "mixed", "multiple", "blank", "empty", "test", "untitled", "not a name", "species", "sp.", "sp", "spp.", "indet.", "cf.",
    "true", "false", "animal", "plant", "no match",
})  # fmt: skip
"""Found where a name is expected and naming no taxon, beside the placeholders that all readers know."""

_KINGDOMS: Final[Mapping[str, str]] = {
    "metazoa": "animalia", "animals": "animalia", "animal": "animalia", "viridiplantae": "plantae", "plants": "plantae",
    "archaeplastida": "plantae", "eubacteria": "bacteria", "archaebacteria": "archaea", "mycota": "fungi", "eumycota": "fungi",
}  # fmt: skip


def clean_cell(text: str) -> str:
    """Returns a cell's text without mark-up, surrounding quotes and superfluous blanks; "" where it names nothing.

    >>> clean_cell("<i>Parus&nbsp;major</i> "), clean_cell("PleaseHelp"), clean_cell("'unidentified'")
    ('Parus major', '', '')
    """
    if "&" in text or "<" in text:
        text = _TAG.sub("", html.unescape(_TAG.sub(" ", text)))
    text = " ".join(text[:LONGEST].replace("_", " ").split())
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'*":
        text = text[1:-1].strip()
    return "" if not text or is_placeholder(text) or text.lower() in _NO_NAMES else text


def make_key(name: str, rank: str = "") -> str:
    """Returns a name in the form used for comparison; at the rank of kingdom, one for all names of the kingdom.

    >>> make_key("Viridiplantae", "kingdom"), make_key("Parus_Major")
    ('plantae', 'parus major')
    """
    key = normalise_name(name)
    return _KINGDOMS.get(key, key) if rank == "kingdom" else key
