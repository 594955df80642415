"""Explanations of a whole classifier: `why_not`, `explain`, priors, scores from elsewhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bioclip_x import Classifier
from bioclip_x.errors import RecipeError
from bioclip_x.records import Explanation
from bioclip_x.taxonomy import TaxonomyBuilder
from helpers import picture


def explained(model: str, **fields: Any) -> Explanation:
    [result] = Classifier(model, **fields).classify(picture())
    assert result.explanation is not None
    return result.explanation


def log_ratio(model: str, one: str, other: str, **fields: Any) -> float:
    """Of two taxa's shares, from the predictions and their paths."""
    [result] = Classifier(model, k=99, **fields).classify(picture())
    shares = {p.taxon.name: p.probability for p in result.predictions}
    shares |= {step.name: step.probability for p in result.predictions for step in p.path if not p.note}
    return math.log(shares[one] / shares[other])


def test_a_class_a_genus_and_a_common_name(tiny_model: str, birds_csv: Path) -> None:
    usual = explained(tiny_model, taxonomy=birds_csv)
    assert not usual.is_asked_for
    for asked, name in [
        ("Turdus merula", "Turdus merula"),
        ("Aves", "Aves"),
        ("Eurasian Blue Tit", "Cyanistes caeruleus"),
    ]:
        told = explained(tiny_model, taxonomy=birds_csv, why_not=asked)
        if told.is_asked_for:
            assert told.runner_up == name
            ratio = log_ratio(tiny_model, told.winner, name, taxonomy=birds_csv)
            assert told.margin == pytest.approx(ratio, abs=1e-3)
        else:
            assert (told.winner, told.runner_up) == (usual.winner, usual.runner_up)


def test_an_unknown_name_is_told_with_those_most_alike(birds_csv: Path) -> None:
    with pytest.raises(RecipeError, match=r"why not 'Turdus merulla': there is no such taxon .*Turdus merula\?"):
        Classifier("local-dir:/nowhere", taxonomy=birds_csv, why_not="Turdus merulla")  # before any model is loaded


def test_a_homonym_wants_its_path() -> None:
    builder = TaxonomyBuilder()
    for kingdom in ("Animalia", "Plantae"):
        builder.add_lineage([("kingdom", kingdom), ("genus", "Oenanthe"), ("species", f"Oenanthe of {kingdom}")])
    with pytest.raises(
        RecipeError,
        match="why not 'Oenanthe': 2 taxa have this name; give the path: 'Animalia; Oenanthe' or 'Plantae; Oenanthe'",
    ):
        Classifier("local-dir:/nowhere", taxonomy=builder.build(), why_not="Oenanthe")


def test_why_not_without_an_explanation_is_a_contradiction(tiny_model: str, birds_csv: Path) -> None:
    with pytest.raises(RecipeError, match="leave out one of the two"):
        Classifier(tiny_model, taxonomy=birds_csv, why_not="Aves", explain=False)


def test_nothing_need_be_explained(tiny_model: str, birds_csv: Path) -> None:
    [result] = Classifier(tiny_model, taxonomy=birds_csv, explain=False).classify(picture())
    assert result.predictions and result.explanation is None


def test_what_a_list_excludes_is_said_to_be_excluded(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    usual = explained(tiny_model, taxonomy=birds_csv)
    (tmp_path / "list.txt").write_text(f"{usual.winner}\n", "utf-8")
    fields = {"taxonomy": birds_csv, "why_not": usual.runner_up}
    hard, soft = (
        explained(tiny_model, adjust=f"species-list:{tmp_path / 'list.txt'},mode={mode}", **fields)
        for mode in ("hard", "prior")
    )
    assert hard.is_asked_for and math.isinf(hard.margin) and math.isinf(hard.rest)
    [one] = hard.remainders
    assert one.kind == "adjustment" and one.label.startswith("species-list") and one.contribution == math.inf
    [one] = soft.remainders
    assert one.contribution == pytest.approx(3.0) and soft.margin == pytest.approx(usual.margin + 3, abs=1e-3)


def test_scores_without_texts_are_one_line(tmp_path: Path) -> None:
    labels, file = ("a", "b", "c"), tmp_path / "scores.csv"
    file.write_text("file_name,a,b\nx.jpg,0.75,0.25\n", "utf-8")
    for why_not, margin in [(None, math.log(3)), ("c", math.inf)]:
        [result] = Classifier(labels=labels, scorer=f"external:{file}", why_not=why_not).classify(None)
        assert result.explanation is not None and result.explanation.contributions == ()
        assert result.explanation.margin == pytest.approx(margin)
        [one] = result.explanation.remainders
        assert (
            one.kind == "scores"
            and one.label.startswith("the scorer external")
            and one.contribution == pytest.approx(margin)
        )


def test_a_head_that_is_no_softmax_has_a_line(tiny_model: str, birds_csv: Path) -> None:
    told = explained(tiny_model, taxonomy=birds_csv, head="rollup:size_prior=class")
    ratio = log_ratio(tiny_model, told.winner, told.runner_up, taxonomy=birds_csv, head="rollup:size_prior=class")
    assert told.margin == pytest.approx(ratio, abs=1e-3)
    assert {one.label for one in told.remainders} <= {"the head rollup:size_prior=class"}


FAMILIES = """order,family,species
A,Aa,a1
A,Aa,a2
A,Ab,a3
B,Ba,b1
B,Ba,b2
"""


@pytest.mark.parametrize("rank", [None, "family", "order"])
@pytest.mark.parametrize("why_not", ["a1", "a2", "a3", "b1", "b2", "Aa", "Ab", "Ba", "A", "B"])
@pytest.mark.parametrize("shares", ["0,1,0,0,0", "0,0.75,0,0.25,0", "0.5,0.5,0,0,0", "0,0.25,0.75,0,0"])
def test_any_taxon_may_be_impossible(tmp_path: Path, rank: str | None, why_not: str, shares: str) -> None:
    """Each margin is the log of the ratio of the two shares, or infinite."""
    tree, file = tmp_path / "tree.csv", tmp_path / "scores.csv"
    tree.write_text(FAMILIES)
    file.write_text(f"file_name,a1,a2,a3,b1,b2\nx.jpg,{shares}\n", "utf-8")
    [result] = Classifier(taxonomy=tree, scorer=f"external:{file}", why_not=why_not, rank=rank).classify(None)
    told = result.explanation
    assert told is not None and not math.isnan(told.margin)
    of_class = dict(zip(("a1", "a2", "a3", "b1", "b2"), map(float, shares.split(","))))
    below = {"Aa": ("a1", "a2"), "Ab": ("a3",), "Ba": ("b1", "b2"), "A": ("a1", "a2", "a3"), "B": ("b1", "b2")}
    share = of_class | {name: sum(of_class[c] for c in classes) for name, classes in below.items()}
    assert len({one.taxon.name for one in result.predictions}) == len(result.predictions)
    assert share[told.winner] == max(share[one.taxon.name] for one in result.predictions)
    if told.is_asked_for:
        expected = math.inf if share[why_not] == 0 else math.log(share[told.winner] / share[why_not])
        assert told.runner_up == why_not and told.margin == pytest.approx(expected, abs=1e-5)
