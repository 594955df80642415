"""`evaluate --paper` from end to end on tiny copies of the data sets, with a model of random weights.

The weights and images of the papers are not here. What does not depend on them is held to the published code instead: the
texts, the order of classes, the scores, the averages.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import published_layouts as layouts
from bioclip_x.cli.main import main
from bioclip_x.evaluation.papers.compare import PaperRun
from bioclip_x.evaluation.papers.comparison import PaperCell, average
from bioclip_x.evaluation.papers.table import PaperTable, load_table
from bioclip_x.hooks.registry import create_registry
from bioclip_x.inference.classifier import Classifier
from bioclip_x.records import ImageFeatures, Measure, Source
from bioclip_x_plugins.datasets.published.dataset import Published

DESCRIPTORS = {
    "Black-footed Albatross": ["seabird", "long wings", "a hooked bill"],
    "Laysan Albatross": ["has a white head", "antennae"],
    "Great-Crested Flycatcher": [],
}


def lay_cub_with_descriptors(folder: Path) -> Path:
    layouts.lay_cub(folder)
    layouts.lay(folder, {"descriptors/descriptors_cub.json": json.dumps(DESCRIPTORS)})
    return folder


def with_model(name: str, model: str, *models: str) -> PaperTable:
    """A built-in table with only these of its models, as the given one."""
    _, table = load_table(name)
    rows = {one: row.model_copy(update={"model": model}) for one, row in table.models.items() if one in models}
    return table.model_copy(
        update={"models": rows, "published": {k: {m: v[m] for m in v if m in rows} for k, v in table.published.items()}}
    )


def make_run(table: PaperTable, folder: Path) -> PaperRun:
    return PaperRun(create_registry(), "test", table, folder, {"device": "cpu"})


def published_cbd_texts(key: str, descriptors: list[str]) -> list[str]:
    """The texts of loading_helpers.py in CBD's repository, written anew from its rules."""
    texts = []
    for one in descriptors or [""]:
        if one.startswith(("a", "an", "used")):
            sentence = f"which is {one}"
        elif one.startswith(("has", "often", "typically", "may", "can")):
            sentence = f"which {one}"
        else:
            sentence = f"which has {one}"
        texts.append(f"{key.replace('_', ' ')}, {sentence}")
    return texts


def test_cbd_on_cub_has_the_published_texts_classes_and_scores(tmp_path: Path, tiny_model: str) -> None:
    run = make_run(with_model("cbd-cub", tiny_model, "ViT-B/32"), lay_cub_with_descriptors(tmp_path))
    dataset = run.make_dataset(run.table.data["CUB"])
    assert isinstance(dataset, Published)
    tree = dataset.own_taxonomy()
    assert [tree.class_taxon(c).name for c in range(3)] == list(DESCRIPTORS)  # labels are positions of keys
    cbd = Classifier(registry=run.registry, recipe=run.make_recipe("CBD", "ViT-B/32", "CUB"), taxonomy=tree)
    expected = [text for key, of_class in DESCRIPTORS.items() for text in published_cbd_texts(key, of_class)]
    assert [prompt.text for prompt in cbd.bank.prompts] == expected
    clip = Classifier(registry=run.registry, recipe=run.make_recipe("CLIP", "ViT-B/32", "CUB"), taxonomy=tree)
    assert [prompt.text for prompt in clip.bank.prompts] == list(DESCRIPTORS)
    # main.py: the mean over a class's texts of the cosines with the image
    image_BD = torch.nn.functional.normalize(torch.randn(4, cbd.encoder.card.dim), dim=-1)
    texts_PD = cbd.encoder.encode_texts(expected)
    owner_P = torch.tensor([0, 0, 0, 1, 1, 2])
    cosines_BP = image_BD @ torch.as_tensor(texts_PD).T
    means_BC = torch.stack([cosines_BP[:, owner_P == c].mean(1) for c in range(3)], 1)
    features = ImageFeatures(image_BD, ("",) * 4)
    scored = cbd.score(features, [Source("x")] * 4)
    ours_BC = scored.logits.part(0, 3).T
    torch.testing.assert_close(ours_BC, cbd.encoder.card.logit_scale * means_BC, rtol=1e-5, atol=1e-5)


