"""An image classifier in place of a two-tower model, from its labels to what each command does with it."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.cli.main import main
from bioclip_x.errors import BioclipXError, ComponentError, ModelError, PluginError, RecipeError, ScoresError
from bioclip_x.hooks.capabilities import ImageClassifierCapabilities
from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.hooks.specs import hookimpl
from bioclip_x.inference.image_classifiers import LabelScorer, NamedClassifier
from bioclip_x.records import ImageFeatures, Result
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from helpers import picture

Outputs = Literal["logits", "probabilities"]
COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
THREE = ("Parus major", "Turdus merula", "blank")


class Colours:
    """Scores three labels by the mean red, green and blue."""

    revision = "1"

    def __init__(self, labels: Sequence[str] = THREE, outputs: Outputs = "logits", *refuses: str) -> None:
        self._labels = labels
        self.capabilities = ImageClassifierCapabilities(outputs, refuses)
        self.devices: list[str] = []

    def labels(self) -> Sequence[str]:
        return self._labels

    def load(self, device: str) -> None:
        self.devices.append(device)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((4, 4)), np.float32) / 255).permute(2, 0, 1)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return 4 * pixels_B3HW.mean((2, 3))[:, : len(self._labels)]

    def probabilities(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return self.logits(pixels_B3HW).softmax(1)


def paint(*colours: str) -> list[Image.Image]:
    return [Image.new("RGB", (8, 8), COLOURS[colour]) for colour in colours]


def classify(classifier: Classifier, *colours: str) -> list[Result]:
    return list(classifier.classify(paint(*colours)))


def shares(result: Result) -> dict[str, float]:
    return {one.taxon.name: one.probability for one in result.predictions}


def own_softmax(colour: str) -> np.ndarray:
    exponentials = np.exp(4 * np.array(COLOURS[colour]) / 255)
    return exponentials / exponentials.sum()


@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_its_own_labels_are_the_classes_where_none_are_given(outputs: Outputs) -> None:
    classifier = Classifier(Colours(outputs=outputs))
    red, blue = classify(classifier, "red", "blue")
    for result, colour in ((red, "red"), (blue, "blue")):
        assert shares(result) == pytest.approx(dict(zip(THREE, own_softmax(colour))), rel=1e-5)
    assert (classifier.provenance.model, classifier.provenance.revision) == ("Colours", "1")
    assert (classifier.provenance.n_prompts == 0 and red.explanation is None) or not red.explanation.contributions


def test_labels_find_the_classes_of_a_tree(birds_csv: Path) -> None:
    """By any name; the share of an inner taxon is its own, and what is not listed stands beside the tree."""
    classifier = Classifier(Colours(("Great Tit", "Turdidae", "blank")), taxonomy=birds_csv, head="rollup", k=9)
    [result] = classify(classifier, "red")
    tit, thrushes, blank = own_softmax("red")
    assert result.predictions[0].taxon.name == "Parus major"
    ranks = {one.rank: one.probability for one in result.ranks}
    assert ranks["family"] == pytest.approx(tit, rel=1e-5)
    assert ranks["class"] == pytest.approx(tit + thrushes, rel=1e-5)
    notes = " | ".join(classifier.provenance.notes)
    assert "1 of 3 labels name taxa above the classes, and are classes of their own: Turdidae" in notes
    assert "1 of 3 labels match no listed class, and stand beside the tree: blank" in notes
    assert "of 8 classes have no label of Colours, and no share" in notes
    assert blank == pytest.approx(1 - ranks["class"], rel=1e-5)


def score(labels: Sequence[str], outputs: Outputs, values: list[list[float]], tree: Taxonomy) -> np.ndarray:
    classifier = Colours(labels, outputs)
    scorer = LabelScorer(NamedClassifier("mine", classifier, classifier.capabilities, tuple(labels)))
    extended = scorer.extend(tree, tree)
    features = ImageFeatures(torch.tensor(values), ("",) * len(values))
    logits = scorer.logits(features, None, None, extended)  # type: ignore[arg-type]
    whole = logits.logits_BC
    for start in range(logits.n_classes):
        torch.testing.assert_close(logits.part(start, start + 1), whole[:, start : start + 1].T)
    return whole.numpy()


@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_labels_of_one_class_are_added_up(outputs: Outputs) -> None:
    """Against a naive loop; a repeated label counts each time, and a class without a label has the logit -inf."""
    labels = ("b", "a", "b", "other", "a")
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(5), 4)
    values[0, 0] = 0.0
    given = values if outputs == "probabilities" else np.log(np.maximum(values, 1e-30))
    found = score(labels, outputs, given.tolist(), from_labels(["a", "b", "c"]))
    for row in range(4):
        expected = {name: sum(v for label, v in zip(labels, values[row]) if label == name) for name in "abc"}
        expected["other"] = values[row, 3]
        np.testing.assert_allclose(np.exp(found[row]), [expected[name] for name in ("a", "b", "c", "other")], rtol=1e-5)
    assert (found[:, 2] == -np.inf).all()


def test_a_subset_leaves_out_the_other_labels(birds_csv: Path) -> None:
    whole = Classifier(Colours(("Parus major", "Turdus merula", "Cyanistes caeruleus")), taxonomy=birds_csv)
    part = Classifier(
        Colours(("Parus major", "Turdus merula", "Cyanistes caeruleus")), taxonomy=birds_csv, subset="family=Paridae"
    )
    [all_of_them], [tits] = classify(whole, "green"), classify(part, "green")
    assert all_of_them.predictions[0].taxon.name == "Turdus merula"
    expected = {name: value for name, value in shares(all_of_them).items() if name != "Turdus merula"}
    total = sum(expected.values())
    assert shares(tits) == pytest.approx({name: value / total for name, value in expected.items()}, rel=1e-5)


def test_an_image_whose_best_label_refuses_is_refused() -> None:
    classifier = Classifier(Colours(("Parus major", "Turdus merula", "Blank"), "logits", "blank", "background"))
    red, blue = classify(classifier, "red", "blue")
    assert red.predictions[0].taxon.name == "Parus major" and not red.refused
    assert blue.refused == "the model says 'Blank'" and not blue.predictions
    assert shares(red)["Blank"] == pytest.approx(own_softmax("red")[2], rel=1e-5), "it keeps its share"


def test_an_image_of_which_no_requested_class_is_left_is_refused() -> None:
    class Sure(Colours):
        def probabilities(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
            return torch.eye(3)[pixels_B3HW.mean((2, 3)).argmax(1)]

    classifier = Classifier(Sure(("a", "b", "c"), "probabilities"), labels=("a", "b", "c"), subset="a")
    red, green = classify(classifier, "red", "green")
    assert red.predictions[0].taxon.name == "a"
    assert green.refused == "none of the listed classes"


@pytest.mark.parametrize("head", ["flat", "rollup", "hedge", "crm"])
def test_heads_decide_on_it(head: str, birds_csv: Path) -> None:
    classifier = Classifier(Colours((*THREE[:2], "Quercus robur")), taxonomy=birds_csv, head=head)
    results = classify(classifier, "red", "green", "blue")
    assert all(result.predictions or result.refused for result in results)
    if head != "hedge":
        assert [result.predictions[0].taxon.name for result in results[:2]] == ["Parus major", "Turdus merula"]


def test_hedging_names_a_taxon_above_where_species_are_near(birds_csv: Path) -> None:
    classifier = Classifier(Colours((*THREE[:2], "Quercus robur")), taxonomy=birds_csv, head="hedge:threshold=0.9")
    [yellow] = classifier.classify(Image.new("RGB", (8, 8), (255, 250, 0)))
    taxon, share = yellow.predictions[0].taxon, yellow.predictions[0].probability
    assert (taxon.rank, taxon.name) == ("order", "Passeriformes") and share > 0.9


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


PLUGIN = """
import numpy as np, torch
from bioclip_x.plugin import ComponentSpec, ImageClassifierCapabilities, hookimpl

