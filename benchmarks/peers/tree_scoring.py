"""Scoring 64 images against 867,455 classes, with probabilities at all ranks and the top five.

The peer is the matrix product alone, in its faster layout (classes as rows). Also measured: memory beyond the bank, in a separate
process for each number of images, and how often a half-precision bank changes the top five of random images.
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
from big_tree import SPECIES, make_tree
from peers.figures import Captions, Figure, Limit, Target, measure_alternately, seconds

from bioclip_x.records import ImageFeatures, ModelCard, Scores, TextBank
from bioclip_x.taxonomy import Taxonomy, cache
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x_plugins.scorers.text import TextScorer

ROUNDS = 7
IMAGES, DIM, TOP = 64, 512, 5
QUERIES = 2_048
CARD = ModelCard("none", "", "", "fp32", dim=DIM, logit_scale=100.0, logit_bias=0.0, context_length=77)


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure | Limit]:
    with TemporaryDirectory() as folder:
        taxonomy, _ = make_tree(Path(folder))
        texts_PD = make_embeddings()
        images_BD = torch.nn.functional.normalize(torch.randn(IMAGES, DIM), dim=1)
        bank = make_bank(texts_PD)
        run_project = partial(score, taxonomy, bank, images_BD)
        captions = Captions("scores, probabilities at all ranks, top five", "the product alone", "s")
        bare = partial(torch.matmul, texts_PD, images_BD.T.contiguous())
        run_project(), bare()
        figures: dict[str, Figure | Limit] = {
            f"{IMAGES} images": Figure(
                captions,
                Target("at most", 1.5),
                measure_alternately(partial(seconds, run_project), partial(seconds, bare), rounds),
            )
        }
        same = [_compute_same_top(taxonomy, bank, seed) for seed in range(3)]
        figures["a bank of half precision, random images"] = Limit(
            "the same five best in the same order", "%", tuple(100 * fraction for fraction in same), least=99.9
        )
        del bank, texts_PD
        cache.save(taxonomy, Path(folder) / "tree.npz")
        for n_images in (IMAGES, 16 * IMAGES):
            peaks = tuple(_measure_peak(Path(folder) / "tree.npz", n_images) for _ in range(min(3, rounds)))
            figures[f"memory beyond the bank, {n_images:,} images"] = Limit("peak", "MiB", peaks, most=500)
    return figures


def make_embeddings() -> torch.Tensor:
    """Random unit rows, float32 [C, D], made in place."""
    texts_PD = torch.empty(SPECIES, DIM)
    random = torch.Generator().manual_seed(0)
    for part in texts_PD.split(1 << 14):
        part.normal_(generator=random)
        part /= part.norm(dim=1, keepdim=True)
    return texts_PD


def make_bank(texts_PD: torch.Tensor) -> TextBank:
    """A text a class, as the tree of life has them."""
    owner_P = np.arange(len(texts_PD))
    return TextBank((), texts_PD, owner_P, np.ones(len(texts_PD), np.float32), len(texts_PD), "mean", key="")


def score(taxonomy: Taxonomy, bank: TextBank, images_BD: torch.Tensor) -> Scores:
    features = ImageFeatures(images_BD, ("",) * len(images_BD))
    logits = TextScorer().logits(features, bank, CARD, taxonomy)
    return roll_up(logits, taxonomy, tuple(taxonomy.rank_tables))


def _compute_same_top(taxonomy: Taxonomy, bank: TextBank, seed: int) -> float:
    """The share of random images with the same five best classes from a bank of half precision."""
    from dataclasses import replace

    random = torch.Generator().manual_seed(seed)
    half, same = replace(bank, half_PD=bank.embeddings_PD.half()), 0
    for _ in range(0, QUERIES, IMAGES):
        images_BD = torch.nn.functional.normalize(torch.randn(IMAGES, DIM, generator=random), dim=1)
        full, halved = (score(taxonomy, one, images_BD).top_BK[:, :TOP] for one in (bank, half))
        same += int((full == halved).all(dim=1).sum())
    return same / QUERIES


def _measure_peak(tree_file: Path, n_images: int) -> float:
    command = [sys.executable, "-m", "peers.tree_scoring", str(tree_file), str(n_images)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return float(json.loads(done.stdout.splitlines()[-1]))


def _run_child(tree_file: Path, n_images: int) -> float:
    """MiB beyond bank and tree, while `images` images are scored in batches."""
    taxonomy = cache.load(tree_file)
    assert taxonomy is not None
    bank = make_bank(make_embeddings())
    features_BD = torch.nn.functional.normalize(torch.randn(n_images, DIM), dim=1)
    before = _read_memory("VmRSS")
    with torch.inference_mode():
        for part_BD in features_BD.split(IMAGES):
            score(taxonomy, bank, part_BD)
    return _read_memory("VmHWM") - before


def _read_memory(field: str) -> float:
    """MiB of this process, from /proc: Linux alone."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_run_child(Path(sys.argv[1]), int(sys.argv[2]))))
