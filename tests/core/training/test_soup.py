from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bioclip_x.errors import TrainingError
from bioclip_x.training.soup import check_ingredients, choose_greedily, find_model_folder, write_soup
from helpers import TINY, write_model

WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = []
    for seed in range(3):
        folder = write_model(tmp_path / f"run-{seed}" / "model", seed=seed)
        (folder / "bioclip_x.json").write_text(json.dumps({"taxonomy": "taxonomy.csv", "text": seed}))
        (folder / "taxonomy.csv").write_text("species\nParus major\n")
        (folder / "training.json").write_text(str(seed))
        (folder / "heads").mkdir()
        rows = {"weight": torch.full((2, 3), float(seed)), "nodes": torch.tensor([4, 5])}
        save_file(rows, folder / "heads" / "loss.safetensors", metadata={"classes": "a b"})
        found.append(find_model_folder(folder.parent))
    return found


def test_a_uniform_soup_is_the_mean(folders: list[Path], tmp_path: Path) -> None:
    for i, folder in enumerate(folders):
        weights = {name: tensor.half() for name, tensor in load_file(folder / WEIGHTS).items()}
        save_file({**weights, "count": torch.tensor(i)}, folder / WEIGHTS)
    write_soup(folders, tmp_path / "soup", {"kind": "uniform"})
    soup, parts = load_file(tmp_path / "soup" / WEIGHTS), [load_file(folder / WEIGHTS) for folder in folders]
    assert soup.keys() == parts[0].keys() and int(soup.pop("count")) == 0
    for name, tensor in soup.items():
        expected = (parts[0][name].double() + parts[1][name].double() + parts[2][name].double()) / 3
        assert torch.equal(tensor, expected.half()), name


def test_a_soup_is_a_model_whose_card_says_what_it_is_made_of(folders: list[Path], tmp_path: Path) -> None:
    from bioclip_x_plugins.encoders.open_clip import OpenClip

    write_soup(folders[:2], tmp_path / "soup", {"kind": "greedy", "metric": "top-1"})
    card = json.loads((tmp_path / "soup" / "bioclip_x.json").read_text("utf-8"))
    assert card["taxonomy"] == "taxonomy.csv" and card["soup"]["metric"] == "top-1"
    assert [one.partition(" (sha256:")[0] for one in card["soup"]["of"]] == ["run-0", "run-1"]
    assert str(tmp_path) not in json.dumps(card)
    assert "- run-1 (sha256:" in (tmp_path / "soup" / "README.md").read_text("utf-8")
    assert not (tmp_path / "soup" / "training.json").exists()
    with safe_open(tmp_path / "soup" / "heads" / "loss.safetensors", "pt") as head:
        assert head.metadata() == {"classes": "a b"}
        assert head.get_tensor("weight").unique().tolist() == [0.5] and head.get_tensor("nodes").tolist() == [4, 5]
    loaded = OpenClip().load(f"local-dir:{tmp_path / 'soup'}", device="cpu", precision="fp32")
    assert loaded.encode_texts(["Parus major"]).shape == (1, 32)
    own = OpenClip().own_classes(f"local-dir:{tmp_path / 'soup'}")
    assert own is not None and own.taxonomy.read_text() == "species\nParus major\n"


def test_models_that_do_not_belong_together(folders: list[Path], tmp_path: Path) -> None:
    check_ingredients(folders)
    (folders[1] / "taxonomy.csv").write_text("species\nParus ater\n")
    with pytest.raises(TrainingError, match=r"run-1/model: its file taxonomy\.csv differs from that of .*run-0/model"):
        check_ingredients(folders)
    other = write_model(tmp_path / "other", {**TINY, "embed_dim": 16})
    with pytest.raises(TrainingError, match="other: its file"):
        check_ingredients([folders[0], other])
    with pytest.raises(TrainingError, match="expected the folder of a model or of a training run"):
        find_model_folder(tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_a_greedy_soup_is_that_of_a_naive_loop(seed: int) -> None:
    """Random scores of every subset, with ties."""
    generator = torch.Generator().manual_seed(seed)
    names = "abcd"
    subsets = [frozenset(one) for size in range(1, 5) for one in itertools.combinations(names, size)]
    values = dict(zip(subsets, torch.randint(0, 6, (len(subsets),), generator=generator).tolist()))

    def score(chosen: Sequence[str]) -> float:
        return float(values[frozenset(chosen)])

    waiting = list(names)
    chosen: list[str] = []
    ranked = []
    while waiting:  # the best first, of equal ones the first given
        best = max(waiting, key=lambda name: (score([name]), -names.index(name)))
        waiting.remove(best)
        ranked.append(best)
    for name in ranked:
        if not chosen or score([*chosen, name]) >= score(chosen):
            chosen.append(name)
    assert choose_greedily(names, score) == chosen


def test_damaged_ingredients_are_refused(folders: list[Path], tmp_path: Path) -> None:
    weights = load_file(folders[1] / WEIGHTS)
    weights["visual.proj"][0] = float("nan")
    save_file(weights, folders[1] / WEIGHTS)
    with pytest.raises(TrainingError, match=r"run-1.*visual\.proj has NaN or infinity; leave this model out"):
        write_soup(folders, tmp_path / "soup", {"kind": "uniform"})
    (folders[1] / WEIGHTS).write_bytes(b"x")
    with pytest.raises(TrainingError, match=r"run-1.* is not a file of tensors"):
        check_ingredients(folders)