@hookimpl
def classifiers():
    return [ComponentSpec("colours", "by colour", f"{__name__}:Colours")]

class Colours:
    capabilities = ImageClassifierCapabilities(refuses=("blank",))
    revision = "1"
    def __init__(self, *, scale: float = 8.0) -> None:
        self.scale = scale
    def labels(self):
        return ["Parus major", "Turdus merula", "Quercus robur", "blank"]
    def load(self, device):
        pass
    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image.resize((4, 4)), np.float32) / 255).permute(2, 0, 1)
    def logits(self, pixels):
        colours = pixels.mean((2, 3))
        return self.scale * torch.cat([colours, 0.2 + 0 * colours[:, :1]], 1)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "colours.py"
    file.write_text(PLUGIN)
    return file


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Labelled images: 120 of three classes, of noisy colours, one in four of a wrong one."""
    rng = np.random.default_rng(0)
    for place, name in enumerate(("Parus_major", "Turdus_merula", "Quercus_robur")):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(0, 150, (8, 8, 3))
            pixels[..., (place + (number % 4 == 0)) % 3] += 80
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photos"


def test_calibrate_evaluate_and_report(
    plugin: Path, photos: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--plugin", plugin, "--model", "colours", "--taxonomy", birds_csv)
    code, out, err = run(capsys, "calibrate", photos, *same)
    assert code == 0, err
    calibration = json.loads(Path(out.strip()).read_text())
    assert calibration["temperature"] > 0 and "temperature" in err
    code, out, err = run(capsys, "classify", photos, *same, "--format", "json", "--report", tmp_path / "r.html")
    assert code == 0, err
    document = json.loads(out)
    assert "calibrated on 120 images" in document["provenance"]["probabilities"]
    assert len(document["results"]) == 120
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "Parus major" in page and "colours" in page
    code, out, err = run(capsys, "classify", photos, *same, "--depth", "auto", "--accuracy", "0.8", "--format", "json")
    assert code == 0, err
    code, out, err = run(capsys, "evaluate", photos, *same, "--format", "json", "--calibration", "none")
    assert code == 0, err
    [found] = json.loads(out)["texts"]
    assert found["top1"]["value"] == 0.75 and found["top1"]["of"] == 120
    assert {"kingdom", "family", "species"} <= found["ranks"].keys()


def test_models_are_compared_image_by_image(
    plugin: Path, photos: Path, tiny_model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    labels = "Parus major,Turdus merula,Quercus robur,blank"
    same = ("--plugin", plugin, "--model", "colours", "--labels", labels, "--compare-model", tiny_model)
    report = tmp_path / "figures.html"
    code, out, err = run(capsys, "evaluate", photos, *same, "--report", report, "--format", "json")
    assert code == 0, err
    first, second = json.loads(out)["texts"]
    assert first["top1"]["value"] == 0.75 and second["top1"]["of"] == 120
    assert "colours" in report.read_text("utf-8")
    code, _, err = run(capsys, "evaluate", photos, *same[:6], "--compare", "common", "--compare", "taxonomic")
    assert code == 2 and "'colours' does not use texts; give one choice of texts only" in err


def test_csv_of_a_bird_and_what_is_none(plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, image in zip(("red", "dark"), (*paint("red"), Image.new("RGB", (8, 8)))):
        image.save(tmp_path / f"{name}.png")
    code, out, _ = run(
        capsys, "classify", "--plugin", plugin, "--model", "colours:scale=2", tmp_path / "red.png", tmp_path / "dark.png",
        "--format", "csv", "--k", "1", "--quiet",
    )  # fmt: skip
    red, dark = csv.DictReader(out.splitlines())
    assert code == 0 and red["name"] == "Parus major" and red["model"] == "colours:scale=2"
    assert dark["refused"] == "the model says 'blank'"


def test_a_recipe_names_a_classifier_by_a_path_relative_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    source = PLUGIN.replace("*, scale: float = 8.0", "file: Path").replace(
        "self.scale = scale", "self.scale = 1; self.file = file"
    )
    source = source.replace(
        "def load(self, device):\n        pass", "def load(self, device):\n        self.file.read_text()"
    )
    (folder / "colours.py").write_text("from pathlib import Path\n" + source)
    (folder / "weights.txt").write_text("")
    (folder / "recipe.yaml").write_text("plugins: [colours.py]\nmodel: colours:weights.txt\n")
    picture().save(tmp_path / "a.png")
    code, out, err = run(capsys, "classify", "--recipe", folder / "recipe.yaml", tmp_path / "a.png", "--format", "json")
    assert code == 0, err
    assert json.loads(out)["provenance"]["recipe"]["model"] == f"colours:file={folder / 'weights.txt'}"
    file = folder / "weights.txt"
    code, _, err = run(
        capsys,
        "classify",
        "--plugin",
        folder / "colours.py",
        "--model",
        f"colours:{file}",
        tmp_path / "a.png",
        "--output",
        file,
    )
    assert code == 2 and "weights.txt" in err and file.read_text() == "", "an output must not overwrite what is read"


def test_commands_that_need_embeddings_or_texts_say_so(
    plugin: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--plugin", plugin, "--model", "colours")
    labels = ("--labels", "Parus major,Turdus merula,Quercus robur")
    for command, told in (
        (("embed", photos), "colours is an image classifier, which has no embeddings"),
        (("evaluate", photos, *labels, "--few-shot", "1"), "few-shot methods need embeddings of images; the scorer 'colours'"),
        (("evaluate", photos, *labels, "--probe", "word-order"), "compares images with texts; the scorer 'colours' has no texts"),
        (("classify", photos, "--scorer", "few-shot:support=x"), "colours is an image classifier, which has scores of its own"),
        (("classify", photos, *labels, "--head", "top-down"), "for which the scorer 'colours' has no scores"),
        (("classify", photos, "--precision", "fp16"), "which has no precision fp16"),
        (("classify", photos, "--preprocess", "pybioclip"), "which has no preprocess pybioclip"),
        (("classify", photos, "--heat-maps"), "it is an image classifier, without embeddings of patches"),
    ):  # fmt: skip
        code, _, err = run(capsys, *command, *same)
        assert code == 2 and told in err, (command, err)


def test_a_plugin_that_is_used_is_in_the_provenance(plugin: Path) -> None:
    classifier = Classifier("colours", plugins=[plugin])
    assert "colours.py" in [one.name for one in classifier.provenance.plugins]


def test_the_device_is_handed_over_and_a_loaded_model_used_again() -> None:
    first = Colours()
    classifier = Classifier(first, device="cpu")
    second = Colours()
    again = Classifier(second, loaded=classifier.encoder)
    assert first.devices == ["cpu"] and second.devices == []
    assert shares(classify(again, "red")[0]) == shares(classify(classifier, "red")[0])


def test_in_python_it_is_short_and_can_be_pickled(plugin: Path) -> None:
    classifier = Classifier(Colours(), head="rollup")
    assert repr(classifier) == "Classifier('Colours', 3 classes of labels, head=rollup)"
    changed = Classifier.from_recipe(classifier.recipe, registry=classifier.registry, k=1)
    [result] = changed(paint("green"))
    assert [one.taxon.name for one in result.predictions] == ["Turdus merula"]
    own = Classifier("colours", plugins=[plugin])
    again = pickle.loads(pickle.dumps(own))
    assert shares(classify(again, "red")[0]) == shares(classify(own, "red")[0])


def returning(values: Any, outputs: Outputs = "logits") -> Colours:
    class Wrong(Colours):
        def logits(self, pixels_B3HW: torch.Tensor) -> Any:
            return values

        probabilities = logits

    return Wrong(outputs=outputs)


@pytest.mark.parametrize(
    ("values", "outputs", "told"),
    [
        (torch.zeros(1, 2), "logits", r"expected logits to return a tensor \(1, 3\) \(images, labels\), got \(1, 2\)"),
        ([[1, 2, 3]], "logits", "got list"),
        (torch.tensor([[0, torch.nan, 1]]), "logits", "expected finite logits, got NaN or infinity"),
        (torch.tensor([[0.0, 7, 1]]), "probabilities", "from 0 to 1, got 0 to 7; are these logits?"),
    ],
)  # fmt: skip
def test_wrong_scores_are_told_with_what_was_expected(values: Any, outputs: Outputs, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        classify(Classifier(returning(values, outputs)), "red")


@pytest.mark.parametrize("labels", ["abc", ["a", ""], ["a", 1, "c"], []])
def test_wrong_labels_are_told(labels: Any) -> None:
    with pytest.raises(PluginError, match="expected labels to return names, none of them blank"):
        Classifier(Colours(labels))


def test_labels_of_another_world_are_told(birds_csv: Path) -> None:
    with pytest.raises(ScoresError, match=r"Colours: none of its 3 labels \(cup, table, Parus mayor\).*Parus major"):
        Classifier(Colours(("cup", "table", "Parus mayor")), taxonomy=birds_csv)


def test_a_failure_names_the_classifier() -> None:
    class Failing(Colours):
        def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
            raise ValueError("a bad layer")

    [result] = classify(Classifier(Failing()), "red")
    assert "the classifier 'Failing'" in result.error and "a bad layer" in result.error

    class Unloadable(Colours):
        def load(self, device: str) -> None:
            raise KeyError("weight")

    with pytest.raises(ComponentError, match=r"the classifier 'Unloadable'.*failed in load"):
        Classifier(Unloadable())


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(PluginError, match="expected the name of a classifier, or an object with a method 'labels'"):
        Classifier(3)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="reads no texts"):
        Classifier(Colours()).encoder.encode_texts(["a"])
    with pytest.raises(RecipeError, match="no option 'wrong'"):
        Classifier("mine:wrong=1", plugins=[_Plugin()])
    assert issubclass(ModelError, BioclipXError)


class _Plugin:
    @hookimpl
    def classifiers(self) -> list[ComponentSpec]:
        return [ComponentSpec("mine", "for a test", "bioclip_x_plugins.classifiers.onnx_files:OnnxClassifier")]
