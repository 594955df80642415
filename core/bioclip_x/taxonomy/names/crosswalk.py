"""Reports results under the names and lineages of another taxonomy.

A taxon is matched by identifiers, then by rank, name and lineage, then by synonyms from either tree. A taxon that the
target taxonomy lacks or splits keeps its own name, with a note. Probabilities are those of the source tree; a target
taxon that matches none on the path of a prediction has an unknown probability (nan).
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
class TargetMatch:
    """The match of a taxon in the target. nodes: candidates, empty if none. by: how it was found. why: reason for no match."""

    nodes: tuple[int, ...]
    by: By = ""
    why: str = ""

    @property
    def node(self) -> int:
        """The matching node, -1 if there is none or several."""
        return self.nodes[0] if len(self.nodes) == 1 else -1


@dataclass(frozen=True, slots=True)
class _Renamed:
    """A prediction as reported, its target node (-1 if it has none and keeps its name), and its source name."""

    node: int
    source_name: str
    prediction: Prediction


class Crosswalk:
    """Maps the taxa of one taxonomy to another.

    target: the taxonomy under whose names results are reported; notes call it by the file name of `target.source`.
    """

    def __init__(self, source: Taxonomy, target: Taxonomy) -> None:
        self.source, self.target = source, target
        self._source_resolver, self._target_resolver = Resolver(source), Resolver(target)
        self._matches: dict[tuple[tuple[str, str], ...], TargetMatch] = {}
        self._beside = {source.taxon(node).lineage for node in source.beside_nodes.tolist()}
        self.name = target.source.replace("\\", "/").rpartition("/")[2] or "the other taxonomy"

    def match(self, taxon: Taxon) -> TargetMatch:
        """Finds a taxon of the source tree in the target by its ids, name and synonyms."""
        match = self._target_resolver.match(taxon)
        if not match.nodes:
            return TargetMatch((), why=f"not in {self.name}")
        nodes = match.nodes if match.by == "id" else self._add_split_taxa(taxon, match.nodes)
        if len(nodes) > 1:
            names = list_some([self.target.names[node] for node in nodes])
            return TargetMatch(nodes, match.by, why=f"may be several in {self.name}: {names}")
        return TargetMatch(nodes, match.by)

    def notes(self) -> tuple[str, ...]:
        """Notes for outputs: how many classes are found in the target, and which taxa are not."""
        counts: Counter[By] = Counter()
        missing: list[str] = []
        split: list[str] = []
        n_taxa = self.source.n_classes - self.source.n_beside
        for class_index in range(n_taxa):
            taxon = self.source.class_taxon(class_index)
            match = self.match(taxon)
            if match.node >= 0:
                counts[match.by] += 1
            else:
                (split if match.nodes else missing).append(taxon.name)
        inner_taxa = [self.source.taxon(node) for node in self.source.inner_taxa.tolist()]
        unmatched_inner = [taxon.name for taxon in inner_taxa if self.match(taxon).node < 0]
        ways = ", ".join(f"{count} by {by}" for by, count in counts.most_common())
        summary = f"reported as in {self.name}: {counts.total()} of {n_taxa} classes found there"
        notes = [f"{summary} ({ways}); shares of higher taxa are those of this run's own tree" if ways else summary]
        for names, what in (
            (missing, f"classes are not in {self.name}"),
            (split, f"classes may be several taxa in {self.name}"),
            (unmatched_inner, f"taxa above the classes are not one taxon in {self.name}"),
        ):
            if names:
                notes.append(f"{len(names)} {what} and keep their names: {list_some(names)}")
        return tuple(notes)

    def report(self, result: Result) -> Result:
        """Returns a result under the target's names. Predictions of the same target taxon are merged and summed."""
        if not result.predictions:
            return result
        renamed = [self._rename_prediction(one) for one in result.predictions]
        merged = sorted(_merge_predictions(renamed, self.name), key=lambda one: -one.prediction.probability)
        return replace(
            result,
            predictions=tuple(one.prediction for one in merged),
            ranks=tuple(self._rename_winner(one, merged[0].node) for one in result.ranks),
            explanation=result.explanation and _rename_explanation(result.explanation, renamed),
        )

    def _add_split_taxa(self, taxon: Taxon, nodes: Sequence[int]) -> tuple[int, ...]:
        """Adds the target taxa whose accepted name is a synonym in the source, that is, which the target splits off."""
        lineage = [name for _, name in taxon.lineage[:-1]]
        others = (self._target_resolver.find_synonym(other, taxon.rank, lineage) for other in taxon.synonyms)
        return tuple(dict.fromkeys([*nodes, *(node for other in others if other.by == "name" for node in other.nodes)]))

    def _match_lineage(self, lineage: tuple[tuple[str, str], ...]) -> TargetMatch:
        """Matches the taxon at the end of a source lineage, with the synonyms and ids that the source tree has for it."""
        if lineage not in self._matches:
            rank, name = lineage[-1]
            nodes = self._source_resolver.find(name, rank, lineage=[above for _, above in lineage[:-1]]).nodes
            taxa = [taxon for taxon in map(self.source.taxon, nodes) if taxon.lineage == lineage]
            self._matches[lineage] = self.match(taxa[0] if taxa else Taxon(rank, name, lineage))
        return self._matches[lineage]

    def _rename_prediction(self, prediction: Prediction) -> _Renamed:
        """Returns a prediction under its target name, or under its own with the reason in its note."""
        own, lineage = prediction.taxon, prediction.taxon.lineage
        if lineage in self._beside:
            return _Renamed(-1, own.name, prediction)
        is_named = bool(lineage) and lineage[-1] == (own.rank, own.name)  # not "no family in …"
        match = self._match_lineage(lineage) if is_named else TargetMatch((), why=f"not in {self.name}")
        if match.node < 0:
            return _Renamed(-1, own.name, replace(prediction, note=_join_notes(prediction.note, match.why)))
        probabilities: dict[int, float] = {}
        for depth, step in enumerate(prediction.path[: len(lineage)], start=1):
            probabilities.setdefault(self._match_lineage(lineage[:depth]).node, step.probability)
        taxon = self.target.taxon(match.node)
        nodes = [node for node in self.target.path(match.node) if self.target.kind_N[node] == TAXON]
        steps = [Step(self.target.rank(n), self.target.names[n], probabilities.get(n, UNKNOWN)) for n in nodes]
        taxon = replace(taxon, common_names={**own.common_names, **taxon.common_names})
        return _Renamed(
            match.node, own.name, replace(prediction, taxon=taxon, path=(*steps, *prediction.path[len(lineage) :]))
        )

    def _rename_winner(self, winner: RankWinner, best: int) -> RankWinner:
        """Returns the winner at a rank under its target name; `on_path` is recomputed in the target if both are in it."""
        if winner.taxon is None or not winner.taxon.lineage or winner.taxon.lineage in self._beside:
            return winner
        node = self._match_lineage(winner.taxon.lineage).node
        if node < 0:
            return winner
        on_path = winner.on_path
        if best >= 0:
            on_path = node in self.target.path(best) or best in self.target.path(node)
        return replace(winner, taxon=self.target.taxon(node), on_path=on_path)


