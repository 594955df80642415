from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.training.config import make_config, read_config


def test_a_file_is_read_with_its_folder_as_base(config_file: Path) -> None:
    config = read_config(config_file, {"augment.horizontal_flip": 0.25, "epochs": 7})
    assert config.path(config.taxonomy) == config_file.parent / "taxonomy.csv"
    assert (config.augment.horizontal_flip, config.augment.colour_jitter, config.epochs) == (0.25, 0.1, 7)
    assert [(text.component.name, text.weight) for text in config.text] == [("scientific", 1), ("common", 2)]
    assert config.data[0].component.options == {"path": "squares"}


def test_defaults_apply_to_fields_that_the_file_does_not_set(config_file: Path) -> None:
    config = read_config(config_file, {"device": "cpu"}, defaults={"device": "mps", "workers": 3, "keep": 9})
    assert (config.device, config.workers, config.keep) == ("cpu", 2, 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rat": 1}, r"no field is called 'learning_rat'; known: model, .*learning_rate"),
        ({"augment": {"flip": 1}}, r"no field is called 'augment.flip'; known: crop_scale"),
        ({"batch_size": 0}, "batch_size: .*greater than 1"),
        ({"precision": "fp8"}, "precision: "),
        ({"augment": {"crop_scale": [0, 1]}}, "augment: crop_scale: expected 0 < smallest"),
        ({"text": []}, "text: "),
        ({"data": [{"name": "a", "share": 1}, "b"]}, "data: 1 of 2 data sets have a share"),
        ({"text": [{"name": "common", "weight": -1}]}, "text.0.weight: "),
        ({"betas": [2, 3]}, r"betas\.0: .*less than 1"),
        ({"betas": [0.9, float("nan")]}, r"betas\.1: "),
        ({"data": {"name": "a", "share": float("inf")}}, r"data\.0\.share: .*finite"),
        ({"data": {"name": "a", "share": float("nan")}}, r"data\.0\.share: "),
        ({"learning_rate": float("inf")}, "learning_rate: .*finite"),
        ({"seed": 2**64}, "seed: "),
        (
            {"card": {"made": date(2025, 1, 1)}},
            "card: it cannot be written as JSON: .*date.*; put such a value in quotes",
        ),
        ({"loss": {"scale": 1}}, "loss.0.component: a component needs a 'name'"),
    ],
)
def test_errors_name_the_field(config_fields: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make_config(config_fields | change)


def test_a_file_that_is_not_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(TrainingError, match="expected a mapping of fields, got list"):
        read_config(tmp_path / "list.yaml")


def test_a_nested_change_of_a_value_that_is_not_a_mapping(config_file: Path) -> None:
    with pytest.raises(TrainingError, match="epochs is not a mapping"):
        read_config(config_file, {"epochs.more": 1})
