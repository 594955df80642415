from __future__ import annotations

import pytest

from bioclip_x.records import PromptShare
from bioclip_x_plugins.reports.facts import said


@pytest.mark.parametrize(
    ("phrase", "kind", "expected"),
    [
        ("a red cap", "descriptor", "a red cap"),
        ("in a wood", "background", "in a wood (background)"),
        ("a red cap", "swapped descriptor", "a red cap (swapped descriptor)"),
        ("", "taxonomic", "a photo of Fungi."),
    ],
)
def test_only_a_descriptor_of_the_class_stands_without_its_kind(phrase: str, kind: str, expected: str) -> None:
    share = PromptShare(phrase, "a photo of Fungi.", kind, "", class_index=0, similarity=0.1, contribution=0.2)
    assert said(share) == expected
