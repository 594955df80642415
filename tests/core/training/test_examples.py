"""The configurations in examples/training, each on a toy model and toy data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Trainer

EXAMPLES = Path(__file__).parents[3] / "examples"
RECIPES = sorted((EXAMPLES / "training").rglob("*.yaml"))
TEXTS = {"common", "scientific", "taxonomic", "scientific+common", "taxonomic+common"}


def make_toy(file: Path, config_file: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """The changes that replace model and data; everything else is the recipe's."""
    folder = config_file.parent
    data = [
        {"name": "image-folder", "path": str(folder / "squares")}
        | {key: value for key in ("share", "source", "prefix") if (value := getattr(one, key))}
        for one in read_config(file).data
    ]
    changes: dict[str, Any] = {"model": fields["model"], "taxonomy": str(folder / "taxonomy.csv"), "data": data}
    changes |= {"epochs": 1, "batch_size": 24 * len(data), "warmup_steps": 1, "output": str(folder / "run")}
    return changes | {"device": "cpu", "precision": "fp32", "workers": 0, "checkpoint_every": None}


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_trains(file: Path, config_file: Path, config_fields: dict[str, Any]) -> None:
    config = read_config(file, make_toy(file, config_file, config_fields))
    trainer = Trainer(config, create_registry())
    before = {name: tensor.clone() for name, tensor in trainer.encoder.module.state_dict().items()}
    outcome = trainer.run()
    assert outcome.steps == 2
    after = trainer.encoder.module.state_dict()
    assert not torch.equal(before["visual.proj"], after["visual.proj"])
    assert (outcome.model / "open_clip_model.safetensors").is_file()


def test_the_ablations_differ_from_the_recipe_in_one_field_and_the_output() -> None:
    base = read_config(EXAMPLES / "training" / "bioclip.yaml").model_dump(exclude={"base", "output"})
    assert {text["component"]["name"] for text in base["text"]} == TEXTS
    changed = {}
    for file in sorted((EXAMPLES / "training" / "ablations").glob("*.yaml")):
        fields = read_config(file).model_dump(exclude={"base", "output"})
        changed[file.stem] = {name for name in base if fields[name] != base[name]}
    assert changed == {
        **{f"text-{text}": {"text"} for text in TEXTS},
        "cross-entropy": {"loss"},
        "hierarchical-cross-entropy": {"loss"},
        "inat21-only": {"data", "taxonomy"},
    }


def test_the_numbers_are_those_of_the_papers() -> None:
    first, second = (read_config(EXAMPLES / "training" / f"{name}.yaml") for name in ("bioclip", "bioclip2"))
    assert (first.model, first.batch_size, first.learning_rate, first.warmup_steps, first.epochs, first.weight_decay) == (
        "ViT-B-16/openai", 32768, 1e-4, 1000, 100, 0.2,
    )  # fmt: skip
    assert (second.batch_size, second.shares) == (32 * 2816 + 32 * 320, (2816, 320))
    assert (second.learning_rate, second.warmup_steps, second.epochs, second.precision) == (1e-4, 1875, 30, "bf16")
    assert [loss.projector for loss in second.loss] == [False, True]
