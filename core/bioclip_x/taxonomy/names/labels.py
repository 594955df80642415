"""Resolves the labels of data sets to classes of a taxonomy."""

from __future__ import annotations

from collections.abc import Iterable

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.resolver import Resolver


def resolve_labels(labels: Iterable[str], taxonomy: Taxonomy) -> tuple[dict[str, int], list[str], list[str]]:
    """Returns label → class for labels that name exactly one; the labels that name none; and those that name several.

    A label is a scientific or common name ("Parus major", "Parus_major", "great tit"), or a path where a name alone
    is not unique ("Animalia; Aves; Oenanthe").
    """
    resolver = Resolver(taxonomy)
    class_of: dict[str, int] = {}
    unknown: list[str] = []
    ambiguous: list[str] = []
    for label in labels:
        classes = resolver.classes(label)
        if len(classes) == 1:
            class_of[label] = classes[0]
        else:
            (ambiguous if classes else unknown).append(label)
    return class_of, unknown, ambiguous


def find_unlisted_labels(labels: Iterable[str], taxonomy: Taxonomy) -> list[str]:
    """Returns the labels that match no taxon of the tree, neither a class nor a taxon above classes (a genus, say)."""
    resolver = Resolver(taxonomy)
    return [label for label in labels if not resolver.find(label).nodes]
