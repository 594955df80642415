"""The shares of taxa at all seven ranks, five best of each, against pybioclip's at one of them.

pybioclip (TreeOfLifeClassifier.format_grouped_probs) sums the probabilities of one image at the rank it is asked for, here
family. Ours are those of all ranks, of 64 images together, as the program takes them, and the time is that of one. Three
distributions over the classes: a confident one (about a thousand probabilities above pybioclip's 1e-9), the softmax at scale
100 of random unit embeddings (of 768 dimensions, as BioCLIP 2 has, whose list is of this length), and a flat one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from big_tree import tree
from figures import Agreement, Figure, Sides, Target, by_turns, seconds

from bioclip_x.prediction.ranking import select_top_nodes
from bioclip_x.records import Logits
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.rollup import roll_up

ROUNDS = 5
BEST = 5
PICTURES = 64


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure]:
    with TemporaryDirectory() as folder:
        taxonomy, rows = tree(Path(folder))
    peer = _peer(rows)
    figures = {}
    for name, (make, times) in DISTRIBUTIONS.items():
        log_probs_BC = torch.stack(
            [torch.log_softmax(make(taxonomy.n_classes, seed), dim=0) for seed in range(PICTURES)]
        )
        ours = partial(_ours, taxonomy, Logits.of(log_probs_BC))
        peers = partial(peer.format_grouped_probs, "picture", log_probs_BC[0].exp(), _family(), k=BEST)
        difference = _difference(ours()["family"], peers())
        sides = Sides("all seven ranks", "pybioclip, family", "s")
        samples = by_turns(lambda ours=ours: seconds(ours) / PICTURES, partial(seconds, peers), rounds)
        figures[name] = Figure(sides, Target("at least", times), samples, Agreement(difference, 1e-4))
    return figures


def _ours(taxonomy: Taxonomy, logits: Logits) -> dict[str, list[tuple[int, float]]]:
    """rank → (node, share) of the first image, best first. The five best are found of all images."""
    scores = roll_up(logits, taxonomy, n_best=BEST)
    found = {}
    for rank, nodes in taxonomy.rank_tables.items():
        best = select_top_nodes(taxonomy, scores, nodes, BEST)[0]
        is_held = taxonomy.place_N[best[0]] >= 0
        logs = scores.log_probs_BI[0, taxonomy.place_N[best]] if is_held else scores.log_top_BK[0, :BEST]
        found[rank] = list(zip(best, logs.exp().tolist()))
    return found


def _difference(ours: list[tuple[int, float]], peers: list[dict[str, Any]]) -> float:
    """The largest between the shares of the five best families, in their order; pybioclip adds up in float32."""
    return max(abs(share - told["score"]) for (_, share), told in zip(ours, peers, strict=True))


def _peer(rows: list[list[object]]) -> Any:
    """pybioclip's classifier without a model, which grouping does not need."""
    from bioclip.predict import TreeOfLifeClassifier

    class WithoutModel(TreeOfLifeClassifier):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def get_current_txt_names(self) -> list[list[object]]:
            return rows

    return WithoutModel()


def _family() -> Any:
    from bioclip.predict import Rank

    return Rank.FAMILY


def _confident(n_classes: int, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    logits_C = torch.full((n_classes,), -30.0)
    likely = torch.randperm(n_classes, generator=random)[:1000]
    logits_C[likely] = torch.rand(1000, generator=random) * 15
    return logits_C


def _embedded(n_classes: int, seed: int) -> torch.Tensor:
    """Cosines of random unit vectors of BioCLIP 2's 768 dimensions, at CLIP's logit scale of 100."""
    random = torch.Generator().manual_seed(seed)
    return 100 * torch.randn(n_classes, generator=random) / 768**0.5


def _flat(n_classes: int, seed: int) -> torch.Tensor:
    return torch.zeros(n_classes)


DISTRIBUTIONS: dict[str, tuple[Callable[[int, int], torch.Tensor], float]] = {
    "a confident image": (_confident, 5),
    "random unit embeddings at scale 100": (_embedded, 1000),
    "every class alike": (_flat, 2000),
}