def test_bioclip_on_meta_album_has_the_labels_as_published_in_clips_80_templates(
    tmp_path: Path, tiny_model: str
) -> None:
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    layouts.lay_meta_album(tmp_path)
    run = make_run(with_model("bioclip-zero-few-shot", tiny_model, "BioCLIP", "CLIP"), tmp_path)
    dataset = run.make_dataset(run.table.data["PlantVillage"])
    assert isinstance(dataset, Published)
    classifier = Classifier(
        registry=run.registry,
        recipe=run.make_recipe("zero-shot", "BioCLIP", "PlantVillage"),
        taxonomy=dataset.own_taxonomy(),
    )
    assert classifier.recipe.pooling == "ensemble"  # zero_shot_iid.py normalises the mean of the normalised
    expected = [
        template(name) for name in ("Tomato___Late_blight", "Peach___healthy") for template in OPENAI_IMAGENET_TEMPLATES
    ]
    assert [prompt.text for prompt in classifier.bank.prompts] == expected


def test_bioclip_on_rare_species_has_lineage_and_common_name(tmp_path: Path, tiny_model: str) -> None:
    """`Taxon.taxon_common_name` and `get_common_name` in BioCLIP's naming_eval.py."""
    (tmp_path / "rare-species").symlink_to(layouts.lay_bioclip_table(tmp_path))
    run = make_run(with_model("bioclip-zero-few-shot", tiny_model, "BioCLIP", "CLIP"), tmp_path)
    dataset = run.make_dataset(run.table.data["Rare Species"])
    assert isinstance(dataset, Published)
    tree = dataset.own_taxonomy()
    first = {}
    for model in ("BioCLIP", "CLIP"):
        recipe = run.make_recipe("zero-shot", model, "Rare Species")
        bank = Classifier(registry=run.registry, recipe=recipe, taxonomy=tree).bank
        first[model] = [prompt.text for prompt in bank.prompts if prompt.text.startswith("a bad photo of a ")]
    coral = "Animalia Cnidaria Anthozoa Scleractinia Acroporidae Acropora"
    assert [text for text in sorted(first["BioCLIP"]) if "Cnidaria" in text] == [
        f"a bad photo of a {coral} acuminata with common name staghorn coral.",
        f"a bad photo of a {coral} millepora with common name staghorn coral.",
    ]
    assert sorted(first["CLIP"])[1:] == ["a bad photo of a staghorn coral."] * 2


def call(arguments: list[str]) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as done:
        main(arguments)
    return int(done.value.code or 0)


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert call(["evaluate", *arguments, "--device", "cpu", "--quiet"]) == 0
    return capsys.readouterr().out


def write_table(path: Path, tiny_model: str, **changes: Any) -> str:
    document = {
        "title": "A table", "paper": "Somebody 2023", "source": "table 1", "not_found": ["top-5 of everything"], "mean": True,
        "recipe": {"descriptors": "descriptors/descriptors_cub.json"},
        "files": {"descriptors/descriptors_cub.json": "https://example.org/descriptors", "none.json": "https://example.org/none"},
        "data": {
            "CUB": {"reader": "cub:names=cbd", "folder": "CUB_200_2011"},
            "PlantVillage": {"reader": "meta-album:plantvillage", "folder": "PLT_VIL_Mini", "recipe": {"descriptors": None}},
        },
        "models": {"tiny": {"model": tiny_model}, "large": {"model": "local-dir:nowhere"}, "ours": {"missing": "not published"}},
        "methods": {
            "CLIP": {"recipe": {"text": "common:form=bare"}},
            "CBD": {"recipe": {"text": "descriptors:style=cbd-original"}, "differs": "other commas"},
            "one-shot": {"recipe": {"text": "common"}, "shots": 1, "folds": 3},
            "none": {"recipe": {"text": "descriptors", "descriptors": "none.json"}},
        },
        "published": {"CLIP": {"tiny": {"CUB": {"top-1": 52.0, "top-5": 80.0}, "mean": 44.0}}},
    } | changes  # fmt: skip
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = lay_cub_with_descriptors(tmp_path / "data")
    layouts.lay_meta_album(folder)
    return folder


