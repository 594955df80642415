"""Probabilities of taxa at all seven ranks, the top five of each, compared with pybioclip's at one rank.

pybioclip (TreeOfLifeClassifier.format_grouped_probs) sums the probabilities of one image at one rank, here family. The project
computes all ranks for a batch of 64 images, as in normal use; the time is per image. Three distributions over the classes: a
confident one (about a thousand probabilities above pybioclip's 1e-9), the softmax at scale 100 of random unit embeddings (of 768
dimensions, as in BioCLIP 2, whose list has this length), and a uniform one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from big_tree import make_tree
from peers.figures import Agreement, Captions, Figure, Target, measure_alternately, seconds

from bioclip_x.prediction.ranking import select_top_nodes
from bioclip_x.records import Logits
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.rollup import roll_up

ROUNDS = 5
BEST = 5
IMAGES = 64


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure]:
    with TemporaryDirectory() as folder:
        taxonomy, rows = make_tree(Path(folder))
    peer = _make_peer(rows)
    figures = {}
    for name, (make, times) in DISTRIBUTIONS.items():
        log_probs_BC = torch.stack([torch.log_softmax(make(taxonomy.n_classes, seed), dim=0) for seed in range(IMAGES)])
        run_project = partial(_compute_top_nodes, taxonomy, Logits.of(log_probs_BC))
        run_peer = partial(peer.format_grouped_probs, "image", log_probs_BC[0].exp(), _get_family_rank(), k=BEST)
        difference = _compute_difference(run_project()["family"], run_peer())
        captions = Captions("all seven ranks", "pybioclip, family", "s")
        samples = measure_alternately(
            lambda run_project=run_project: seconds(run_project) / IMAGES, partial(seconds, run_peer), rounds
        )
        figures[name] = Figure(captions, Target("at least", times), samples, Agreement(difference, 1e-4))
    return figures


def _compute_top_nodes(taxonomy: Taxonomy, logits: Logits) -> dict[str, list[tuple[int, float]]]:
    """Returns (node, probability) of the top five by rank, best first, for the first image; computes them for all images."""
    scores = roll_up(logits, taxonomy, n_best=BEST)
    top_nodes = {}
    for rank, nodes in taxonomy.rank_tables.items():
        best = select_top_nodes(taxonomy, scores, nodes, BEST)[0]
        is_held = taxonomy.place_N[best[0]] >= 0
        logs = scores.log_probs_BI[0, taxonomy.place_N[best]] if is_held else scores.log_top_BK[0, :BEST]
        top_nodes[rank] = list(zip(best, logs.exp().tolist()))
    return top_nodes


def _compute_difference(project: list[tuple[int, float]], peer: list[dict[str, Any]]) -> float:
    """Returns the largest difference between the probabilities of the top five families; pybioclip sums in float32."""
    return max(abs(probability - entry["score"]) for (_, probability), entry in zip(project, peer, strict=True))


def _make_peer(rows: list[list[object]]) -> Any:
    """Makes pybioclip's classifier without a model, which grouping does not need."""
    from bioclip.predict import TreeOfLifeClassifier

    class WithoutModel(TreeOfLifeClassifier):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def get_current_txt_names(self) -> list[list[object]]:
            return rows

    return WithoutModel()


def _get_family_rank() -> Any:
    from bioclip.predict import Rank

    return Rank.FAMILY


def _make_confident(n_classes: int, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    logits_C = torch.full((n_classes,), -30.0)
    likely = torch.randperm(n_classes, generator=random)[:1000]
    logits_C[likely] = torch.rand(1000, generator=random) * 15
    return logits_C


def _make_embedded(n_classes: int, seed: int) -> torch.Tensor:
    """Returns cosines of random unit vectors of 768 dimensions, as in BioCLIP 2, times CLIP's logit scale of 100."""
    random = torch.Generator().manual_seed(seed)
    return 100 * torch.randn(n_classes, generator=random) / 768**0.5


def _make_uniform(n_classes: int, seed: int) -> torch.Tensor:
    return torch.zeros(n_classes)


DISTRIBUTIONS: dict[str, tuple[Callable[[int, int], torch.Tensor], float]] = {
    "a confident image": (_make_confident, 5),
    "random unit embeddings at scale 100": (_make_embedded, 1000),
    "every class alike": (_make_uniform, 2000),
}
