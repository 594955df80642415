"""Resolves the labels of data sets to nodes of a taxonomy."""

from __future__ import annotations

from collections.abc import Iterable

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.matching import find_outermost
from bioclip_x.taxonomy.names.open_names import find_genus_alone
from bioclip_x.taxonomy.names.resolver import Resolver


def resolve_labels(labels: Iterable[str], taxonomy: Taxonomy) -> tuple[dict[str, int], list[str], list[str]]:
    """Returns label → node for labels that name exactly one taxon; the labels that name none; and those that name several.

    A label is a scientific or common name ("Parus major", "Parus_major", "great tit"), or a path where a name alone
    is not unique ("Animalia; Aves; Oenanthe"). A label that names no class may name a taxon above classes ("Parus",
    "Parus sp."). `Taxonomy.class_of_N` tells them apart.
    """
    resolver = Resolver(taxonomy)
    node_of: dict[str, int] = {}
    unknown: list[str] = []
    ambiguous: list[str] = []
    for label, nodes in match_labels(labels, resolver).items():
        if not nodes and (genus := find_genus_alone(label)):
            nodes = find_outermost(taxonomy, resolver.find(genus, "genus").nodes)
        if len(nodes) == 1:
            node_of[label] = nodes[0]
        else:
            (ambiguous if nodes else unknown).append(label)
    return node_of, unknown, ambiguous


def match_labels(labels: Iterable[str], resolver: Resolver) -> dict[str, tuple[int, ...]]:
    """Returns label → the taxa that it may mean: classes if any has this name, else taxa above the classes, if any.

    The name of a genus may also be the common name of a class in it ("bison", "Asparagus"). Such a label means the class,
    unless another label names that class directly.
    """
    taxonomy = resolver.taxonomy
    nodes_of: dict[str, tuple[int, ...]] = {}
    for label in labels:
        nodes = resolver.find(label).nodes
        classes = tuple(node for node in nodes if taxonomy.class_of_N[node] >= 0)
        nodes_of[label] = classes or find_outermost(taxonomy, nodes)
    named = {node for nodes in nodes_of.values() for node in nodes}
    for label, nodes in nodes_of.items():
        if nodes and taxonomy.class_of_N[nodes[0]] < 0:
            others = resolver.find_class(label).nodes
            if taxonomy.class_of_N[others[0]] >= 0 and named.isdisjoint(others):
                nodes_of[label] = others
    return nodes_of


def find_taxa_above(labels: Iterable[str], taxonomy: Taxonomy) -> dict[str, int]:
    """Returns label → the lowest listed taxon above an unlisted one, for labels that tell it.

    That is the genus of a binomial ("Parus ater"), or the lowest taxon of a path that is listed ("Animalia; Aves; Struthio").
    """
    resolver = Resolver(taxonomy)
    found = {}
    for label in labels:
        for name in _list_names_above(label):
            nodes = find_outermost(taxonomy, resolver.find(name).nodes)
            if len(nodes) == 1:
                found[label] = nodes[0]
                break
    return found


def _list_names_above(label: str) -> list[str]:
    """Lists what a label says of the taxa above its own, from the lowest: paths, or a genus.

    >>> _list_names_above("Animalia; Aves; Struthio"), _list_names_above("Parus_ater"), _list_names_above("great tit")
    (['Animalia; Aves', 'Animalia'], ['Parus'], [])
    """
    steps = [step.strip() for step in label.split(";") if step.strip()]
    if len(steps) > 1:
        return ["; ".join(steps[:end]) for end in range(len(steps) - 1, 0, -1)]
    words = label.replace("_", " ").split()
    is_binomial = len(words) > 1 and words[0][:1].isupper() and words[0].isalpha() and words[1].islower()
    return [words[0]] if is_binomial else []
