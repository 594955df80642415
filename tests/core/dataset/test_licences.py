"""Licences as publishers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.licences import (
    NO_RIGHTS,
    OTHER,
    PUBLIC_DOMAIN,
    RESERVED,
    UNKNOWN,
    is_allowed,
    normalise_licence,
)

SPELLINGS = {
    # iNat21 and iNaturalist: `licenses` of the JSON, and the codes of the open data
    "Attribution-NonCommercial-ShareAlike License": "CC-BY-NC-SA",
    "Attribution-NonCommercial License": "CC-BY-NC",
    "Attribution-NonCommercial-NoDerivs License": "CC-BY-NC-ND",
    "Attribution License": "CC-BY",
    "Attribution-ShareAlike License": "CC-BY-SA",
    "Attribution-NoDerivs License": "CC-BY-ND",
    "Public Domain Dedication": PUBLIC_DOMAIN,
    "http://creativecommons.org/licenses/by-nc-sa/3.0/": "CC-BY-NC-SA-3.0",
    "http://en.wikipedia.org/wiki/Copyright": RESERVED,
    "CC-BY-NC": "CC-BY-NC",
    "CC0": NO_RIGHTS,
    "C": OTHER,
    # GBIF
    "http://creativecommons.org/licenses/by/4.0/legalcode": "CC-BY-4.0",
    "http://creativecommons.org/publicdomain/zero/1.0/legalcode": NO_RIGHTS,
    "https://creativecommons.org/licenses/by-nc/4.0/": "CC-BY-NC-4.0",
    "CC_BY_NC_4_0": "CC-BY-NC-4.0",
    "CC0_1_0": NO_RIGHTS,
    "UNSPECIFIED": UNKNOWN,
    "© Jo Doe. All rights reserved.": RESERVED,
    # EOL
    "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0",
    "cc-by-2.5": "CC-BY-2.5",
    "cc-publicdomain": PUBLIC_DOMAIN,
    "https://creativecommons.org/licenses/by-nc-sa/2.5/": "CC-BY-NC-SA-2.5",
    "http://creativecommons.org/licenses/publicdomain/": PUBLIC_DOMAIN,
    "no known copyright restrictions": PUBLIC_DOMAIN,
    # Wikimedia Commons
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "Creative Commons Attribution-Share Alike 3.0": "CC-BY-SA-3.0",
    "Creative Commons Attribution-Share Alike 2.0 Generic": "CC-BY-SA-2.0",
    "https://creativecommons.org/licenses/by-sa/3.0/deed.en": "CC-BY-SA-3.0",
    "Public domain": PUBLIC_DOMAIN,
    "PD-USGov": OTHER,
    "GFDL": OTHER,
    # Flickr
    "Attribution-NonCommercial-NoDerivs 2.0 Generic (CC BY-NC-ND 2.0)": "CC-BY-NC-ND-2.0",
    "All Rights Reserved": RESERVED,
    "No known copyright restrictions": PUBLIC_DOMAIN,
    "https://www.flickr.com/commons/usage/": OTHER,
    # BIOSCAN
    "CreativeCommons - Attribution Non-Commercial Share-Alike": "CC-BY-NC-SA",
    "CreativeCommons – Attribution (by)": "CC-BY",
    # Nothing
    "": UNKNOWN,
    "  ": UNKNOWN,
    "N/A": UNKNOWN,
    "unknown": UNKNOWN,
    "my own terms": OTHER,
}


@pytest.mark.parametrize(("given", "expected"), SPELLINGS.items())
def test_spellings_of_publishers(given: str, expected: str) -> None:
    assert normalise_licence(given) == expected
    assert normalise_licence(f"  {given.upper()} ") == expected


@given(
    kind=st.sampled_from(["by", "by-nc", "by-sa", "by-nd", "by-nc-sa", "by-nc-nd"]),
    version=st.sampled_from(["", "1.0", "2.0", "2.5", "3.0", "4.0"]),
)
def test_ways_to_write_one_licence(kind: str, version: str) -> None:
    expected = "-".join(filter(None, ["CC", kind.upper(), version]))
    words = {"by": "Attribution", "nc": "NonCommercial", "sa": "ShareAlike", "nd": "NoDerivatives"}
    parts = kind.split("-")
    spellings = [
        f"https://creativecommons.org/licenses/{kind}/{version}",
        f"CC {kind.upper()} {version}",
        f"cc-{kind}-{version}".rstrip("-"),
        f"CC_{kind.replace('-', '_').upper()}_{version.replace('.', '_')}".rstrip("_"),
        f"Creative Commons {'-'.join(words[part] for part in parts)} {version} International",
        f"Attribution {' '.join(words[part] for part in parts[1:])} {version} (CC)",
    ]
    assert {normalise_licence(text) for text in spellings} == {expected}
    assert normalise_licence(expected) == expected


@given(st.text(max_size=80))
def test_any_text_has_a_normal_form_that_stays(text: str) -> None:
    once = normalise_licence(text)
    assert once in (UNKNOWN, OTHER, RESERVED, PUBLIC_DOMAIN, NO_RIGHTS) or once.startswith("CC-BY")
    if once != OTHER:
        assert normalise_licence(once) == once


@pytest.mark.parametrize(
    ("licence", "allow", "unknown", "expected"),
    [
        ("CC-BY-4.0", None, "refuse", True),
        (RESERVED, None, "use", False),
        (UNKNOWN, None, "use", True),
        (UNKNOWN, None, "refuse", False),
        (OTHER, None, "refuse", False),
        ("CC-BY-4.0", ["CC-BY"], "refuse", True),
        ("CC-BY-4.0", ["CC-BY-3.0"], "refuse", False),
        ("CC-BY", ["CC-BY-4.0"], "refuse", False),
        ("CC-BY-NC-4.0", ["CC-BY"], "use", False),
        ("CC-BY-NC-4.0", ["cc-by-nc"], "use", True),
        (NO_RIGHTS, ["CC0-1.0"], "refuse", True),
        (NO_RIGHTS, ["CC0"], "refuse", True),
        (PUBLIC_DOMAIN, ["Public Domain"], "refuse", True),
        (RESERVED, ["all rights reserved"], "refuse", True),
        (UNKNOWN, ["unknown"], "refuse", True),
        (UNKNOWN, ["CC-BY"], "use", True),
    ],
)
def test_what_is_allowed(licence: str, allow: list[str] | None, unknown: str, expected: bool) -> None:
    assert is_allowed(licence, allow, unknown) is expected  # type: ignore[arg-type]
