"""Labels of data sets → classes of the training taxonomy."""

from __future__ import annotations

from collections.abc import Iterable

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.resolver import Resolver


def resolve_labels(labels: Iterable[str], taxonomy: Taxonomy) -> tuple[dict[str, int], list[str], list[str]]:
    """Label → class, for labels that name exactly one; then the labels that name none, and those that fit several.

    A label is a scientific or common name ("Parus major", "Parus_major", "great tit"), or a path where a name alone
    is ambiguous ("Animalia; Aves; Oenanthe").
    """
    resolver = Resolver(taxonomy)
    found: dict[str, int] = {}
    lost: list[str] = []
    doubtful: list[str] = []
    for label in labels:
        classes = resolver.classes(label)
        if len(classes) == 1:
            found[label] = classes[0]
        else:
            (doubtful if classes else lost).append(label)
    return found, lost, doubtful


def find_unlisted_labels(labels: Iterable[str], taxonomy: Taxonomy) -> list[str]:
    """Those of the labels of which the tree has no taxon at all: not one of its genera, say, that is no class itself."""
    resolver = Resolver(taxonomy)
    return [label for label in labels if not resolver.find(label).nodes]
