"""The prepared GPU benchmark of classifying: its pipeline is the classifier's, and its results are honest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch

from bioclip_x.records import ImageFeatures
from bioclip_x.testing.examples import make_card

ROOT = Path(__file__).parents[2]
Load = Callable[[str], ModuleType]


def test_its_scores_are_those_of_a_softmax(load: Load, tmp_path: Path) -> None:
    benchmark = load("gpu_classify")
    taxonomy = benchmark.make_taxonomy((2, 3, 4, 6, 9, 20, 60), tmp_path)
    texts_PD = benchmark.make_embeddings(taxonomy.n_classes, 8)
    features = ImageFeatures(torch.nn.functional.normalize(torch.randn(3, 8), dim=1), ("",) * 3)
    scores = benchmark.make_pipeline(texts_PD, taxonomy, make_card(), "cpu")(features)
    logits_BC = 10 * features.embeddings_BD @ texts_PD.half().float().T
    exact_BC = 10 * features.embeddings_BD @ texts_PD.T
    logits_BC.scatter_(1, scores.top_BK, exact_BC.gather(1, scores.top_BK))  # the best classes, at full precision
    assert scores.top_BK[:, 0].tolist() == exact_BC.argmax(1).tolist()
    probs_BC = logits_BC.double().softmax(1)
    for column, node in enumerate(taxonomy.held_nodes.tolist()):
        start, stop = taxonomy.leaf_start_N[node], taxonomy.leaf_stop_N[node]
        torch.testing.assert_close(
            scores.log_probs_BI[:, column].double().exp(), probs_BC[:, start:stop].sum(1), atol=1e-5, rtol=1e-4
        )


def test_what_was_not_run_says_so(load: Load) -> None:
    benchmark = load("gpu_classify")
    results = json.loads(benchmark.RESULTS.read_text("utf-8"))
    assert benchmark.table(results) in (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    run = {
        "status": "run", "classes": 700, "encoder_images_per_second": 100.0, "images_per_second": 80.0, "share": 0.2,
        "pybioclip_images_per_second": None, "difference": 1e-6, "device": "cpu", "command": "x",
    }  # fmt: skip
    assert "20.0% of the time (target ≤ 15%: **missed**)" in benchmark.table(run)
