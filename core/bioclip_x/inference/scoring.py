"""Computes the class logits of a batch of images: scorer, adjustments, temperature.

Legend: B images, C classes, T inner taxa.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from bioclip_x.classes.priors import Adjustments, add_offsets, add_offsets_to_inner, sum_offsets
from bioclip_x.events.pooling import Pooling, pool_logits
from bioclip_x.faults import guarded, naming
from bioclip_x.hooks.components import Scorer
from bioclip_x.hooks.returned import check_logits
from bioclip_x.inference.calibration import AppliedCalibration
from bioclip_x.inference.temperature import Peaks
from bioclip_x.messages import list_some
from bioclip_x.records import HeadInput, ImageFeatures, Logits, ModelCard, Source, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.text_bank.inner_taxa import InnerTaxaBank


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """The logits of a batch, adjustments added.

    computed: the scorer's own logits.
    inner_logits_TB: float32 [T, B], of the inner taxa, if the head needs them.
    offsets: adjustment → the offsets that it added, before any temperature: float32 [C, B] or [C, 1].
    """

    logits: Logits
    computed: Logits
    inner_logits_TB: torch.Tensor | None = None
    offsets: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def calibrate(self, calibration: AppliedCalibration) -> tuple[ScoredBatch, Peaks]:
        """Divides the logits by the temperature, and records each image's largest logit before the division."""
        logits, peaks = calibration.apply(self.logits)
        inner_TB = None if self.inner_logits_TB is None else self.inner_logits_TB / calibration.temperature
        return replace(self, logits=logits, inner_logits_TB=inner_TB), peaks

    def find_voters(self, taxonomy: Taxonomy) -> list[int]:
        """Returns the images that take part in the decision on the event of a batch: not those that are best named by a label
        beside the tree, such as blank, unless all are.
        """
        n_taxa, logits = taxonomy.n_classes - taxonomy.n_beside, self.logits.cpu()
        everyone = list(range(logits.n_images))
        if not taxonomy.n_beside or not n_taxa:
            return everyone
        best_n = torch.full((logits.n_images,), -torch.inf)
        for start, part_cn in logits.chunks():
            if start < n_taxa:
                best_n = torch.maximum(best_n, part_cn[: n_taxa - start].amax(0))
        beside_n = logits.part(n_taxa, taxonomy.n_classes).amax(0)
        return (best_n >= beside_n).nonzero()[:, 0].tolist() or everyone

    def select(self, images: Sequence[int]) -> ScoredBatch:
        """Returns the logits of some of the images."""
        if len(images) == self.logits.n_images:
            return self
        index = torch.tensor(images)

        def take(logits: Logits) -> Logits:
            taken = logits.map(lambda start, stop, part_cB: part_cB[:, index.to(part_cB.device)])
            return replace(taken, n_images=len(images))

        inner_TB = None if self.inner_logits_TB is None else self.inner_logits_TB[:, index]
        offsets = {name: one if one.shape[1] == 1 else one[:, index] for name, one in self.offsets.items()}
        return ScoredBatch(take(self.logits), take(self.computed), inner_TB, offsets)

    def pool(self, pooling: Pooling) -> ScoredBatch:
        """Pools the logits of a batch to those of one event, with its images' mean offsets; see `pool_logits`."""
        inner_TB = None if self.inner_logits_TB is None else self.inner_logits_TB.mean(1, keepdim=True)
        offsets = {name: one.mean(1, keepdim=True) for name, one in self.offsets.items()}
        logits, computed = pool_logits(self.logits, pooling), pool_logits(self.computed, pooling)
        return ScoredBatch(logits, computed, inner_TB, offsets)

    def find_single_class_images(self) -> list[bool]:
        """Returns for each image whether the class list and the adjustments leave it one class only."""
        if not self.offsets:
            return [self.logits.n_classes == 1] * self.logits.n_images
        n_left = (sum_offsets(self.offsets) > float("-inf")).sum(0)
        single: list[bool] = (n_left == 1).expand(self.logits.n_images).tolist()
        return single

    def make_head_input(self, taxonomy: Taxonomy, n_best: int, *, any_device: bool) -> HeadInput:
        """any_device: whether the head takes logits that are not on the CPU."""
        return HeadInput(self.logits if any_device else self.logits.cpu(), taxonomy, n_best, self.inner_logits_TB)


@dataclass(frozen=True, eq=False)
class BatchScorer:
    """The scorer of one classifier with its banks and adjustments. inner: the bank of the inner taxa, if needed."""

    scorer: Scorer
    bank: TextBank
    inner: InnerTaxaBank | None
    card: ModelCard
    taxonomy: Taxonomy
    adjustments: Adjustments

    def score(self, features: ImageFeatures, sources: Sequence[Source], bank: TextBank | None = None) -> ScoredBatch:
        """Computes class logits of images, adjusted but not calibrated. bank: replaces the classifier's prompts."""
        named = replace(features, names=tuple(source.name for source in sources))
        with naming(self.scorer, "logits", list_some(named.names, 1)):
            computed = self.scorer.logits(named, bank or self.bank, self.card, self.taxonomy)
            logits = self._name_parts(check_logits(self.scorer, computed, len(sources), self.taxonomy.n_classes))
            inner_TB = None if self.inner is None else self.inner.logits(self.scorer, features, self.card)
        offsets = self.adjustments.compute_offsets(sources)
        if not offsets:
            return ScoredBatch(logits, logits, inner_TB)
        offsets_CB = sum_offsets(offsets)
        if inner_TB is not None:
            inner_TB = add_offsets_to_inner(inner_TB, offsets_CB, self.taxonomy)
        return ScoredBatch(add_offsets(logits, offsets_CB), logits, inner_TB, offsets)

    def _name_parts(self, logits: Logits) -> Logits:
        """Returns logits that name the scorer if it fails later: their parts are computed while the head runs."""
        exact = logits.exact
        return replace(
            logits,
            part=guarded(self.scorer, "logits", logits.part),
            exact=exact and guarded(self.scorer, "logits", exact),
        )
