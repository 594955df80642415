from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.hooks.components import Sample
from bioclip_x.hooks.options import parse_ref
from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.checkpointing.fingerprints import (
    describe_component,
    describe_dataset,
    hash_weights,
    list_differences,
    make_fingerprint,
)
from bioclip_x.training.components import fill_in_defaults, make_parts
from bioclip_x.training.config import read_config


class Images:
    """A data set of these names and samples."""

    def __init__(self, *rows: tuple[str, Sample]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, index: int) -> str:
        return self.rows[index][0]

    def sample(self, index: int) -> Sample:
        return self.rows[index][1]


def describe(*rows: tuple[str, Sample]) -> dict[str, Any]:
    return describe_dataset(Images(*rows))  # type: ignore[arg-type]


A, B = Sample(0, ("a bird",), ("bird",)), Sample(1)


def test_images_are_compared_by_their_places_in_the_folder_that_all_are_in() -> None:
    here = describe(("/data/birds/1.png", A), ("/data/birch/2.png", B))
    assert here["images"] == 2
    assert here == describe(("https://elsewhere.org/x/birds/1.png", A), ("https://elsewhere.org/x/birch/2.png", B))
    assert here == describe(("C:\\data\\birds\\1.png", A), ("C:\\data\\birch\\2.png", B))


@pytest.mark.parametrize(
    "rows",
    [
        [("/data/birch/2.png", B), ("/data/birds/1.png", A)],
        [("/data/birds/1.png", B), ("/data/birch/2.png", A)],
        [("/data/birds/1.png", A), ("/data/birch/3.png", B)],
        [("/data/birds/1.png", Sample(0, ("a fish",), ("bird",))), ("/data/birch/2.png", B)],
        [("/data/birds/1.png", Sample(0, ("a bird",), ("fish",))), ("/data/birch/2.png", B)],
        [("/data/birds/1.png", A)],
    ],
)
def test_order_taxa_names_texts_and_aspects_count(rows: list[tuple[str, Sample]]) -> None:
    assert describe(*rows)["content"] != describe(("/data/birds/1.png", A), ("/data/birch/2.png", B))["content"]


def test_paths_are_no_part_of_a_component_and_other_options_are() -> None:
    registry = create_registry()

    def compare(ref: str) -> dict[str, Any]:
        return describe_component(registry, "datasets", parse_ref(ref))

    assert compare("manifest:path=a.csv") == compare("manifest:path=b.csv,images=c")
    assert compare("manifest:path=a.csv") != compare("manifest:path=a.csv,off_list=keep")


def test_differences_are_named() -> None:
    one = {"seed": 1, "data": [{"share": 1.0}, {"share": None}], "loss": [1], "card": {}}
    other = {"seed": 1, "data": [{"share": 2.0}, {"share": None}], "loss": [1, 2], "ema": 0.9}
    assert list(list_differences(one, other)) == [
        "data[0].share: 1.0, now 2.0",
        "loss: [1], now [1, 2]",
        "card: {}, now nothing",
        "ema: nothing, now 0.9",
    ]
    assert list(list_differences(one, one)) == []


def test_weights_are_hashed_with_their_names() -> None:
    module = torch.nn.Linear(2, 2).to(torch.bfloat16)
    module.register_buffer("count", torch.tensor(3))
    before = hash_weights(module)
    assert hash_weights(module) == before
    module.count += 1
    assert hash_weights(module) != before


def make(file: Path, **changes: Any) -> dict[str, Any]:
    registry = create_registry()
    config = fill_in_defaults(read_config(file, changes), registry)
    return make_fingerprint(config, make_parts(config, registry), "fp32", registry)


def test_a_run_may_be_moved_but_not_changed(config_file: Path, tmp_path: Path) -> None:
    before = make(config_file)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("squares", "taxonomy.csv", "train.yaml"):
        shutil.move(tmp_path / name, moved / name)
    assert list(list_differences(before, make(moved / "train.yaml"))) == []
    (moved / "squares" / "Rubrus_primus" / "00.png").rename(moved / "squares" / "Flavus_quartus" / "99.png")
    assert [one.split(":")[0] for one in list_differences(before, make(moved / "train.yaml"))] == ["data[0].content"]
    (moved / "squares" / "Flavus_quartus" / "99.png").rename(moved / "squares" / "Rubrus_primus" / "00.png")
    changed = make(moved / "train.yaml", text=["scientific", {"name": "common", "weight": 3}], seed=2)
    assert sorted(list_differences(before, changed)) == ["seed: 1, now 2", "text[1].weight: 2.0, now 3.0"]
