"""Processes that make the same bank, and the same compiled tree, at the same time: each ends well, and the cache is right."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from bioclip_x.records import ModelCard, Prompt
from bioclip_x.taxonomy import TaxonomyBuilder, cache
from bioclip_x.text_bank import embed_texts as module
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.half_precision import add_half_precision
from bioclip_x.text_bank.mean_text import add_mean
from bioclip_x.training.compute.world import World
from processes import run_in_processes

PROMPTS = [Prompt(f"text {number}", number, "common") for number in range(40)]
ROUNDS = 20


class Encoder:
    """Embeds a text as the angle of its sum of characters."""

    card = ModelCard("m", "1", "t", "fp32", 2, 1.0, 0.0, context_length=5)

    def __init__(self) -> None:
        self.asked = 0

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        self.asked += len(texts)
        sums = np.array([sum(map(ord, text)) for text in texts])
        return torch.from_numpy(np.stack([np.cos(sums), np.sin(sums)], 1).astype(np.float32))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)


def build(folder: Path | None) -> torch.Tensor:
    bank = build_bank(Encoder(), PROMPTS, len(PROMPTS), cache=folder)  # type: ignore[arg-type]
    bank = add_half_precision(add_mean(bank, folder), folder)
    assert bank.mean_D is not None and bank.half_PD is not None
    return torch.cat([bank.embeddings_PD.flatten(), bank.mean_D.float(), bank.half_PD.flatten().float()]).clone()


def build_together(world: World, folder: str) -> list[torch.Tensor]:
    """Each round begins at the same moment in all processes, with an empty cache."""
    module.CHUNK = 16  # type: ignore[misc] - a journal is kept
    found = []
    for number in range(ROUNDS):
        dist.barrier()
        found.append(build(Path(folder, str(number))))
    return found


def save_together(world: World, folder: str) -> list[str]:
    found = []
    for number in range(ROUNDS):
        file = Path(folder, f"{number}.npz")
        dist.barrier()
        tree = cache.load(file)
        if tree is None:
            cache.save(make_tree(), file)
            tree = cache.load(file)
        found.append(tree.fingerprint if tree else "")
    return found


def make_tree() -> Any:
    builder = TaxonomyBuilder()
    for number in range(500):
        builder.add_lineage([("genus", f"Genus{number % 20}"), ("species", f"Genus{number % 20} name{number}")])
    return builder.build()


def test_one_bank(tmp_path: Path) -> None:
    expected = build(None)
    for found in run_in_processes(build_together, 3, str(tmp_path)):
        assert all(torch.equal(one, expected) for one in found)
    for number in range(ROUNDS):
        [entry] = (tmp_path / str(number)).iterdir()  # no journal, no temporary folder
        assert {file.name for file in entry.iterdir()} >= {"embeddings.safetensors", "prompts.arrow"}
        again = Encoder()
        build_bank(again, PROMPTS, len(PROMPTS), cache=entry.parent)  # type: ignore[arg-type]
        assert again.asked == 0
        assert torch.equal(build(entry.parent), expected)
        shutil.rmtree(entry.parent)


def test_one_tree(tmp_path: Path) -> None:
    expected = make_tree().fingerprint
    for found in run_in_processes(save_together, 3, str(tmp_path)):
        assert set(found) == {expected}
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"{number}.npz" for number in range(ROUNDS))