def test_ours_stand_beside_theirs_and_the_rest_says_what_is_missing(
    tmp_path: Path, data: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "table.yaml", tiny_model)
    document = json.loads(run_command(capsys, "--paper", table, str(data), "--format", "json"))
    cells = {(c["data"], c["model"], c["method"], c["measure"]): c for c in document["cells"]}
    one = cells["CUB", "tiny", "CLIP", "top-1"]
    alone = tmp_path / "alone.json"
    arguments = [
        "--model",
        tiny_model,
        "--text",
        "common:form=bare",
        "--device",
        "cpu",
        "--quiet",
        "--output",
        str(alone),
    ]
    assert call(["evaluate", f"cub:root={data}/CUB_200_2011,names=cbd", *arguments]) == 0
    [text] = json.loads(alone.read_text("utf-8"))["texts"]
    assert one["ours"]["value"] == text["top1"]["value"] and one["ours"]["of"] == 3
    assert one["difference"] == pytest.approx(100 * text["top1"]["value"] - 52.0)
    assert cells["CUB", "tiny", "CLIP", "top-5"]["ours"]["value"] == 1.0  # of three classes
    assert cells["CUB", "tiny", "CBD", "top-1"]["ours"] and cells["CUB", "tiny", "CBD", "top-1"]["published"] is None
    plants = cells["PlantVillage", "tiny", "CLIP", "top-1"]["ours"]["value"]
    mean = cells["mean", "tiny", "CLIP", "top-1"]
    assert mean["ours"]["value"] == pytest.approx((one["ours"]["value"] + plants) / 2)  # not over images
    assert mean["difference"] == pytest.approx(100 * mean["ours"]["value"] - 44.0)
    missing = {key[1:3]: cell["missing"] for key, cell in cells.items() if key[0] == "CUB"}
    assert missing["ours", "CLIP"] == "not published"
    assert "nowhere" in missing["large", "CLIP"]
    assert (
        missing["tiny", "none"].startswith("there is no none.json in")
        and "https://example.org/none" in missing["tiny", "none"]
    )
    assert missing["tiny", "one-shot"]  # no image is left to classify, which does not keep the others from being run
    assert cells["mean", "large", "CLIP", "top-1"]["missing"] == "2 of its 2 data sets are not yet run"


