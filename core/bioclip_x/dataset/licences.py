"""Recognises licences however publishers write them, and decides which images may be used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

PUBLIC_DOMAIN: Final = "public domain"
NO_RIGHTS: Final = "CC0-1.0"
RESERVED: Final = "all rights reserved"
OTHER: Final = "other"
"""A licence that is given but not recognised."""
UNKNOWN: Final = "unknown"
"""No licence is given."""

_PARTS: Final = ("by", "nc", "sa", "nd")
_WORDS: Final = {
    "attribution": "by", "noncommercial": "nc", "sharealike": "sa", "noderivatives": "nd", "noderivs": "nd",
    "noderivativeworks": "nd",
}  # fmt: skip
_LONG: Final = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_CC: Final = re.compile(r"\bcc\b|creativecommons|creative commons|attribution", re.IGNORECASE)
_VERSION: Final = re.compile(r"(?<![\d.])([1-4])[._]([0-5])(?![\d])")
_CC_ZERO: Final = re.compile(r"\bcc[-_ ]?(?:0|zero)(?![a-z0-9])|publicdomain/zero|no rights reserved", re.IGNORECASE)
_PUBLIC: Final = re.compile(
    r"public[-_ ]?domain|\bpdm\b|no known (?:copyright|restrictions)|\bno copyright\b|usa\.gov", re.IGNORECASE
)
_RESERVED: Final = re.compile(
    r"all rights reserved|^©|^\(c\)|^copyright(?:ed)?$|no licen[cs]e applied|wikipedia\.org/wiki/copyright$",
    re.IGNORECASE,
)
"""The last is the URL of iNaturalist's JSON files."""
_BLANK: Final = frozenset(
    {"", "-", "na", "n/a", "none", "null", "nan", "unknown", "not specified", "unspecified", "not provided"}
)


@lru_cache(maxsize=65536)
def normalise_licence(text: str) -> str:
    """Returns the SPDX identifier of a Creative Commons licence, or one of the constants above.

    Without a version the identifier has none: "CC-BY".

    >>> given = ("https://creativecommons.org/licenses/by-nc/4.0", "Attribution-ShareAlike License", "CC_BY_4_0", "© Doe", "")
    >>> [normalise_licence(text) for text in given]
    ['CC-BY-NC-4.0', 'CC-BY-SA', 'CC-BY-4.0', 'all rights reserved', 'unknown']
    """
    text = " ".join(text.split())
    if text.casefold() in _BLANK:
        return UNKNOWN
    if _CC_ZERO.search(text):
        return NO_RIGHTS
    if _PUBLIC.search(text):
        return PUBLIC_DOMAIN
    plain = text.replace("_", "-").replace("%20", " ")
    if _CC.search(plain):
        version = _VERSION.search(text)
        rest = plain.casefold() if version is None else plain.casefold().replace(version[0].casefold(), " ")
        rest = _LONG.sub(
            lambda word: f" {_WORDS[word[0]]} ", re.sub(r"(?<=non|are)[- ](?=[a-z])|(?<=no)[- ](?=deriv)", "", rest)
        )
        found = set(re.findall(r"(?<![a-z])(by|nc|sa|nd)(?![a-z])", rest))
        if found:
            kind = "-".join(["CC", "BY", *(part.upper() for part in _PARTS[1:] if part in found)])
            return f"{kind}-{version[1]}.{version[2]}" if version else kind
    return RESERVED if _RESERVED.search(text) else OTHER


def is_allowed(licence: str, allow: Sequence[str] | None, unknown: Literal["use", "refuse"]) -> bool:
    """Whether images under a normalised licence may be used.

    allow: identifiers, which stand for all versions if they have none ("CC-BY" does not stand for "CC-BY-NC"); None for all but
    `RESERVED`. unknown: for images without a licence, and under one that is not recognised unless it is listed.

    >>> [is_allowed(licence, ["CC-BY"], "refuse") for licence in ("CC-BY-4.0", "CC-BY-NC-4.0", "unknown")]
    [True, False, False]
    """
    if licence in (UNKNOWN, OTHER) and (allow is None or licence not in allow):
        return unknown == "use"
    if allow is None:
        return licence != RESERVED
    family = re.sub(r"-\d\.\d$", "", licence)
    return any(one.casefold() in (licence.casefold(), family.casefold()) for one in allow)
