from __future__ import annotations

import math
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.errors import DescriptorError, ImageError, ModelError, PluginError, RecipeError, TaxonomyError
from bioclip_x.images.places.folders import LeftOut
from bioclip_x.inference.result_journal import ResultJournal
from bioclip_x.records import HeadInput, Prompt, PromptSet, Scores, TextRequest
from bioclip_x_plugins.heads.flat import Flat
from helpers import picture, write_model, write_video


def test_classifying_a_folder_in_one_line(tiny_model: str, birds_csv: Path, pictures: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    results = list(classifier.classify(pictures))
    assert [Path(r.source).name for r in results] == ["a.png", "b.jpg", "c.png"]
    for result in results:
        assert len(result.predictions) == 5 and not result.error and not result.refused
        probabilities = [p.probability for p in result.predictions]
        assert probabilities == sorted(probabilities, reverse=True)
        best = result.predictions[0]
        assert best.path[-1].name == best.taxon.name
        ups = [step.probability for step in best.path]
        assert all(above >= below - 1e-6 for above, below in pairwise(ups))
        assert result.explanation is not None and abs(result.explanation.rest) < 1e-3
    about = classifier.provenance
    assert about.model == tiny_model and about.n_classes == 6 and about.recipe["taxonomy"] == str(birds_csv)


def test_paths_images_and_arrays_agree(tiny_model: str, pictures: Path) -> None:
    classifier = Classifier(tiny_model, labels=("red fox", "gray wolf"))
    image = Image.open(pictures / "a.png")
    as_path, as_image, as_array = (
        next(classifier.classify(one)) for one in (pictures / "a.png", image, np.asarray(image))
    )
    many = list(classifier.classify([str(pictures / "a.png"), image, np.asarray(image)]))
    expected = [(p.taxon.name, pytest.approx(p.probability, abs=1e-6)) for p in as_path.predictions]
    for result in (as_image, as_array, *many):
        assert [(p.taxon.name, p.probability) for p in result.predictions] == expected


def test_results_do_not_depend_on_the_batch_size(tiny_model: str, birds_csv: Path) -> None:
    images = [picture(i) for i in range(7)]
    one = list(Classifier(tiny_model, taxonomy=birds_csv, batch_size=1).classify(images))
    many = list(Classifier(tiny_model, taxonomy=birds_csv, batch_size=4, workers=2).classify(images))
    for a, b in zip(one, many, strict=True):
        assert a.source == b.source
        assert [p.probability for p in a.predictions] == pytest.approx([p.probability for p in b.predictions], abs=1e-5)


def test_rollup_reports_every_rank_and_rank_reports_one(tiny_model: str, birds_csv: Path) -> None:
    classifier = Classifier(tiny_model, taxonomy=birds_csv, plugins=["rollup"])
    [result] = classifier.classify([picture()])
    assert [w.rank for w in result.ranks] == ["kingdom", "phylum", "class", "order", "family", "genus", "species"]
    assert next(iter(Classifier(tiny_model, taxonomy=birds_csv).classify([picture()]))).ranks == ()
    [family] = Classifier(tiny_model, taxonomy=birds_csv, rank="family", k=99).classify([picture()])
    assert math.fsum(p.probability for p in family.predictions) == pytest.approx(1, abs=1e-5)
    assert {p.taxon.rank for p in family.predictions} == {"family"}
    [by_class] = Classifier(tiny_model, taxonomy=birds_csv, rank="class", k=99).classify([picture()])
    assert {p.taxon.name for p in by_class.predictions} == {"Aves", "no class in Chordata", "Magnoliopsida"}
    winner = next(w for w in result.ranks if w.rank == "family")
    assert winner.taxon == family.predictions[0].taxon
    with pytest.raises(RecipeError, match="no table at rank 'tribe'; it has: kingdom"):
        Classifier(tiny_model, taxonomy=birds_csv, rank="tribe")


def test_classes_without_descriptors_fall_back_to_names_with_a_note(
    tiny_model: str, birds_csv: Path, tmp_path: Path
) -> None:
    file = tmp_path / "d.yaml"
    file.write_text("great tit: [a black cap, a yellow breast]\nunicorn: [a horn]\n")
    classifier = Classifier(tiny_model, taxonomy=birds_csv, plugins=["descriptors"], descriptors=file)
    notes = "\n".join(classifier.provenance.notes)
    assert "5 of 6 classes have no descriptors" in notes and "unicorn" in notes
    assert [p.text for p in classifier.bank.prompts if p.kind == "descriptor"] == [
        "great tit, which is a black cap",
        "great tit, which is a yellow breast",
    ]
    with pytest.raises(DescriptorError, match="5 of 6 classes have no descriptors"):
        Classifier(tiny_model, taxonomy=birds_csv, plugins=["descriptors"], descriptors=file, missing="error")
    with pytest.raises(DescriptorError, match="give --descriptors FILE"):
        Classifier(tiny_model, taxonomy=birds_csv, plugins=["descriptors"])


def test_ties_and_truncated_texts_are_noted(tiny_model: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    long = "Aus " + "bus " * 90
    table.write_text(f"kingdom,species\nAnimalia,Morus alba\nPlantae,Morus alba\nPlantae,{long}\n")
    notes = Classifier(tiny_model, taxonomy=table, text="scientific").provenance.notes
    assert any("1 group of classes with identical texts, " in note and "Morus alba" in note for note in notes)
    assert any("1 of 3 texts are longer than the model's 77 tokens and were truncated" in note for note in notes)


def test_invalid_requests(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="brings no list of classes: give --taxonomy FILE"):
        Classifier(tiny_model)
    with pytest.raises(TaxonomyError, match="does not exist"):
        Classifier(tiny_model, taxonomy=tmp_path / "gone.csv")
    with pytest.raises(ModelError, match="no model is called 'unicorn'"):
        Classifier("unicorn", taxonomy=birds_csv)
    with pytest.raises(RecipeError, match="no field is called 'taxonmy'"):
        Classifier(tiny_model, taxonmy=birds_csv)


def test_two_hundred_images_with_three_unreadable(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    for i in range(200):
        picture(i, (16, 16)).save(tmp_path / f"{i:03}.png")
    (tmp_path / "017.png").write_bytes(b"")
    (tmp_path / "100.png").write_text("prose")
    whole = (tmp_path / "150.png").read_bytes()
    (tmp_path / "150.png").write_bytes(whole[: len(whole) // 2])
    results = list(Classifier(tiny_model, taxonomy=birds_csv).classify(tmp_path, left_out=LeftOut()))
    assert len(results) == 200
    assert {Path(r.source).stem: bool(r.predictions) for r in results if r.error} == dict.fromkeys(
        ("017", "100", "150"), False
    )


def test_arguments_beside_a_resolved_recipe_are_refused(tiny_model: str, birds_csv: Path) -> None:
    resolved = Classifier(tiny_model, taxonomy=birds_csv).recipe
    assert Classifier(recipe=resolved).taxonomy.n_classes == 6
    with pytest.raises(
        RecipeError, match="a resolved recipe was given together with k, plugins; change the recipe instead"
    ):
        Classifier(recipe=resolved, k=3, plugins=["rollup"])
    tree = Classifier(tiny_model, taxonomy=birds_csv).taxonomy
    assert Classifier(tiny_model, taxonomy=tree).taxonomy is tree
    with pytest.raises(RecipeError, match="labels and a taxonomy were both given"):
        Classifier(tiny_model, taxonomy=tree, labels=("a", "b"))


def test_unused_descriptors_are_noted(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text("great tit: [a black cap]\n")
    notes = Classifier(tiny_model, taxonomy=birds_csv, text="common", descriptors=file).provenance.notes
    assert any("d.yaml is not used" in note for note in notes)


def test_loading_a_model_does_not_change_the_callers_random_state(tiny_model: str) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    Classifier(tiny_model, labels=("a", "b"))
    assert torch.equal(torch.rand(1), expected)


def test_a_class_on_an_inner_node_has_a_note(tiny_model: str, birds_csv: Path) -> None:
    [result] = Classifier(tiny_model, taxonomy=birds_csv, k=6).classify(picture())
    oak = next(p for p in result.predictions if p.taxon.name == "Quercus")
    english = next(p for p in result.predictions if p.taxon.name == "Quercus robur")
    assert oak.note == "species not given" and oak.path[-1].probability == oak.probability
    assert oak.path[-2].name == "Quercus"
    assert oak.path[-2].probability == pytest.approx(oak.probability + english.probability, abs=1e-5)


def test_the_margin_of_a_family_follows_from_its_probability(tiny_model: str, birds_csv: Path) -> None:
    [result] = Classifier(tiny_model, taxonomy=birds_csv, rank="family", k=1).classify(picture())
    [both] = Classifier(tiny_model, taxonomy=birds_csv, rank="family", k=2).classify(picture())
    explanation = result.explanation
    assert explanation is not None and len(result.predictions) == 1 and len(both.predictions) == 2
    assert (explanation.winner, explanation.runner_up) == tuple(p.taxon.name for p in both.predictions)
    ratio = math.log(both.predictions[0].probability / both.predictions[1].probability)
    assert explanation.margin == pytest.approx(ratio, abs=1e-4) and explanation.margin >= 0
    assert math.fsum(s.contribution for s in explanation.contributions) + explanation.rest == pytest.approx(
        explanation.margin, abs=1e-6
    )


def test_a_request_is_checked_before_the_model_is_downloaded(birds_csv: Path, tmp_path: Path) -> None:
    """A model can be a long download; this one does not even exist."""
    for wrong, fields in [
        (TaxonomyError, {"taxonomy": tmp_path / "gone.csv"}),
        (RecipeError, {"taxonomy": birds_csv, "rank": "famly"}),
        (DescriptorError, {"taxonomy": birds_csv, "descriptors": tmp_path / "gone.yaml"}),
    ]:
        with pytest.raises(wrong):
            Classifier("unicorn", **fields)


def test_homonyms_are_noted_and_distinguished(tiny_model: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("kingdom,family,species\nAnimalia,Sulidae,Morus alba\nPlantae,Moraceae,Morus alba\n")
    classifier = Classifier(tiny_model, taxonomy=table)
    assert any(
        "1 name of several classes, distinguished by their lineages: Morus alba" in note
        for note in classifier.provenance.notes
    )
    [result] = classifier.classify(picture())
    assert result.explanation is not None
    assert {result.explanation.winner, result.explanation.runner_up} == {
        "Morus alba (Animalia)",
        "Morus alba (Plantae)",
    }


def test_a_language_without_names_is_noted(tiny_model: str, birds_csv: Path) -> None:
    notes = Classifier(tiny_model, taxonomy=birds_csv, language="Klingon").provenance.notes
    assert "no class has a common name in language 'klingon'; there are names in de, en" in notes


@pytest.mark.parametrize("returned", [None, "classes only"])
def test_a_head_that_returns_something_else_is_named(
    tiny_model: str, returned: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(self: Flat, given: HeadInput) -> object:
        probabilities = torch.log_softmax(given.logits.logits_BC, dim=1)
        return Scores(probabilities, *probabilities.sort(descending=True)[::-1]) if returned else None

    monkeypatch.setattr(Flat, "decide", decide)
    classifier = Classifier(tiny_model, labels=("a", "b"))
    with pytest.raises(
        PluginError, match=r"the head 'flat' .* from decide; expected Scores with log_probs_BI of shape \(1, 3\)"
    ):
        list(classifier.classify(picture()))


def test_missing_files_are_an_error_unless_some_exist(tiny_model: str, tmp_path: Path) -> None:
    classifier = Classifier(tiny_model, labels=("a", "b"))
    with pytest.raises(ImageError, match="no such file or folder"):
        classifier.classify([tmp_path / "nophotos"])
    picture().save(tmp_path / "there.png")
    results = list(classifier.classify([tmp_path / "there.png", tmp_path / "gone.png"]))
    assert [bool(result.error) for result in results] == [False, True]


@pytest.fixture(scope="module")
def foxes(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(f"local-dir:{write_model(tmp_path_factory.mktemp('model'))}", labels=("red fox", "gray wolf"))


def test_whatever_holds_one_image_gives_its_one_result(foxes: Classifier, pictures: Path) -> None:
    path = pictures / "a.png"
    pixels = np.asarray(Image.open(path))
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    [expected] = foxes.classify(path)
    with path.open("rb") as file:
        many = [path.read_bytes(), file, tensor, tensor / 255, pixels[None], np.array([str(path)])]
        for given in many:
            [result] = foxes.classify(given)
            probabilities = [(p.taxon.name, pytest.approx(p.probability, abs=1e-6)) for p in expected.predictions]
            assert [(p.taxon.name, p.probability) for p in result.predictions] == probabilities


@pytest.mark.parametrize("given", [7, {"a": 1}, 3.5])
def test_what_holds_no_images_is_refused_at_once(foxes: Classifier, given: object) -> None:
    with pytest.raises(ImageError, match=r"pass its images or paths|expected a path"):
        foxes.classify(given)  # type: ignore[arg-type]


def test_what_folders_hold_besides_images_is_counted_or_warned_of(foxes: Classifier, pictures: Path) -> None:
    (pictures / "notes.txt").write_text("prose")
    with pytest.warns(UserWarning, match=r"left out: 1 file that is no image \(\.txt 1\)"):
        assert len(list(foxes.classify(pictures))) == 3
    left_out = LeftOut()
    assert len(list(foxes.classify(pictures, left_out=left_out))) == 3
    assert left_out.files == {".txt": 1}


def test_notes_and_truncated_files(tiny_model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture(size=(200, 200)).save(path, quality=95)
    path.write_bytes(path.read_bytes()[:-13])
    [read] = Classifier(tiny_model, labels=("a", "b")).classify(path)
    assert read.predictions and read.notes[0].startswith("file truncated: 9")
    [refused] = Classifier(tiny_model, labels=("a", "b"), truncated="refuse").classify(path)
    assert "truncated" in refused.error and not refused.predictions


class Doubling(Flat):
    """A head of the calling program."""


def test_components_may_be_given_instead_of_names(tiny_model: str) -> None:
    head = Doubling()
    classifier = Classifier(tiny_model, labels=("a", "b"), head=head)
    assert classifier.head is head and classifier.provenance.recipe["head"] == "Doubling"
    [result] = classifier.classify(picture())
    assert result.predictions
    with pytest.raises(PluginError, match=r"got the class Doubling; pass an instance of it"):
        Classifier(tiny_model, labels=("a", "b"), head=Doubling)
    with pytest.raises(PluginError, match="an object with a method 'decide', got int"):
        Classifier(tiny_model, labels=("a", "b"), head=3)


def test_text_builders_may_be_given_beside_names(tiny_model: str) -> None:
    class Shouting:
        def build(self, request: TextRequest) -> PromptSet:
            names = [request.taxonomy.class_taxon(c).name.upper() for c in request.classes]
            return PromptSet(tuple(Prompt(name, c, "shouting") for c, name in enumerate(names)))

    classifier = Classifier(tiny_model, labels=("a", "b"), text=["common", Shouting()])
    assert {prompt.text for prompt in classifier.bank.prompts} >= {"a photo of a.", "A", "B"}


def test_metadata_of_a_table_beside_the_images(
    tiny_model: str, birds_csv: Path, pictures: Path, tmp_path: Path
) -> None:
    table = tmp_path / "sites.csv"
    table.write_text("path,site,eventDate\npictures/a.png,wood,2024-05-12\nb.jpg,lake,\nz.png,moor,\n", "utf-8")
    classifier = Classifier(model=tiny_model, taxonomy=birds_csv)
    with pytest.warns(UserWarning, match=r"sites.csv: 1 of 3 images without a row; 1 row of no image"):
        results = classifier(pictures, metadata=table)
    assert [result.metadata for result in results] == [{"site": "wood", "date": "2024-05-12"}, {"site": "lake"}, {}]
    with pytest.raises(RecipeError, match=r"metadata .*missing.csv: the table cannot be read"):
        classifier.classify(pictures, metadata=tmp_path / "missing.csv")


def test_a_run_over_frames_of_a_video_is_resumed_frame_by_frame(
    tiny_model: str, birds_csv: Path, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    clip = write_video(tmp_path / "clip.mp4", [i / 10 for i in range(25)])
    classifier = Classifier(tiny_model, taxonomy=birds_csv, frames="2/s", batch_size=1)
    whole = list(classifier.classify(clip))
    journal = ResultJournal.open(tmp_path / "journal", {}, 1)
    begun = list(islice(classifier.classify(clip, journal=journal), 3))
    journal.close()
    journal = ResultJournal.open(tmp_path / "journal", {}, 1)
    resumed = list(classifier.classify(clip, journal=journal))
    assert journal.written == len(resumed) == len({result.source for result in resumed}) == 5 and len(begun) == 3
    assert [r.predictions for r in resumed] == [r.predictions for r in whole]
    journal.close()