def _merge_predictions(renamed: Sequence[_Renamed], name: str) -> list[_Renamed]:
    """Merges predictions with the same node and note, keeping the order."""
    groups: dict[object, list[_Renamed]] = {}
    for index, one in enumerate(renamed):
        key = (one.node, one.prediction.note) if one.node >= 0 else ("own name", index)
        groups.setdefault(key, []).append(one)
    return [_merge_group(group, name) if len(group) > 1 else group[0] for group in groups.values()]


def _merge_group(group: Sequence[_Renamed], name: str) -> _Renamed:
    """Merges predictions into one, with summed probabilities; a taxon above keeps its probability only if all agree on it."""
    first = group[0].prediction
    n_above = len(first.taxon.lineage) - 1  # followed by the taxon itself, and "species not given" below it
    steps = []
    for depth, step in enumerate(first.path):
        probabilities = [one.prediction.path[depth].probability for one in group]
        are_equal = len(set(probabilities)) == 1
        merged = sum(probabilities) if depth >= n_above else probabilities[0] if are_equal else UNKNOWN
        steps.append(replace(step, probability=merged))
    note = _join_notes(first.note, f"{' and '.join(one.source_name for one in group)}, one in {name}")
    total = sum(one.prediction.probability for one in group)
    return replace(group[0], prediction=replace(first, probability=total, path=tuple(steps), note=note))


def _rename_explanation(explanation: Explanation, renamed: Sequence[_Renamed]) -> Explanation:
    """Puts an explanation under the target names, unless winner and runner-up, two source taxa, are one in the target."""
    names = {one.source_name: one.prediction.taxon.name for one in renamed}
    fields = ("winner", "runner_up", "winner_class", "runner_up_class")
    new = {field: names.get(getattr(explanation, field), getattr(explanation, field)) for field in fields}
    if new["winner"] == new["runner_up"]:
        return explanation
    labels = {name_other_classes(old): name_other_classes(name) for old, name in names.items()}
    remainders = (replace(one, label=labels.get(one.label, one.label)) for one in explanation.remainders)
    return replace(explanation, **new, remainders=tuple(remainders))


def _join_notes(*notes: str) -> str:
    return ", ".join(filter(None, notes))
