"""Scores of a file as logits of a taxonomy's classes, against loops over the file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.errors import ScoresError
from bioclip_x.records import ImageFeatures, Logits
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.details import Details
from bioclip_x.taxonomy.editing.subset import subset
from bioclip_x_plugins.scorers.external import ExternalScorer, RowFinder


@pytest.fixture
def taxonomy() -> Taxonomy:
    builder = TaxonomyBuilder()
    blue = Details(common_names={"en": ("blue tit",)}, synonyms=(Synonym("Parus caeruleus"),))
    builder.add_lineage([("family", "Paridae"), ("species", "Cyanistes caeruleus")], blue)
    builder.add_lineage([("family", "Paridae"), ("species", "Parus major")])
    builder.add_lineage([("family", "Turdidae"), ("species", "Turdus merula")])
    return builder.build(source="birds")


def prepare(one: ExternalScorer, taxonomy: Taxonomy) -> list[str]:
    """The notes, after the tree has been extended by what only the file has."""
    return list(one.prepare(one.extend(taxonomy, taxonomy)))


def scorer(folder: Path, text: str, **options: str) -> ExternalScorer:
    (folder / "s.csv").write_text(text, "utf-8")
    return ExternalScorer(folder / "s.csv", **options)  # type: ignore[arg-type]


def logits(one: ExternalScorer, *names: str) -> Logits:
    features = ImageFeatures(torch.empty(len(names), 0), ("",) * len(names), names=names)
    return one.logits(features, None, None, None)  # type: ignore[arg-type]


def test_probabilities_are_kept(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "file_name,Turdus merula,blue tit,Parus major\nx.jpg,0.2,0.3,0.5\ny.jpg,0,0.9,0.1\n")
    assert prepare(one, taxonomy) == []
    order = [taxonomy.class_taxon(c).name for c in range(3)]
    expected = {"Turdus merula": 0.0, "Cyanistes caeruleus": 0.9, "Parus major": 0.1}
    probabilities = torch.softmax(logits(one, "y.jpg", "x.jpg").logits_BC, dim=1)
    assert probabilities[0].tolist() == pytest.approx([expected[name] for name in order])
    assert float(probabilities[1].max()) == pytest.approx(0.5)


def test_logits_are_unchanged_in_any_range_of_classes(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "image,Parus major,Turdus merula\nx,-3.5,12\n", kind="logits")
    assert prepare(one, taxonomy) == ["1 of 3 classes have no column in s.csv, and no share"]
    found = logits(one, "x")
    whole = found.logits_BC[0].tolist()
    assert sorted(whole) == [-math.inf, -3.5, 12.0]
    assert [found.part(c, c + 1).item() for c in range(3)] == whole
    assert found.part(1, 1).shape == (0, 1)


def test_synonyms_of_one_class_are_added_up(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "image,Parus caeruleus,Cyanistes caeruleus,Parus major\nx,0.25,0.5,0.25\n")
    notes = prepare(one, taxonomy)
    assert any("columns of one class, Cyanistes caeruleus; their shares are added up" in note for note in notes)
    assert float(torch.softmax(logits(one, "x").logits_BC, 1).max()) == pytest.approx(0.75)


def test_what_is_off_the_list_is_an_alternative_of_its_own(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "image,Parus major,Turdus merula,blank,Paridae\nx,0.4,0.2,0.3,0.1\ny,0.5,0.1,0.1,0.1\n")
    tree = one.extend(taxonomy, taxonomy)
    notes = "\n".join(one.prepare(tree))
    assert "1 of 2 images do not sum to 1 (sums from 0.8 to 0.8)" in notes
    assert "1 of 4 columns match no listed class, and stand beside the tree: blank" in notes
    assert "1 of 4 columns name taxa above the classes, and are classes of their own: Paridae" in notes
    [shares] = torch.softmax(logits(one, "x").logits_BC, 1).tolist()
    assert {tree.class_taxon(c).name: share for c, share in enumerate(shares)} == pytest.approx(
        {"Cyanistes caeruleus": 0, "Parus major": 0.4, "Paridae": 0.1, "Turdus merula": 0.2, "blank": 0.3}
    )
    assert tree.n_beside == 1 and tree.class_taxon(4).lineage == (("", "blank"),)
    assert [tree.names[node] for node in tree.rank_tables["family"]] == ["Paridae", "Turdidae", "blank"]


def test_ambiguous_columns_are_alternatives_too(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    for name in ("Erithacus rubecula", "Turdus migratorius"):
        builder.add_lineage([("species", name)], Details({"en": ("robin",)}))
    one = scorer(tmp_path, "image,robin,Turdus migratorius\nx,0.7,0.3\n")
    tree = one.extend(taxonomy := builder.build(), taxonomy)
    assert one.prepare(tree)[0] == "1 of 2 columns match several classes, and stand beside the tree: robin"
    assert float(torch.softmax(logits(one, "x").logits_BC, 1)[0, -1]) == pytest.approx(0.7)


def test_a_subset_leaves_out_its_other_classes_but_not_what_is_off_the_list(tmp_path: Path, taxonomy: Taxonomy) -> None:
    part = subset(taxonomy, ["Paridae"]).tree
    one = scorer(tmp_path, "image,Parus major,Turdus merula,blank\nx,0.2,0.4,0.4\n")
    tree = one.extend(part, taxonomy)
    assert "1 of 3 columns are of classes outside the subset, and have no share: Turdus merula" in one.prepare(tree)
    [shares] = torch.softmax(logits(one, "x").logits_BC, 1).tolist()
    assert {tree.class_taxon(c).name: share for c, share in enumerate(shares) if share} == pytest.approx(
        {"Parus major": 1 / 3, "blank": 2 / 3}
    )


def test_unusable_scores_are_refused(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(
        ScoresError, match=r"s.csv, y: 'Parus major' has -2, .* use --scorer external:file=.*kind=logits"
    ):
        prepare(scorer(tmp_path, "image,Parus major\nx,1\ny,-2\n"), taxonomy)
    with pytest.raises(ScoresError, match=r"none of its 1 columns \(Parus majr\) is a class of birds.*Parus major"):
        prepare(scorer(tmp_path, "image,Parus majr\nx,1\n"), taxonomy)
    one = scorer(tmp_path, "image,Parus major\nx,1\n")
    with pytest.raises(ScoresError, match=r"call extend"):
        one.image_names()
    prepare(one, taxonomy)
    with pytest.raises(ScoresError, match="y: no row"):
        logits(one, "y")


def test_images_with_the_same_name_are_distinguished(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "image,Parus major,blank\na/x.jpg,1,0\nb/x.jpg,1,0\nz.jpg,0,1\n")
    prepare(one, taxonomy)
    assert one.image_names() == ("a/x.jpg", "b/x.jpg", "z.jpg")
    assert one.problem("/photos/a/x.jpg") == ""
    assert one.problem("x.jpg") == "2 rows match in s.csv"
    assert one.problem("w.jpg") == "no row in s.csv"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("a/x.jpg", 0), ("./b/x.jpg", 1), (r"C:\photos\b\x.jpg", 1), ("y.jpg", 2), ("elsewhere/y.jpg", 2),
        ("c/x.jpg", "2 rows match"), ("x.jpg", "2 rows match"), ("X.jpg", "no row"), ("", "no row"),
    ],
)  # fmt: skip
def test_rows_are_found_by_path_and_then_by_name(name: str, row: int | str) -> None:
    assert RowFinder(["a/x.jpg", r"b\x.jpg", "y.jpg"]).find(name) == row


def test_a_classifier_with_a_name_has_no_revision(tmp_path: Path, taxonomy: Taxonomy) -> None:
    text = "image,Parus major\nx,1\n"
    assert scorer(tmp_path, text).model == "scores of s.csv" and len(scorer(tmp_path, text).revision) == 16
    named = scorer(tmp_path, text, model="my ResNet")
    assert (named.model, named.revision) == ("my ResNet", "")


def test_long_files_may_omit_classes(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = scorer(tmp_path, "image,class,score\nx,Parus major,0.6\nx,blue tit,0.4\ny,blue tit,1\n")
    prepare(one, taxonomy)
    probabilities = torch.softmax(logits(one, "y").logits_BC, dim=1)[0]
    assert sorted(probabilities.tolist()) == pytest.approx([0, 0, 1])
    assert np.isfinite(logits(one, "x").logits_BC.numpy()).sum() == 2


def test_a_genus_name_that_is_the_common_name_of_a_class_means_the_class(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    for species, common in (("Bison bison", "bison"), ("Bison bonasus", "wisent")):
        builder.add_lineage([("genus", "Bison"), ("species", species)], Details({"en": (common,)}))
    taxonomy = builder.build()
    one = scorer(tmp_path, "image,bison,wisent\nx,0.75,0.25\n")
    assert one.extend(taxonomy, taxonomy) is taxonomy and prepare(one, taxonomy) == []
    assert torch.softmax(logits(one, "x").logits_BC, 1)[0].tolist() == pytest.approx([0.75, 0.25])
    one = scorer(tmp_path, "image,Bison,Bison bison,wisent\nx,0.5,0.3,0.2\n")
    tree = one.extend(taxonomy, taxonomy)
    assert tree.n_classes == 3, "another column names the class, so Bison is the genus"
    one.prepare(tree)
    shares = dict(zip((tree.class_taxon(c).name for c in range(3)), torch.softmax(logits(one, "x").logits_BC, 1)[0]))
    assert {name: round(float(share), 6) for name, share in shares.items()} == {
        "Bison": 0.5, "Bison bison": 0.3, "Bison bonasus": 0.2,
    }  # fmt: skip