def test_few_shot_rows_are_those_of_few_shot_evaluations(
    tmp_path: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six images per class, one-shot and two-shot: the same folds as `evaluate --few-shot 1,2 --folds 3`."""
    names = [f"{i}.jpg" for i in range(12)]
    labels = "".join(f"{name},{'oak' if i % 2 else 'elm'},x\n" for i, name in enumerate(names))
    images = tuple(f"images/{name}" for name in names)
    layouts.lay(tmp_path / "PLT_VIL_Mini", {"labels.csv": f"FILE_NAME,CATEGORY,SUPER_CATEGORY\n{labels}"}, images)
    row = {"recipe": {"text": "common"}, "folds": 3}
    table = write_table(
        tmp_path / "table.yaml", tiny_model, published={}, recipe={}, mean=False,
        data={"Plants": {"reader": "meta-album:plantvillage", "folder": "PLT_VIL_Mini"}},
        methods={"one": row | {"shots": 1}, "two": row | {"shots": 2}},
    )  # fmt: skip
    document = json.loads(run_command(capsys, "--paper", table, str(tmp_path), "--format", "json"))
    ours = {c["method"]: c["ours"] for c in document["cells"] if c["model"] == "tiny"}
    arguments = ["--few-shot", "1,2", "--folds", "3", "--model", tiny_model, "--text", "common", "--format", "json"]
    direct = json.loads(run_command(capsys, f"meta-album:plantvillage,root={tmp_path}/PLT_VIL_Mini", *arguments))
    top1 = {result["shots"]: result["top1"]["value"] for result in direct["results"]}
    assert {"one": ours["one"]["value"], "two": ours["two"]["value"]} == {"one": top1[1], "two": top1[2]}


def test_the_table_for_people_names_what_is_not_yet_run(
    tmp_path: Path, data: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "table.yaml", tiny_model)
    lines = run_command(capsys, "--paper", table, str(data)).splitlines()
    assert lines[:2] == ["A table. Somebody 2023", "published: table 1"]
    text = " ".join(" ".join(lines).split())
    assert "not yet run: " in text and "CUB / ours / CLIP" in text and ": not published" in text
    assert "* CBD: other commas" in text and "published, but not found at a source: top-5 of everything" in text
    [row] = [line.split() for line in lines if line.startswith("CUB") and "top-1" in line and " CLIP " in line]
    assert row[:5] == ["CUB", "tiny", "CLIP", "top-1", "52"] and float(row[-1]) == pytest.approx(
        float(row[5]) - 52, abs=0.11
    )
    rows = list(csv.DictReader(io.StringIO(run_command(capsys, "--paper", table, str(data), "--format", "csv"))))
    assert rows[0]["published"] == "52.0" and rows[0]["data"] == "CUB" and {row["data"] for row in rows} >= {"mean"}


@pytest.mark.parametrize("name", ["cbd-cub", "bioclip-zero-few-shot", "kawagoe-cub", "waffleclip-controls"])
def test_without_data_every_value_says_where_to_get_it(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(run_command(capsys, "--paper", name, str(tmp_path), "--format", "json"))
    assert document["name"] == name and document["not_found"]
    for cell in document["cells"]:
        assert cell["ours"] is None and cell["missing"]
        if cell["data"] == "CUB" and "text builder" not in cell["missing"]:
            assert "has no" in cell["missing"] or "is no folder" in cell["missing"]
            assert "https://www.vision.caltech.edu" in cell["missing"]
    if name == "cbd-cub":
        missing = {cell["method"]: cell["missing"] for cell in document["cells"]}
        assert "descriptors_cub.json" in missing["CBD"] and "descriptors_cub.json" not in missing["CLIP"]


def test_a_built_in_table_runs_where_data_and_weights_are_at_hand(
    tmp_path: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = with_model("cbd-cub", tiny_model, "ViT-B/32")
    comparison = make_run(table, lay_cub_with_descriptors(tmp_path)).compare()
    assert [(cell.method, cell.ours is not None) for cell in comparison.cells] == [("CLIP", True), ("CBD", True)]


def test_what_the_table_sets_cannot_be_set_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["evaluate", "--paper", "cbd-cub", "--text", "common"]) == 2
    assert "--paper: the table sets --text" in " ".join(capsys.readouterr().err.split())
    assert call(["evaluate"]) == 2
    assert "IMAGES" in capsys.readouterr().err


def test_a_mean_needs_all_of_its_data_sets() -> None:
    cells = [
        PaperCell("m", "o", name, "top-1", ours=Measure(value, 0, 1, 10)) for name, value in (("A", 0.2), ("B", 0.4))
    ]
    mean = average(cells)
    assert mean is not None and mean.value == pytest.approx(0.3) and mean.low is None
    assert average([*cells, PaperCell("m", "o", "C", "top-1")]) is None
    assert average([]) is None
