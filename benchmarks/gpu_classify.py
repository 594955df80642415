"""Classifying on a GPU with ViT-L/14 and 867,455 classes: the encoder alone, with scoring and rollup, and pybioclip.

    python benchmarks/gpu_classify.py [--images 4096] [--smoke]

Pixels are synthetic and ready on the host, so that decoding has no part. "scoring and rollup" is what the time per image grows
by when all that `classify --head rollup` does with the embeddings is added: products with all classes by a half-precision bank,
the exact logits of the best, the sums up the tree, their copy to the host, and the winners at all ranks; the target is at most
15% of the whole. The scores of a batch are compared with the CPU's. pybioclip's TreeOfLifeClassifier gets the same model and
embeddings; it returns to Python for every image. Writes benchmarks/results/gpu_classify.json, and its table into
docs/benchmarks.md. --smoke runs all of it with a tiny model and tree on a CPU, and writes no committed file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from big_tree import SIZES, make_rows
from machine import describe
from peers.text_bank import write_model
from PIL import Image

from bioclip_x.prediction.ranking import count_tied_nodes, select_best_at_ranks, select_top_nodes
from bioclip_x.records import HeadInput, ImageFeatures, ModelCard, Scores, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.heads.rollup import Rollup
from bioclip_x_plugins.readers.tables.tree_of_life import TreeOfLifeReader
from bioclip_x_plugins.scorers.text import TextScorer

ROOT = Path(__file__).parents[1]
BEST = 5
"""Predictions per image."""
RESULTS = ROOT / "benchmarks" / "results" / "gpu_classify.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- gpu: written by benchmarks/gpu_classify.py -->", "<!-- end of gpu -->"
NOT_RUN = "not yet run"
SHARE = 0.15
"""Target: the largest part of the time for scoring and rollup."""
ALLOWED = 1e-4
"""Largest difference of a probability to the CPU's."""


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured. sizes: taxa at each rank. batch: images at a time. rounds: repetitions, of which the medians count."""

    model: str
    sizes: tuple[int, ...]
    device: str
    precision: str
    batch: int
    rounds: int


FULL = Size("ViT-L-14", SIZES, "cuda", "fp16", 256, 5)
SMOKE = Size("ViT-B-32", (2, 3, 4, 6, 20, 100, 700), "cpu", "fp32", 4, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--smoke", action="store_true", help="a small tree on a CPU; writes no committed file")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    size = SMOKE if options.smoke else FULL
    if size.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU; --smoke runs on a CPU")
    images = 8 if options.smoke else options.images
    with tempfile.TemporaryDirectory() as folder:
        results = measure(size, images, Path(folder))
    output = options.output or (Path(tempfile.mkdtemp()) / "gpu_classify.json" if options.smoke else RESULTS)
    output.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if not options.smoke:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table(results))
    return 0 if results["difference"] <= ALLOWED else 1


@torch.inference_mode()
def measure(size: Size, images: int, folder: Path) -> dict[str, Any]:
    taxonomy = make_taxonomy(size.sizes, folder)
    model = f"local-dir:{write_model(folder / 'model', size.model)}"
    encoder = OpenClip().load(model, device=size.device, precision=size.precision)
    texts_PD = make_embeddings(taxonomy.n_classes, encoder.card.dim)
    side = encoder.card.preprocessing["size"]
    height, width = (side, side) if isinstance(side, int) else side
    pixels = torch.rand(size.batch, 3, height, width)
    on_device, on_cpu = (make_pipeline(texts_PD, taxonomy, encoder.card, device) for device in (size.device, "cpu"))
    features = encoder.encode_images(pixels)
    difference = float((on_device(features).log_probs_BI.exp() - on_cpu(features).log_probs_BI.exp()).abs().max())
    passes = max(1, images // size.batch)
    alone = time_passes(lambda: encoder.encode_images(pixels), passes, size)
    together = time_passes(lambda: on_device(encoder.encode_images(pixels)), passes, size)
    peer = time_pybioclip(model, taxonomy, texts_PD, size, passes)
    n = passes * size.batch
    return {
        "about": (__doc__ or "").split("\n")[0],
        "command": "python benchmarks/gpu_classify.py",
        "status": "run",
        "machine": describe("pybioclip") if peer else describe(),
        "device": torch.cuda.get_device_name() if size.device == "cuda" else "cpu",
        "classes": taxonomy.n_classes,
        "encoder_images_per_second": n / alone,
        "images_per_second": n / together,
        "share": 1 - alone / together,
        "pybioclip_images_per_second": n / peer if peer else None,
        "difference": difference,
        "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30 if size.device == "cuda" else None,
    }


def make_taxonomy(sizes: tuple[int, ...], folder: Path) -> Taxonomy:
    (folder / "txt_emb_species.json").write_text(json.dumps(make_rows(sizes)), "utf-8")
    return TreeOfLifeReader().read(folder / "txt_emb_species.json")


def make_embeddings(classes: int, dim: int) -> torch.Tensor:
    """Returns random unit rows, float32 [classes, dim]."""
    texts_PD = torch.randn(classes, dim, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(texts_PD, dim=1, out=texts_PD)


def make_pipeline(
    texts_PD: torch.Tensor, taxonomy: Taxonomy, card: ModelCard, device: str
) -> Callable[[ImageFeatures], Scores]:
    """Returns the function from embeddings to scores, with the winners selected, as `classify --head rollup` has it."""
    owner_P = np.arange(taxonomy.n_classes)
    bank = TextBank(
        (), texts_PD, owner_P, np.ones(len(owner_P), np.float32), len(owner_P), "mean", "", half_PD=texts_PD.half(),
        device=device,
    )  # fmt: skip
    scorer, head = TextScorer(), Rollup()

    def run(features: ImageFeatures) -> Scores:
        scores = head.decide(HeadInput(scorer.logits(features, bank, card, taxonomy), taxonomy))
        select_top_nodes(taxonomy, scores, None, BEST)
        count_tied_nodes(taxonomy, scores, None)
        select_best_at_ranks(taxonomy, scores)
        return scores

    return run


def time_passes(run: Callable[[], object], passes: int, size: Size) -> float:
    """Returns the median seconds of `passes` calls, after one that is not counted."""
    run()
    taken = []
    for _ in range(size.rounds):
        if size.device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(passes):
            run()
        if size.device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return median(taken)


def time_pybioclip(model: str, taxonomy: Taxonomy, texts_PD: torch.Tensor, size: Size, passes: int) -> float | None:
    """Returns the seconds of pybioclip for as many images, with the same weights and embeddings; None if it is not installed."""
    try:
        from bioclip import Rank, TreeOfLifeClassifier
        from bioclip.predict import BaseClassifier
    except ImportError:
        return None

    class WithEmbeddings(TreeOfLifeClassifier):
        def __init__(self) -> None:
            BaseClassifier.__init__(self, model_str=model, device=size.device)
            self.txt_embeddings = texts_PD.T.to(size.device)
            self.txt_names = [[["k", "p", "c", "o", "f", "g", "e"], ""]] * len(texts_PD)
            self._subset_txt_embeddings = self._subset_txt_names = None

    classifier = WithEmbeddings()
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(size.batch)]
    return time_passes(lambda: classifier.predict(images, Rank.SPECIES, batch_size=size.batch), passes, size)


def table(results: Mapping[str, Any]) -> str:
    """Formats the results as Markdown."""
    if results["status"] == NOT_RUN:
        return f"On a GPU: **{NOT_RUN}** (`{results['command']}`)."
    peer = results["pybioclip_images_per_second"]
    rows = [
        ("the encoder alone", results["encoder_images_per_second"]),
        (f"with scoring and rollup of {results['classes']:,} classes", results["images_per_second"]),
        *([("pybioclip", peer)] if peer else []),
    ]
    lines = ["| | images/s |", "| --- | --- |", *(f"| {name} | {rate:,.1f} |" for name, rate in rows)]
    met = "met" if results["share"] <= SHARE else "**missed**"
    return "\n".join(
        [
            *lines,
            "",
            f"Scoring and rollup take {results['share']:.1%} of the time (target ≤ {SHARE:.0%}: {met}); the largest difference "
            f"of a probability to the CPU's is {results['difference']:.0e}. {results['device']}; `{results['command']}`.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
