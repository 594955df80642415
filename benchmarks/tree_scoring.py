"""Scoring 64 images against 867,455 classes, shares at all ranks and the five best classes: what it costs beyond the product.

The product alone, in its faster layout (classes as rows), is the other side. Its memory is measured in a process of its own
for each number of images, beyond the bank; and what a bank of half precision changes of the five best, of random images.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from big_tree import SPECIES, tree
from figures import Figure, Limit, Sides, Target, by_turns, seconds

from bioclip_x.records import ImageFeatures, ModelCard, Scores, TextBank
from bioclip_x.taxonomy import Taxonomy, cache
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x_plugins.scorers.text import TextScorer

ROUNDS = 7
PICTURES, DIM, BEST = 64, 512, 5
QUERIES = 2_048
CARD = ModelCard("none", "", "", "fp32", dim=DIM, logit_scale=100.0, logit_bias=0.0, context_length=77)


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure | Limit]:
    with TemporaryDirectory() as folder:
        taxonomy, _ = tree(Path(folder))
        texts_PD = embeddings()
        pictures_BD = torch.nn.functional.normalize(torch.randn(PICTURES, DIM), dim=1)
        bank = bank_of(texts_PD)
        ours = partial(scored, taxonomy, bank, pictures_BD)
        sides = Sides("scores, shares at all ranks, five best", "the product alone", "s")
        bare = partial(torch.matmul, texts_PD, pictures_BD.T.contiguous())
        ours(), bare()
        figures: dict[str, Figure | Limit] = {
            f"{PICTURES} images": Figure(
                sides, Target("at most", 1.5), by_turns(partial(seconds, ours), partial(seconds, bare), rounds)
            )
        }
        same = [_same_best(taxonomy, bank, seed) for seed in range(3)]
        figures["a bank of half precision, random images"] = Limit(
            "the same five best in the same order", "%", tuple(100 * share for share in same), least=99.9
        )
        del bank, texts_PD
        cache.save(taxonomy, Path(folder) / "tree.npz")
        for pictures in (PICTURES, 16 * PICTURES):
            peaks = tuple(_peak_beyond_bank(Path(folder) / "tree.npz", pictures) for _ in range(min(3, rounds)))
            figures[f"memory beyond the bank, {pictures:,} images"] = Limit("peak", "MiB", peaks, most=500)
    return figures


def embeddings() -> torch.Tensor:
    """Random unit rows, float32 [C, D], made in place."""
    texts_PD = torch.empty(SPECIES, DIM)
    random = torch.Generator().manual_seed(0)
    for part in texts_PD.split(1 << 14):
        part.normal_(generator=random)
        part /= part.norm(dim=1, keepdim=True)
    return texts_PD


def bank_of(texts_PD: torch.Tensor) -> TextBank:
    """A text a class, as the tree of life has them."""
    owner_P = np.arange(len(texts_PD))
    return TextBank((), texts_PD, owner_P, np.ones(len(texts_PD), np.float32), len(texts_PD), "mean", key="")


def scored(taxonomy: Taxonomy, bank: TextBank, pictures_BD: torch.Tensor) -> Scores:
    features = ImageFeatures(pictures_BD, ("",) * len(pictures_BD))
    logits = TextScorer().logits(features, bank, CARD, taxonomy)
    return roll_up(logits, taxonomy, tuple(taxonomy.rank_tables))


def _same_best(taxonomy: Taxonomy, bank: TextBank, seed: int) -> float:
    """The share of random images with the same five best classes from a bank of half precision."""
    from dataclasses import replace

    random = torch.Generator().manual_seed(seed)
    half, same = replace(bank, half_PD=bank.embeddings_PD.half()), 0
    for _ in range(0, QUERIES, PICTURES):
        pictures_BD = torch.nn.functional.normalize(torch.randn(PICTURES, DIM, generator=random), dim=1)
        full, halved = (scored(taxonomy, one, pictures_BD).top_BK[:, :BEST] for one in (bank, half))
        same += int((full == halved).all(dim=1).sum())
    return same / QUERIES


def _peak_beyond_bank(tree_file: Path, pictures: int) -> float:
    command = [sys.executable, __file__, str(tree_file), str(pictures)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _child(tree_file: Path, pictures: int) -> float:
    """MiB beyond bank and tree, while `images` images are scored in batches."""
    taxonomy = cache.load(tree_file)
    assert taxonomy is not None
    bank = bank_of(embeddings())
    features_BD = torch.nn.functional.normalize(torch.randn(pictures, DIM), dim=1)
    before = _memory("VmRSS")
    with torch.inference_mode():
        for part_BD in features_BD.split(PICTURES):
            scored(taxonomy, bank, part_BD)
    return _memory("VmHWM") - before


def _memory(field: str) -> float:
    """MiB of this process, from /proc: Linux alone."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_child(Path(sys.argv[1]), int(sys.argv[2]))))
