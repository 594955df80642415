"""The run's folder and the exported model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from bioclip_x import Classifier
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.training.config import read_config
from bioclip_x.training.outputs.run_folder import write_taxonomy
from bioclip_x.training.trainer import Outcome, Trainer

WEIGHTS = "model/open_clip_model.safetensors"


def train(file: Path, *, resume: Any = False, **changes: Any) -> Outcome:
    return Trainer(read_config(file, changes), create_registry(), resume=resume).run()


def test_the_model_needs_nothing_else(config_file: Path, tmp_path: Path) -> None:
    templates = {"name": "own", "source": "a test", "licence": "none", "templates": ["x {}", "two {}"]}
    (tmp_path / "texts.yaml").write_text(yaml.safe_dump(templates), "utf-8")
    text = [{"name": "scientific", "form": "bare", "weight": 2}, {"name": "templates", "set": "texts.yaml"}]
    outcome = train(config_file, text=text, epochs=1)
    alone = tmp_path / "elsewhere" / "model"
    shutil.move(outcome.model, alone)
    for name in ("run", "squares", "texts.yaml", "taxonomy.csv"):
        shutil.rmtree(tmp_path / name) if (tmp_path / name).is_dir() else (tmp_path / name).unlink()
    classifier = Classifier(f"local-dir:{alone}")
    assert classifier.taxonomy.n_classes == 4
    prompts = {prompt.text for prompt in classifier.bank.prompts}
    assert {"Rubrus primus", "x rubrus square", "two rubrus square"} <= prompts and len(prompts) == 12
    assert not any(text.startswith("a photo of") for text in prompts)
    other = Classifier(f"local-dir:{alone}", text="common", labels=("red square", "blue square"))
    assert {prompt.text for prompt in other.bank.prompts} == {"a photo of red square.", "a photo of blue square."}


def test_the_model_card_tells_what_was_done_and_what_was_not(config_file: Path) -> None:
    outcome = train(config_file, epochs=1)
    card = (outcome.model / "README.md").read_text("utf-8")
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header)["pipeline_tag"] == "zero-shot-image-classification"
    assert "model-index" not in yaml.safe_load(header)
    for line in (
        "| image-folder | 48 | 4 | as large as it is |",
        "| common | 2 | a photo of rubrus square. |",
        "| loss | 1 × unicl |",
        "| steps | 3 |",
        "Not evaluated.",
    ):
        assert line in body, line
    assert (
        str(config_file.parent) not in "".join(path.read_text("utf-8") for path in outcome.model.glob("*.json")) + card
    )
    record = json.loads((outcome.model / "training.json").read_text("utf-8"))
    assert record["steps"] == 3 and record["settings"]["batch_size"] == 16 and record["plugins"][0]["version"]


def test_metrics_of_the_last_validation_are_told(config_file: Path) -> None:
    trainer = Trainer(read_config(config_file, {"epochs": 1}), create_registry())
    trainer.run_context.metrics["species_top1"] = 0.25
    outcome = trainer.run()
    header, body = (outcome.model / "README.md").read_text("utf-8").split("---\n", 2)[1:]
    assert yaml.safe_load(header)["model-index"][0]["results"][0]["metrics"] == [
        {"type": "species_top1", "value": 0.25}
    ]
    assert "| species_top1 | 0.25 |" in body and "Not evaluated." not in body
    assert json.loads((config_file.parent / "run" / "metrics.json").read_text()) == {"step": 3, "species_top1": 0.25}


def test_the_card_of_the_configuration_goes_first(config_file: Path) -> None:
    outcome = train(config_file, epochs=1, card={"demo": "squares only", "recipe": None, "taxonomy": "own.csv"})
    assert json.loads((outcome.model / "bioclip_x.json").read_text()) == {"demo": "squares only", "taxonomy": "own.csv"}
    assert not (outcome.model / "taxonomy.csv").exists()


def test_the_folder_repeats_and_resumes_the_run(config_file: Path, tmp_path: Path) -> None:
    train(config_file, data={"name": "image-folder", "path": "squares", "share": 1})
    run = tmp_path / "moved"
    shutil.move(tmp_path / "run", run)
    (tmp_path / "taxonomy.csv").unlink()
    train(run / "config.yaml", output=tmp_path / "again")
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (run / WEIGHTS).read_bytes()
    with pytest.raises(TrainingError, match="contains checkpoints: add --resume, or name another"):
        train(run / "config.yaml")
    assert train(run / "config.yaml", resume=True, epochs=3).steps == 9
    facts = json.loads((run / "run.json").read_text("utf-8"))
    assert facts["torch"] == torch.__version__ and facts["data"] == [{"name": "image-folder", "images": 48, "taxa": 4}]
    assert [one["example"] for one in facts["texts"]] == [
        "a photo of Rubrus primus.",
        "a photo of rubrus square.",
    ]


def test_a_tree_that_no_table_represents_is_written_otherwise(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    for name in ("A", "B"):
        node = builder.add(builder.add(0, "", f"clade {name}"), "", f"deeper {name}")
        for leaf in "xy":
            builder.mark_class(builder.add(node, "", f"{name} {leaf}"))
    taxonomy = builder.build()
    path = write_taxonomy(taxonomy, tmp_path, create_registry())
    assert path.suffix in (".json", ".yaml") and list(tmp_path.iterdir()) == [path]


def test_classify_needs_no_more_than_a_model_of_a_linear_head(config_file: Path) -> None:
    trainer = Trainer(read_config(config_file, {"loss": "rank-cross-entropy"}), create_registry())
    model = trainer.run().model
    assert (model / "heads").is_dir()
    classifier = Classifier(f"local-dir:{model}")
    image = next((config_file.parent / "squares" / "Rubrus_primus").iterdir())
    [result] = classifier.classify(image)
    assert len(result.predictions) and classifier.provenance.recipe["scorer"]["name"] == "linear"
