"""train.yaml: it is read by `train`, and trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bioclip_x.dataset.card.training import (
    SplitShards,
    format_training_config,
    list_missing,
    list_split_shards,
    write_training_config,
)
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.training.config import read_config
from card_rows import make_row, open_catalogue


@pytest.mark.parametrize(
    ("files", "pattern"),
    [
        (("train-000000.tar",), "shards/train-000000.tar"),
        (("train-000000.tar", "train-000001.tar"), "shards/train-{000000..000001}.tar"),
        (tuple(f"my-val-{i:06}.tar" for i in range(13)), "shards/my-val-{000000..000012}.tar"),
    ],
)
def test_the_pattern_of_the_shards(files: tuple[str, ...], pattern: str) -> None:
    assert SplitShards(files, 1).pattern == pattern


def test_shards_of_each_split() -> None:
    rows = [make_row(i, shard=f"train-{i // 2:06}.tar") for i in range(4)]
    rows += [make_row(5, split="val", shard="val-000000.tar"), make_row(6, outcome="unnamed", split="", shard="")]
    assert list_split_shards(open_catalogue(rows)) == {
        "train": SplitShards(("train-000000.tar", "train-000001.tar"), 4),
        "val": SplitShards(("val-000000.tar",), 1),
    }


def format_config(**splits: int) -> dict[str, Any]:
    shards = {name: SplitShards((f"{name}-000000.tar",), images) for name, images in splits.items()}
    document: dict[str, Any] = yaml.safe_load(format_training_config(create_registry(), shards, 7))
    return document


def test_defaults_suit_the_number_of_images() -> None:
    small, park, large = format_config(train=20), format_config(train=500), format_config(train=1_000_000, val=30)
    assert (small["batch_size"], park["batch_size"], large["batch_size"]) == (16, 32, 256)
    assert small["warmup_steps"] == 1
    assert "validation" not in small
    assert large["validation"] == {"data": [{"name": "webdataset", "path": "shards/val-000000.tar"}]}
    assert large["seed"] == 7


def test_too_few_images_give_no_configuration(tmp_path: Path) -> None:
    assert format_training_config(create_registry(), {}, 0) == ""
    assert format_training_config(create_registry(), {"train": SplitShards(("train-000000.tar",), 1)}, 0) == ""
    path = tmp_path / "train.yaml"
    write_training_config(path, "epochs: 1\n")
    write_training_config(path, "")
    assert not path.exists()


def test_without_plugins_it_is_told_what_is_missing() -> None:
    assert format_training_config(Registry(), {"train": SplitShards(("train-000000.tar",), 9)}, 0) == ""
    assert len(list_missing(Registry())) == 3


def test_it_trains_on_what_was_built(built: Path, tiny_model: str) -> None:
    from click.testing import CliRunner

    from bioclip_x.cli.train import command

    config = read_config(built / "train.yaml")
    assert config.path(config.taxonomy) == built / "taxonomy.csv"
    assert config.validation is not None
    arguments = [str(built / "train.yaml"), "--device", "cpu", "--output", str(built.parent / "run")]
    for change in (f"model={tiny_model}", "epochs=2", "batch_size=4", "workers=0", "precision=fp32"):
        arguments += ["--set", change]
    result = CliRunner().invoke(command, arguments, obj=create_registry(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (built.parent / "run" / "model" / "open_clip_config.json").exists()
    assert "left out" not in result.output  # every label is in the taxonomy
