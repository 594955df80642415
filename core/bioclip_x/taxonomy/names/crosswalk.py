"""Results under the names and lineages of another taxonomy.

A taxon is found there by identifiers, then by rank, name and kingdom, then by synonyms of either tree. One that is not
there, or that is split there, keeps its own name, and its row says so. Shares are those of this run's tree: a taxon of
the other tree that answers to none on the path of a prediction has no share that could be known (nan).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bioclip_x.messages import list_some
from bioclip_x.records.explanation import Explanation, name_other_classes
from bioclip_x.records.result import Prediction, RankWinner, Result, Step
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.names.resolver import By, Resolver
from bioclip_x.taxonomy.tree import TAXON, Taxonomy

UNKNOWN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Crossed:
    """A taxon there. nodes: those it may be; none where it is not there. by: how it was found. why: what keeps its own name."""

    nodes: tuple[int, ...]
    by: By = ""
    why: str = ""

    @property
    def node(self) -> int:
        """The one that it is, -1 where there is none or several."""
        return self.nodes[0] if len(self.nodes) == 1 else -1


@dataclass(frozen=True, slots=True)
class _Renamed:
    """A prediction as reported, its node there (-1: it has none and keeps its name), and its name here."""

    node: int
    old: str
    prediction: Prediction


class Crosswalk:
    """From one taxonomy to another.

    there: the taxonomy under whose names is reported; `there.source` is what notes call it.
    """

    def __init__(self, here: Taxonomy, there: Taxonomy) -> None:
        self.here, self.there = here, there
        self._here, self._there = Resolver(here), Resolver(there)
        self._crossed: dict[tuple[tuple[str, str], ...], Crossed] = {}
        self.name = there.source.replace("\\", "/").rpartition("/")[2] or "the other taxonomy"

    def cross(self, taxon: Taxon) -> Crossed:
        """What a taxon of this tree, with its synonyms and ids, is there."""
        match = self._there.match(taxon)
        if not match.nodes:
            return Crossed((), why=f"not in {self.name}")
        nodes = match.nodes if match.by == "id" else self._with_split_off(taxon, match.nodes)
        if len(nodes) > 1:
            names = list_some([self.there.names[node] for node in nodes])
            return Crossed(nodes, match.by, why=f"may be several in {self.name}: {names}")
        return Crossed(nodes, match.by)

    def notes(self) -> tuple[str, ...]:
        """How many classes are found there, and which taxa are not: for outputs."""
        found: Counter[By] = Counter()
        lost: list[str] = []
        split: list[str] = []
        for class_index in range(self.here.n_classes):
            taxon = self.here.class_taxon(class_index)
            crossed = self.cross(taxon)
            if crossed.node >= 0:
                found[crossed.by] += 1
            else:
                (split if crossed.nodes else lost).append(taxon.name)
        above = [self.here.taxon(node) for node in self.here.inner_taxa.tolist()]
        nowhere = [taxon.name for taxon in above if self.cross(taxon).node < 0]
        ways = ", ".join(f"{count} by {by}" for by, count in found.most_common())
        told = f"reported as in {self.name}: {found.total()} of {self.here.n_classes} classes found there"
        notes = [f"{told} ({ways}); shares of higher taxa are those of this run's own tree" if ways else told]
        for names, what in (
            (lost, f"classes are not in {self.name}"),
            (split, f"classes may be several taxa in {self.name}"),
            (nowhere, f"taxa above the classes are not one taxon in {self.name}"),
        ):
            if names:
                notes.append(f"{len(names)} {what} and keep their names: {list_some(names)}")
        return tuple(notes)

    def report(self, result: Result) -> Result:
        """A result under the other's names. Predictions that are one taxon there are merged, their shares summed."""
        if not result.predictions:
            return result
        renamed = [self._prediction(one) for one in result.predictions]
        merged = sorted(_merged(renamed, self.name), key=lambda one: -one.prediction.probability)
        return replace(
            result,
            predictions=tuple(one.prediction for one in merged),
            ranks=tuple(self._winner(one, merged[0].node) for one in result.ranks),
            explanation=result.explanation and _explained(result.explanation, renamed),
        )

    def _with_split_off(self, taxon: Taxon, nodes: Sequence[int]) -> tuple[int, ...]:
        """And those taxa there that go by an accepted name which is only a synonym here."""
        lineage = [name for _, name in taxon.lineage[:-1]]
        others = (self._there.find(other.name, taxon.rank, lineage=lineage) for other in taxon.synonyms)
        return tuple(dict.fromkeys([*nodes, *(node for other in others if other.by == "name" for node in other.nodes)]))

    def _of_lineage(self, lineage: tuple[tuple[str, str], ...]) -> Crossed:
        """What the taxon of a lineage here is there; its synonyms and ids are looked up in this tree."""
        if lineage not in self._crossed:
            rank, name = lineage[-1]
            nodes = self._here.find(name, rank, lineage=[above for _, above in lineage[:-1]]).nodes
            taxa = [taxon for taxon in map(self.here.taxon, nodes) if taxon.lineage == lineage]
            self._crossed[lineage] = self.cross(taxa[0] if taxa else Taxon(rank, name, lineage))
        return self._crossed[lineage]

    def _prediction(self, one: Prediction) -> _Renamed:
        """A prediction under the name that it has there, or its own with the reason in its note."""
        lineage = one.taxon.lineage
        is_itself = bool(lineage) and lineage[-1] == (one.taxon.rank, one.taxon.name)  # and not "no family in …"
        crossed = self._of_lineage(lineage) if is_itself else Crossed((), why=f"not in {self.name}")
        if crossed.node < 0:
            return _Renamed(-1, one.taxon.name, replace(one, note=_notes(one.note, crossed.why)))
        shares: dict[int, float] = {}
        for depth, step in enumerate(one.path[: len(lineage)], start=1):
            shares.setdefault(self._of_lineage(lineage[:depth]).node, step.probability)
        taxon = self.there.taxon(crossed.node)
        nodes = [node for node in self.there.path(crossed.node) if self.there.kind_N[node] == TAXON]
        steps = [Step(self.there.rank(n), self.there.names[n], shares.get(n, UNKNOWN)) for n in nodes]
        taxon = replace(taxon, common_names={**one.taxon.common_names, **taxon.common_names})
        prediction = replace(one, taxon=taxon, path=(*steps, *one.path[len(lineage) :]))
        return _Renamed(crossed.node, one.taxon.name, prediction)

    def _winner(self, winner: RankWinner, best: int) -> RankWinner:
        """The best at a rank; whether it lies on the best prediction's path is seen there, if both are there."""
        if winner.taxon is None or not winner.taxon.lineage:
            return winner
        node = self._of_lineage(winner.taxon.lineage).node
        if node < 0:
            return winner
        on_path = winner.on_path
        if best >= 0:
            on_path = node in self.there.path(best) or best in self.there.path(node)  # above it, or below
        return replace(winner, taxon=self.there.taxon(node), on_path=on_path)


