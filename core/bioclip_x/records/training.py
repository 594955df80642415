"""Inputs of training losses and training hooks.

Legend: B images and T distinct texts of this process, M images and S texts of all processes (in the order of the processes),
K texts drawn for each image, D embedding, N nodes, C classes, Q any rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from bioclip_x.taxonomy.tree import Taxonomy


class Processes(Protocol):
    """The processes that train one model together.

    rank: the number of this one, from 0. size: how many there are. With one process, every method is the identity.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def gather(self, x: torch.Tensor) -> torch.Tensor:
        """Joins tensors of one shape over the processes, along dim 0.

        Gradients flow: the gradient of this process's part is the sum of those that all processes have for it.
        """

    def gather_ragged(self, x: torch.Tensor) -> torch.Tensor:
        """Joins tensors that may differ in length along dim 0; gradients flow as in `gather`."""

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the sum over the processes, without gradient."""

    def max(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the element-wise maximum over the processes, without gradient."""


class TextMatcher(Protocol):
    """Decides which texts apply to which images; see `training.truth.Truth`."""

    def match(
        self, node_B: torch.Tensor, own_id_BO: torch.Tensor, text_id_T: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns bool [B, T] twice: whether a text applies to an image, and whether that is known."""


@dataclass(frozen=True, slots=True)
class TreeTensors:
    """The arrays of a taxonomy on the training device; see `Taxonomy`. All int64.

    node_stop_N: the half-open end of the range of nodes at or below each node, which begins with the node itself.
    """

    parent_N: torch.Tensor
    rank_N: torch.Tensor
    kind_N: torch.Tensor
    leaf_start_N: torch.Tensor
    leaf_stop_N: torch.Tensor
    leaf_node_C: torch.Tensor
    node_stop_N: torch.Tensor


@dataclass(frozen=True, slots=True)
class Gathered:
    """The images and texts of all processes, and how they match.

    image_MD, text_SD: rows L2-normalised. node_M, text_id_S, text_node_S, aspect_S: as in `LossInput`.
    first_S: bool, no equal text stands earlier. A loss takes each text once, or the number of processes would change it.
    own_first_T: bool, those of this process's texts that are the first of their kind.
    image_at, text_at: the places of this process's first image and text.
    right_BS, known_BS: bool, this process's images with all texts; known_BS is False at texts that are not the first.
    right_TM, known_TM: bool, this process's texts with all images.
    """

    image_MD: torch.Tensor
    text_SD: torch.Tensor
    node_M: torch.Tensor
    text_id_S: torch.Tensor
    text_node_S: torch.Tensor
    aspect_S: torch.Tensor
    first_S: torch.Tensor
    own_first_T: torch.Tensor
    image_at: int
    text_at: int
    right_BS: torch.Tensor
    known_BS: torch.Tensor
    right_TM: torch.Tensor
    known_TM: torch.Tensor


@dataclass(frozen=True)
class LossInput:
    """The input of a loss: this process's part of one batch.

    Each process returns its part of the loss: the mean over the processes is the loss of the whole batch. `mean` divides
    accordingly; a loss that every process computes on `gathered` tensors alone needs nothing else.

    image_BD: float32 [B, D], rows L2-normalised; image_raw_BD: before normalisation.
    text_TD: float32 [T, D], rows L2-normalised, each text once; no rows if no loss of the run needs texts.
    text_BK: int64 [B, K], the rows of `text_TD` that were drawn for each image.
    node_B: int64 [B], the node of the tree that each image is labelled with, -1 for images without a taxon.
    text_id_T: int64 [T], equal for equal texts, on all processes.
    text_node_T: int64 [T], the node that a text is about; -1 for an image's own text and for one of several taxa.
    right_BT: bool [B, T], whether a text is correct for an image: one of its own, or of its taxon, drawn or not.
    known_BT: bool [B, T], False where `right_BT` is not known: an image labelled at genus, with the text of one of the
        genus's species. Such pairs are to be left out.
    own_id_BO: int64 [B, O], the ids of each image's own texts, padded with -1.
    aspect_T: int64 [T], the aspect that each text describes (a bird's bill, say), equal for alternative texts, -1 for none.
    source_B: int64 [B], the number of each image's data set.
    logit_scale: scalar tensor, already exponentiated; gradients flow. logit_bias: scalar tensor or None.
    taxonomy, tree: what `node_B` indexes, as record and as tensors on the device. matcher: for texts of other processes.
    views: float32 [B, D] each, not normalised: embeddings of further augmented views of the images, as many as a loss of the
        run declares. step: completed steps. bank: the class bank, for losses that declare `needs_bank`.
    """

    image_BD: torch.Tensor
    image_raw_BD: torch.Tensor
    text_TD: torch.Tensor
    text_BK: torch.Tensor
    node_B: torch.Tensor
    text_id_T: torch.Tensor
    text_node_T: torch.Tensor
    right_BT: torch.Tensor
    known_BT: torch.Tensor
    own_id_BO: torch.Tensor
    aspect_T: torch.Tensor
    source_B: torch.Tensor
    logit_scale: torch.Tensor
    logit_bias: torch.Tensor | None
    taxonomy: Taxonomy
    tree: TreeTensors
    matcher: TextMatcher
    world: Processes
    views: tuple[torch.Tensor, ...] = ()
    step: int = 0
    bank: Any = None

    @property
    def text_BD(self) -> torch.Tensor:  # noqa: N802 - a shape suffix
        """float32 [B, D], rows L2-normalised: each image's text, the first if several are drawn."""
        return self.text_TD[self.text_BK[:, 0]]

    def mean(self, values_Q: torch.Tensor, counted_Q: torch.Tensor | None = None) -> torch.Tensor:
        """Returns this process's part of the mean over the rows of all processes, a scalar; 0 if none counts.

        counted_Q: bool, the rows that count; None for all.
        """
        import torch

        values_Q = values_Q if counted_Q is None else values_Q.where(counted_Q, torch.zeros_like(values_Q))
        count = torch.tensor(len(values_Q), device=values_Q.device) if counted_Q is None else counted_Q.sum()
        return values_Q.sum() * self.world.size / self.world.sum(count).clamp(min=1)

    @cached_property
    def gathered(self) -> Gathered:
        """The images and texts of all processes. Every process must ask for it, or none."""
        import torch

        if self.world.size == 1:
            first_T = torch.ones_like(self.text_id_T, dtype=torch.bool)
            return Gathered(
                self.image_BD, self.text_TD, self.node_B, self.text_id_T, self.text_node_T, self.aspect_T, first_T,
                first_T, 0, 0, self.right_BT, self.known_BT, self.right_BT.T, self.known_BT.T,
            )  # fmt: skip
        join = self.world.gather_ragged
        sizes = [[*self.own_id_BO.shape, len(self.text_id_T)]]
        lengths = self.world.gather(torch.tensor(sizes, device=self.node_B.device)).tolist()
        image_at, text_at = (sum(one[i] for one in lengths[: self.world.rank]) for i in (0, 2))
        padding = max(one[1] for one in lengths) - self.own_id_BO.shape[1]
        own_id_MO = join(torch.nn.functional.pad(self.own_id_BO, (0, padding), value=-1))
        text_id_S, node_M = join(self.text_id_T), join(self.node_B)
        first_S = find_first(text_id_S)
        right_BS, known_BS = self.matcher.match(self.node_B, self.own_id_BO, text_id_S)
        right_MT, known_MT = self.matcher.match(node_M, own_id_MO, self.text_id_T)
        return Gathered(
            join(self.image_BD), join(self.text_TD), node_M, text_id_S, join(self.text_node_T),
            join(self.aspect_T), first_S, first_S[text_at : text_at + len(self.text_id_T)], image_at, text_at,
            right_BS, known_BS & first_S, right_MT.T, known_MT.T,
        )  # fmt: skip


def find_first(ids_S: torch.Tensor) -> torch.Tensor:
    """Returns bool [S]: whether no equal id stands earlier."""
    import torch

    order = torch.sort(ids_S, stable=True)
    starts = torch.ones_like(ids_S, dtype=torch.bool)
    starts[1:] = order.values[1:] != order.values[:-1]
    first_S = torch.empty_like(starts)
    first_S[order.indices] = starts
    return first_S


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The end of one optimiser step.

    Reported when the next step has been launched, so that the device is never waited for.

    step: from 1, counted since the start of the run and continued by a resumed run. epoch: from 1.
    loss: of this step's batch. losses: its parts by name, weighted. learning_rate: of this step.
    logit_scale: of this step, exponentiated. gradient_norm: before clipping.
    images_per_second: over this step, including the wait for data, not what came between steps (checkpoints, validation).
    data_wait, data_wait_fraction: seconds and fraction of the step spent waiting for data.
    memory: peak bytes allocated on a CUDA device; else the process's resident bytes. folder: of the run.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    logit_scale: float
    images_per_second: float
    folder: Path
    losses: Mapping[str, float]
    gradient_norm: float
    data_wait: float
    data_wait_fraction: float
    memory: int


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The end of one epoch, after its checkpoint. epoch: from 1. mean_loss: over its steps. folder: of the run."""

    epoch: int
    mean_loss: float
    folder: Path


@dataclass(frozen=True, slots=True)
class Validated:
    """The result of a validation.

    step, epoch: completed. metrics: name → value (`evaluation.rank_metrics.compute_metrics`); those of a loss's linear head
    begin with the loss's name. metric: the one that chooses the best checkpoint. is_best: whether this is the best so far.
    images: number of images. seconds: that it took. folder: of the run.
    """

    step: int
    epoch: int
    metrics: Mapping[str, float]
    metric: str
    is_best: bool
    images: int
    seconds: float
    folder: Path


@dataclass(slots=True)
class RunContext:
    """A training run, for hooks. Only the main process calls them.

    config: its configuration (`training.config.TrainConfig`). folder: of the run. taxonomy: the classes.
    encoder: the model (`components.TrainableEncoder`). ema: the averaged model's module, None without one.
    step: completed so far. total_steps: the length of the run. metrics: name → value of the last validation; what a hook
    adds is saved in checkpoints and in the exported model's card. save: asks for a checkpoint after the step at hand, since
    all processes take part in it.
    """

    config: Any
    folder: Path
    taxonomy: Taxonomy
    encoder: Any
    ema: torch.nn.Module | None
    step: int
    total_steps: int
    metrics: dict[str, float]
    save: Callable[[], Path | None]
