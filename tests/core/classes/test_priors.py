from __future__ import annotations

import math

import pytest
import torch

from bioclip_x.classes.priors import (
    Adjustments,
    add_offsets,
    add_offsets_to_inner,
    find_largest_offsets_below,
    sum_offsets,
)
from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.hooks.capabilities import LogitAdjustmentCapabilities
from bioclip_x.inference.precomputed import make_empty_bank
from bioclip_x.inference.scoring import BatchScorer
from bioclip_x.records import ImageFeatures, Logits, ModelCard, Source
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels

SOURCES = [Source("a.png"), Source("b.png")]


class Fixed:
    def __init__(self, offsets: object) -> None:
        self._offsets = offsets

    def offsets(self, taxonomy: Taxonomy, sources: list[Source]) -> object:
        return self._offsets

    def notes(self, taxonomy: Taxonomy) -> list[str]:
        return ["a note"]


def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for genus, species in (("A", "A a"), ("A", "A b"), ("B", "B a")):
        builder.add_lineage([("family", "F"), ("genus", genus), ("species", species)])
    return builder.build()


def logits() -> Logits:
    return Logits.of(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))


def of(*offsets: object) -> Adjustments:
    return Adjustments({f"number {i}": Fixed(one) for i, one in enumerate(offsets)}, tree())


def test_offsets_add_up_per_class_and_per_image() -> None:
    per_class = torch.tensor([0.5, -math.inf, 0.0])
    per_image = torch.tensor([[10.0, 20.0], [1.0, 1.0], [0.0, -math.inf]])
    adjustments = of(per_class, per_image)
    offsets = adjustments.compute_offsets(SOURCES)
    assert {name: tuple(one.shape) for name, one in offsets.items()} == {"number 0": (3, 1), "number 1": (3, 2)}
    adjusted = add_offsets(logits(), sum_offsets(offsets))
    assert adjusted.logits_BC.tolist() == [[11.5, -math.inf, 3.0], [24.5, -math.inf, -math.inf]]
    assert adjustments.notes() == ("a note", "a note")
    assert torch.equal(torch.cat([part for _, part in adjusted.chunks()]).T, adjusted.logits_BC)
    assert of().compute_offsets(SOURCES) == {}


def test_without_adjustments_the_logits_are_unchanged() -> None:
    same = logits()

    class Ready:
        """A scorer with precomputed logits."""

        def logits(self, *given: object) -> Logits:
            return same

    features = ImageFeatures(torch.zeros(2, 1), ("", ""))
    card = ModelCard("m", "r", "t", "fp32", 1, 1.0, 0.0, 77)
    scorer = BatchScorer(Ready(), make_empty_bank(3, "mean"), None, card, tree(), of())  # type: ignore[arg-type]
    scored = scorer.score(features, SOURCES)
    assert (
        torch.equal(scored.logits.logits_BC, same.logits_BC) and scored.offsets == {} and scored.inner_logits_TB is None
    )


def test_inner_taxa_get_the_largest_offset_below() -> None:
    offsets_CB = torch.tensor([[-3.0, -math.inf], [-1.0, -math.inf], [-2.0, 0.0]])
    whole = tree()
    assert [whole.names[node] for node in whole.inner_taxa] == ["F", "A", "B"]
    assert find_largest_offsets_below(offsets_CB, whole).tolist() == [[-1.0, 0.0], [-1.0, -math.inf], [-2.0, 0.0]]
    summed_CB = sum_offsets(of(offsets_CB).compute_offsets(SOURCES))
    inner_TB = add_offsets_to_inner(torch.full((3, 2), 2.0), summed_CB, whole)
    assert inner_TB.tolist() == [[1.0, 2.0], [1.0, -math.inf], [0.0, 2.0]]
    assert find_largest_offsets_below(torch.zeros(2, 1), from_labels(("a", "b"))).shape == (0, 1)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        (torch.zeros(4), r"shape \(4,\) from offsets; expected a tensor of shape \(3,\) or \(3, 2\)"),
        (torch.zeros(2, 3), r"shape \(2, 3\) from offsets"),
        ([0, 0, 0], r"returned the list \[0, 0, 0\] from offsets"),
        (torch.tensor([0, math.nan, 0]), "from offsets; expected finite offsets and -inf only"),
        (torch.tensor([0, math.inf, 0]), "from offsets; expected finite offsets and -inf only"),
    ],
)
def test_invalid_offsets_are_errors(offsets: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        of(offsets).compute_offsets(SOURCES)


def test_adjustments_that_exclude_every_class_are_errors() -> None:
    some, others = torch.tensor([0, -math.inf, -math.inf]), torch.tensor([-math.inf, 0, 0])
    with pytest.raises(RecipeError, match="number 0, number 1: together they exclude every class"):
        of(some, others).compute_offsets(SOURCES)


class Noting(Fixed):
    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def __init__(self, image_notes: object) -> None:
        super().__init__(torch.zeros(3))
        self._image_notes = image_notes

    def image_notes(self, taxonomy: Taxonomy, sources: list[Source]) -> object:
        return self._image_notes


def test_notes_per_image_of_those_that_declare_them() -> None:
    by_name = {"silent": Fixed(torch.zeros(3)), "one": Noting([["no date"], []]), "two": Noting([(), ("far", "late")])}
    assert Adjustments(by_name, tree()).collect_image_notes(SOURCES) == [("no date",), ("far", "late")]  # type: ignore[arg-type]
    assert Adjustments({}, tree()).collect_image_notes(SOURCES) == [(), ()]


@pytest.mark.parametrize("notes", [None, [["a"]], ["a", "b"], [["a"], [1]], "ab"])
def test_notes_of_another_form_are_told(notes: object) -> None:
    with pytest.raises(PluginError, match="from image_notes; expected a list of texts for each of 2 images"):
        Adjustments({"odd": Noting(notes)}, tree()).collect_image_notes(SOURCES)  # type: ignore[dict-item]
