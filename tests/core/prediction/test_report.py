from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.errors import RecipeError
from bioclip_x.prediction.comparison import select_compared
from bioclip_x.prediction.node_probabilities import NodeProbabilities
from bioclip_x.records import Logits
from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from helpers import picture


def test_a_head_that_chooses_the_rank_reports_one_taxon(tiny_model: str, birds_csv: Path) -> None:
    [flat] = Classifier(tiny_model, taxonomy=birds_csv).classify(picture())
    threshold = flat.predictions[0].probability + 0.01  # no class passes
    [hedged] = Classifier(tiny_model, taxonomy=birds_csv, head=f"hedge:{threshold}").classify(picture())
    [one] = hedged.predictions
    assert one.taxon.rank not in ("", "species") and one.probability >= threshold
    assert (one.path[-1].rank, one.path[-1].name) == (one.taxon.rank, one.taxon.name)
    outside = [p for p in flat.predictions if one.taxon.name not in dict(p.taxon.lineage).values()]
    assert hedged.explanation is not None
    assert (hedged.explanation.winner, hedged.explanation.runner_up) == (one.taxon.name, outside[0].taxon.name)


def test_an_image_is_refused_if_the_head_chooses_the_root(tiny_model: str, birds_csv: Path) -> None:
    [result] = Classifier(tiny_model, taxonomy=birds_csv, head="hedge:0.99").classify(picture())
    [flat] = Classifier(tiny_model, taxonomy=birds_csv).classify(picture())
    best = flat.predictions[0]
    assert not result.predictions and result.explanation is None
    assert result.refused == (
        f"no taxon is certain enough; the likeliest class is {best.taxon.name}, with {best.probability:.1%}"
    )


@pytest.mark.parametrize("head", ["hedge", "crm", "crm:nodes"])
def test_a_rank_with_a_head_that_chooses_ranks_is_refused(tiny_model: str, birds_csv: Path, head: str) -> None:
    with pytest.raises(RecipeError, match="chooses the ranks that it reports; leave out the rank 'family'"):
        Classifier(tiny_model, taxonomy=birds_csv, head=head, rank="family")


def test_a_single_taxon_is_compared_with_the_best_class_outside_it() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("Aa", "a1"), ("Aa", "a2"), ("Bb", "b1"), ("Bb", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    probabilities = NodeProbabilities(tree, roll_up(Logits.of(torch.tensor([[3.0, 2.0, 0.0, 1.0]])), tree), 0)
    names = tree.names.index
    assert select_compared(tree, probabilities, [names("Aa")]) == [names("Aa"), names("b2")]
    assert select_compared(tree, probabilities, [names("a2")]) == [names("a2"), names("a1")]
    assert select_compared(tree, probabilities, [names("b1"), names("a2")]) == [names("b1"), names("a2")]
    assert select_compared(tree, probabilities, [0]) == [0]


def test_a_taxon_with_all_of_the_best_classes_is_compared_with_its_siblings() -> None:
    builder = TaxonomyBuilder()
    for family, genus, species in [
        ("A", "Aa", "a1"),
        ("A", "Aa", "a2"),
        ("B", "Bb", "b1"),
        ("B", "Bc", "b2"),
        ("C", "Cc", "c"),
    ]:
        builder.add_lineage([("family", family), ("genus", genus), ("species", species)])
    tree = builder.build()
    logits = Logits.of(torch.tensor([[9.0, 8.0, 1.0, 0.0, -torch.inf]]))
    probabilities = NodeProbabilities(tree, roll_up(logits, tree, n_best=2), 0)
    names = tree.names.index
    assert select_compared(tree, probabilities, [names("A")]) == [names("A"), names("B")]
    assert select_compared(tree, probabilities, [names("Aa")]) == [names("Aa"), names("B")]  # it has no sibling
    last = NodeProbabilities(tree, roll_up(logits, tree, n_best=1), 0)
    assert select_compared(tree, last, [names("a1")]) == [names("a1"), names("a2")]
