"""Matches columns of scores, of a file or of a classifier, with the classes of a tree, and adds to the tree what only they have.

Legend: B images, m columns, k classes that have a column, C classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.classes.score_labels import Label, find_nodes, parse_label
from bioclip_x.errors import ScoresError
from bioclip_x.messages import list_some
from bioclip_x.records import Logits
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.editing.restrict import add_inner_classes
from bioclip_x.taxonomy.names.resolver import Resolver


@dataclass(frozen=True, slots=True, eq=False)
class MatchedColumns:
    """tree: the given one, with `inner` as classes and `off_list` and `ambiguous` beside it. class_of: column → its class.

    n_listed: columns of taxa of the tree. inner: columns of taxa above the classes. off_list, ambiguous: labels of columns that
    match no taxon, or several. unrequested: columns of listed classes that were not requested; they have no class.
    """

    tree: Taxonomy
    class_of: Mapping[str, int]
    n_listed: int
    inner: Sequence[str]
    off_list: Sequence[str]
    ambiguous: Sequence[str]
    unrequested: Sequence[str]

    def notes(self, n_columns: int, noun: str = "columns") -> Iterator[str]:
        """Yields a note on each group of columns that are not classes of the given tree. noun: for columns."""
        for labels, what in (
            (self.inner, "name taxa above the classes, and are classes of their own"),
            (self.off_list, "match no listed class, and stand beside the tree"),
            (self.ambiguous, "match several classes, and stand beside the tree"),
            (self.unrequested, "are of classes outside the subset, and have no share"),
        ):
            if labels:
                yield f"{len(labels)} of {n_columns} {noun} {what}: {list_some(labels)}"


def match_columns(
    columns: Sequence[str], descriptions: Mapping[str, str], taxonomy: Taxonomy, whole: Taxonomy
) -> MatchedColumns:
    """Matches columns by any of their names. descriptions: column → its lineage. whole: the tree before a subset was taken."""
    labels = {column: parse_label(column, descriptions.get(column, "")) for column in columns}
    resolver = Resolver(taxonomy)
    elsewhere = Resolver(whole) if len(whole.names) > len(taxonomy.names) else None
    inner: dict[str, int] = {}
    groups: dict[str, list[str]] = {"listed": [], "off": [], "ambiguous": [], "unrequested": []}
    nodes_of = {column: find_nodes(resolver, label) for column, label in labels.items()}
    named = {node for nodes in nodes_of.values() for node in nodes}
    for column, label in labels.items():
        nodes = nodes_of[column]
        classes = _find_class_nodes(resolver, label, nodes, named)
        if len(classes) == 1:
            groups["listed"].append(column)
        elif len(nodes) == 1:
            inner[column] = nodes[0]
        elif nodes:
            groups["ambiguous"].append(column)
        else:
            is_unrequested = elsewhere is not None and find_nodes(elsewhere, label)
            groups["unrequested" if is_unrequested else "off"].append(column)
    beside = [*groups["off"], *groups["ambiguous"]]
    tree = add_beside(add_inner_classes(taxonomy, inner.values()), [labels[column].shown for column in beside])
    class_of = _find_classes(tree, {column: labels[column] for column in (*groups["listed"], *inner)})
    class_of |= {column: _find_beside(tree, labels[column].shown) for column in beside}
    already_beside = {tree.n_classes - one for one in range(1, tree.n_beside + 1)}
    return MatchedColumns(
        tree,
        class_of,
        n_listed=sum(class_of[column] not in already_beside for column in (*groups["listed"], *inner)),
        inner=[labels[column].shown for column in inner],
        off_list=[labels[column].shown for column in groups["off"]],
        ambiguous=[labels[column].shown for column in groups["ambiguous"]],
        unrequested=[labels[column].shown for column in groups["unrequested"]],
    )


def refuse_unmatched(
    matched: MatchedColumns, columns: Sequence[str], taxonomy: Taxonomy, where: str, noun: str = "columns"
) -> None:
    """Raises ScoresError, with similar names, if no column is of a class. taxonomy: the given tree. where: of the columns."""
    if matched.n_listed:
        return
    hint = [f"{name}: {', '.join(near)}" for name in matched.off_list[:3] if (near := Resolver(taxonomy).near(name))]
    raise ScoresError(
        f"{where}: none of its {len(columns)} {noun} ({list_some(columns, 3)}) is a class of {taxonomy.source}"
        + (f"; similar classes: {'; '.join(hint)}" if hint else "")
    )


def spread_columns(logits_kB: torch.Tensor, class_k: npt.NDArray[np.int64], n_classes: int) -> Logits:
    """Returns logits of all classes, -inf for those without a column. class_k: ascending, the classes of the rows."""

    def part(start: int, stop: int) -> torch.Tensor:
        logits_cB = torch.full((stop - start, logits_kB.shape[1]), -torch.inf)
        first, last = class_k.searchsorted([start, stop]).tolist()
        logits_cB[torch.from_numpy(class_k[first:last] - start)] = logits_kB[first:last]
        return logits_cB

    return Logits(part, logits_kB.shape[1], n_classes)


def _find_class_nodes(resolver: Resolver, label: Label, nodes: Sequence[int], named: Collection[int]) -> list[int]:
    """Returns the classes among `nodes`. Of the name of a genus that is the common name of a class ("bison"): that class,
    unless another column names it (`named`)."""
    class_of_N = resolver.taxonomy.class_of_N
    classes = [node for node in nodes if class_of_N[node] >= 0]
    if classes or not nodes:
        return classes
    others = [node for node in find_nodes(resolver, label, classes=True) if class_of_N[node] >= 0]
    return [node for node in others if node not in named]


def _find_classes(tree: Taxonomy, labels: Mapping[str, Label]) -> dict[str, int]:
    resolver, class_of_N = Resolver(tree), tree.class_of_N
    return {
        column: next(
            int(class_of_N[node]) for node in find_nodes(resolver, label, classes=True) if class_of_N[node] >= 0
        )
        for column, label in labels.items()
    }


def _find_beside(tree: Taxonomy, shown: str) -> int:
    name = " ".join(shown.split())
    return next(int(tree.class_of_N[node]) for node in tree.beside_nodes.tolist() if tree.names[node] == name)
