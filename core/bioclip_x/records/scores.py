"""Scores of classes and, after a head, of the nodes of the tree.

Legend: B images, C classes, c classes of a chunk, T inner taxa, I held nodes, K best classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

    from bioclip_x.taxonomy.tree import Taxonomy

CHUNK: Final = 1 << 19
"""Logits computed at a time: few enough to stay in the processor's cache between steps."""


@dataclass(frozen=True, eq=False)
class Logits:
    """Unnormalised class scores in the taxonomy's leaf order, logit scale applied.

    Computed lazily in parts: there may be a million classes, whose logits are never all in memory at once.

    part: (start, stop) → float32 [stop - start, B], the logits of classes start … stop-1; the caller may overwrite it.
    n_images, n_classes: B and C.
    exact: the same at full precision, if `part` is an approximation (a half-precision bank); used for the order and the
        probabilities of the best classes. On the CPU. None if `part` is exact.
    device: of the parts, "cuda:0" say.
    """

    part: Callable[[int, int], torch.Tensor]
    n_images: int
    n_classes: int
    exact: Callable[[int, int], torch.Tensor] | None = None
    device: str = "cpu"

    def chunks(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Yields (first class, float32 [c, B]) of each chunk, from class 0 to C-1."""
        step = max(256, CHUNK // max(1, self.n_images))
        for start in range(0, self.n_classes, step):
            yield start, self.part(start, min(start + step, self.n_classes))

    @cached_property
    def logits_BC(self) -> torch.Tensor:  # noqa: N802 - a shape suffix
        """All logits, float32 [B, C], for lists that fit into memory several times over."""
        return self.part(0, self.n_classes).T

    def map(self, change: Callable[[int, int, torch.Tensor], torch.Tensor]) -> Logits:
        """Returns logits with each part replaced by `change(start, stop, part)`: for temperatures and priors."""
        exact = self.exact
        return replace(
            self,
            part=lambda start, stop: change(start, stop, self.part(start, stop)),
            exact=exact and (lambda start, stop: change(start, stop, exact(start, stop))),
        )

    def cpu(self) -> Logits:
        """Returns the same logits, computed where they are, with their parts on the CPU."""
        return replace(self, part=lambda start, stop: self.part(start, stop).cpu(), device="cpu")

    @staticmethod
    def of(logits_BC: torch.Tensor) -> Logits:
        """Creates logits from a matrix: float32 [B, C]."""
        logits_CB = logits_BC.T.contiguous()  # makes each part contiguous
        return Logits(lambda start, stop: logits_CB[start:stop].clone(), *logits_BC.shape)


BEST: Final = 16
"""Default number of best classes whose probabilities a head reports."""


@dataclass(frozen=True, eq=False)
class HeadInput:
    """The input of a head.

    logits: of the classes, with adjustments added and divided by a calibration's temperature.
    taxonomy: the tree whose leaves are the classes. n_best: K, number of best classes for `Scores.top_BK`.
    inner_logits_TB: float32 [T, B], logits of `taxonomy.inner_taxa` from their own prompts, for heads that declare
        `needs_inner_taxa`; else None.
    """

    logits: Logits
    taxonomy: Taxonomy
    n_best: int = BEST
    inner_logits_TB: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The output of a head.

    log_probs_BI: float32 [B, I], natural log-probability of each of `Taxonomy.held_nodes` (all nodes of a small tree, the
        inner nodes of a large one) among the listed classes. The root's is 0 (up to rounding); at every rank in the
        taxonomy's `rank_tables`, a row's probabilities sum to 1.
    top_BK: int64 [B, K], K different classes of each image, best first; of equal ones, the lowest index first. log_top_BK:
        float32 [B, K], their log-probabilities; -inf, at the end, for excluded classes.
    ranks: the ranks at which the head reports a winner, from the top down; empty for a head that reports classes only.
    reported_BK: int64 [B, k], the nodes (of class c: `Taxonomy.leaf_node_C[c]`) that the head selects for the report, best
        first (-1: no more), whatever their rank; a hole or self leaf stands for its `owner`, and the root or -1 in the first
        place for "not named". None for a head that leaves this to `--rank`.
    n_tied_B: int64 [B], how many choices are as good as the first of `reported_BK` or, without it, of `top_BK` (of the K),
        itself included; None for a head that leaves this to equal log-probabilities.
    """

    log_probs_BI: torch.Tensor
    top_BK: torch.Tensor
    log_top_BK: torch.Tensor
    ranks: tuple[str, ...] = ()
    reported_BK: torch.Tensor | None = None
    n_tied_B: torch.Tensor | None = None
