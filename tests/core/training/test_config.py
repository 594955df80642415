from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.training.config import (
    Augment,
    Data,
    Lock,
    LossTerm,
    Phase,
    TrainConfig,
    Validation,
    make_config,
    read_config,
)


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


BASE = """\
model: ViT-B-16/openai
taxonomy: birds.csv
text: [scientific]
data: {name: image-folder, path: photos}
epochs: 3
batch_size: 16
augment:
  crop_scale: [0.5, 1.0]
output: base
"""


def write_base(folder: Path, text: str = BASE) -> Path:
    (folder / "base.yaml").write_text(text)
    return folder / "base.yaml"


def test_a_file_extends_another_by_the_fields_that_it_sets(tmp_path: Path) -> None:
    write_base(tmp_path)
    (tmp_path / "ablations").mkdir()
    file = tmp_path / "ablations" / "common.yaml"
    file.write_text("extends: ../base.yaml\ntext: [common]\naugment: {horizontal_flip: 0.5}\n")
    config = read_config(file, {"epochs": 5})
    assert [text.component.name for text in config.text] == ["common"]
    assert (config.epochs, config.batch_size, config.augment.crop_scale) == (5, 16, None)
    assert config.path(config.taxonomy) == tmp_path / "ablations" / "birds.csv"


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        (5, "epoch: 3", r"base\.yaml, line 5: no field is called 'epoch'; known: model"),
        (6, "batch_size: many", r"base\.yaml, line 6: batch_size: expected a valid integer, got 'many'"),
        (8, "  crop: 1", r"base\.yaml, line 8: no field is called 'augment\.crop'; known: crop_scale"),
        (8, "  crop_scale: [0.5, wide]", r"base\.yaml, line 8: augment\.crop_scale\.1: "),
        (3, "text: [scientific, {name: common, weight: -1}]", r"base\.yaml, line 3: text\.1\.weight: "),
        (5, "epochs: 3\nschedule: cooldown", r"base\.yaml: cooldown_steps: "),
        (4, "data: [{name: a, share: 1}, b]", r"base\.yaml, line 4: data: 1 of 2 data sets have a share"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, line: int, replacement: str, message: str) -> None:
    lines = BASE.splitlines()
    lines[line - 1] = replacement
    file = write_base(tmp_path, "\n".join(lines))
    with pytest.raises(TrainingError, match=message):
        read_config(file)
    (tmp_path / "more.yaml").write_text("# the mistake is in the other file\nextends: base.yaml\nseed: 3\n")
    with pytest.raises(TrainingError, match=message.replace("base\\.yaml: ", "more\\.yaml: ")):
        read_config(tmp_path / "more.yaml")


def test_a_mistake_on_the_command_line_has_no_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"base\.yaml: epochs: "):
        read_config(write_base(tmp_path), {"epochs": 0})


def test_files_that_extend_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(TrainingError, match=r"a\.yaml: extends: b\.yaml extends this file in turn"):
        read_config(tmp_path / "a.yaml")
    with pytest.raises(TrainingError, match="extends: expected the name of a file, got 3"):
        (tmp_path / "a.yaml").write_text("extends: 3\n")
        read_config(tmp_path / "a.yaml")


def test_every_field_is_in_the_docs(request: pytest.FixtureRequest) -> None:
    docs = request.config.rootpath / "docs"
    page = "".join((docs / name).read_text("utf-8") for name in ("training.md", "losses.md"))
    internal = {"base", "component"}
    for model in (TrainConfig, Data, LossTerm, Lock, Validation, Augment, Phase):
        for name in model.model_fields.keys() - internal:
            assert re.search(rf"[`.]{name}[`:]|\b{name}: ", page), f"{model.__name__}.{name}"