def _merged(renamed: Sequence[_Renamed], name: str) -> list[_Renamed]:
    """Predictions in order, those of one node (and one note) together."""
    groups: dict[object, list[_Renamed]] = {}
    for place, one in enumerate(renamed):
        key = (one.node, one.prediction.note) if one.node >= 0 else ("own name", place)
        groups.setdefault(key, []).append(one)
    return [_together(group, name) if len(group) > 1 else group[0] for group in groups.values()]


def _together(group: Sequence[_Renamed], name: str) -> _Renamed:
    """One prediction for several: their shares summed; above them, only a share on which all agree is known."""
    first = group[0].prediction
    n_above = len(first.taxon.lineage) - 1  # what follows is the taxon, and "species not given" below it
    steps = []
    for depth, step in enumerate(first.path):
        shares = [one.prediction.path[depth].probability for one in group]
        known = sum(shares) if depth >= n_above else shares[0] if len(set(shares)) == 1 else UNKNOWN
        steps.append(replace(step, probability=known))
    note = _notes(first.note, f"{' and '.join(one.old for one in group)}, one in {name}")
    total = sum(one.prediction.probability for one in group)
    return replace(group[0], prediction=replace(first, probability=total, path=tuple(steps), note=note))


def _explained(explanation: Explanation, renamed: Sequence[_Renamed]) -> Explanation:
    """Under the new names, unless winner and runner-up are one there: what was compared were two."""
    names = {one.old: one.prediction.taxon.name for one in renamed}
    fields = ("winner", "runner_up", "winner_class", "runner_up_class")
    new = {field: names.get(getattr(explanation, field), getattr(explanation, field)) for field in fields}
    if new["winner"] == new["runner_up"]:
        return explanation
    labels = {name_other_classes(old): name_other_classes(name) for old, name in names.items()}
    remainders = (replace(one, label=labels.get(one.label, one.label)) for one in explanation.remainders)
    return replace(explanation, **new, remainders=tuple(remainders))


def _notes(*notes: str) -> str:
    return ", ".join(filter(None, notes))
