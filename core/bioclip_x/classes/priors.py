"""Prior knowledge about classes, added to their logits before the softmax.

Legend: B images, C classes, c classes of a chunk, T inner taxa.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import cast

import numpy as np
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.capabilities import LogitAdjustmentCapabilities, get_capabilities
from bioclip_x.hooks.components import LogitAdjustment, NotingAdjustment
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import check_texts, is_plain_tensor
from bioclip_x.limits import OFFSET
from bioclip_x.messages import list_some
from bioclip_x.recipe import Recipe
from bioclip_x.records import Logits, Source
from bioclip_x.taxonomy import Taxonomy

Offsets = Mapping[str, torch.Tensor]
"""Adjustment → offsets to the logits: float32 [C, B], or [C, 1] if they are the same for all images."""


@dataclass(frozen=True, eq=False)
class Adjustments:
    """The recipe's logit adjustments, by name, for one taxonomy."""

    by_name: Mapping[str, LogitAdjustment]
    taxonomy: Taxonomy

    def notes(self) -> tuple[str, ...]:
        """Returns the notes of all adjustments."""
        notes: list[str] = []
        for adjustment in self.by_name.values():
            with naming(adjustment, "notes"):
                own = adjustment.notes(self.taxonomy)
            notes += check_texts(adjustment, "notes", own, "notes")
        return tuple(notes)

    def collect_image_notes(self, sources: Sequence[Source]) -> list[tuple[str, ...]]:
        """Returns what the adjustments that declare it say of each image. Raises PluginError for notes of another form."""
        notes: list[tuple[str, ...]] = [()] * len(sources)
        for adjustment in self.by_name.values():
            if get_capabilities(adjustment, LogitAdjustmentCapabilities).image_notes:
                added = _note_checked(cast(NotingAdjustment, adjustment), self.taxonomy, sources)
                notes = [(*before, *new) for before, new in zip(notes, added, strict=True)]
        return notes

    def compute_offsets(self, sources: Sequence[Source]) -> Offsets:
        """Computes the offsets for a batch of images.

        Raises RecipeError if no class is left whatever the image, PluginError for offsets of a wrong shape, NaN or +inf, or
        so large that sums of exponentials lose the logits.
        """
        offsets = {name: self._compute_checked(one, sources) for name, one in self.by_name.items()}
        are_general = all(
            one.shape[1] == 1 for one in offsets.values()
        )  # else it is of these images, not of the request
        if offsets and are_general and bool((sum_offsets(offsets) == -torch.inf).all()):
            raise RecipeError(f"{', '.join(self.by_name)}: together they exclude every class; no class is left")
        return offsets

    def _compute_checked(self, adjustment: LogitAdjustment, sources: Sequence[Source]) -> torch.Tensor:
        with naming(adjustment, "offsets", list_some([source.name for source in sources], 1)):
            offsets = adjustment.offsets(self.taxonomy, sources)
        n_classes, n_images = self.taxonomy.n_classes, len(sources)
        shape = tuple(offsets.shape) if is_plain_tensor(offsets) else None
        if shape not in ((n_classes,), (n_classes, n_images)):
            expected = f"a tensor of shape {(n_classes,)} or {(n_classes, n_images)} (classes, images)"
            refuse(adjustment, "offsets", expected, offsets)
        if offsets.is_complex():
            refuse(adjustment, "offsets", "real numbers", offsets)
        if bool(offsets.isnan().any()) or bool((offsets == torch.inf).any()):
            refuse(adjustment, "offsets", "finite offsets and -inf only", "nan or +inf")
        if bool((offsets > OFFSET).any()):
            refuse(adjustment, "offsets", f"offsets of at most {OFFSET:g}", float(offsets.max()))
        return offsets.float() if offsets.ndim == 2 else offsets.float()[:, None]


def _note_checked(
    adjustment: NotingAdjustment, taxonomy: Taxonomy, sources: Sequence[Source]
) -> Sequence[Sequence[str]]:
    with naming(adjustment, "image_notes", list_some([source.name for source in sources], 1)):
        notes = adjustment.image_notes(taxonomy, sources)
    are_lists = isinstance(notes, Sequence) and all(isinstance(one, list | tuple) for one in notes)
    if not are_lists or len(notes) != len(sources) or not all(isinstance(text, str) for one in notes for text in one):
        refuse(adjustment, "image_notes", f"a list of texts for each of {len(sources)} images", notes)
    return notes


def make_adjustments(registry: Registry, recipe: Recipe, taxonomy: Taxonomy) -> Adjustments:
    """Creates the recipe's adjustments. Reads no file yet."""
    by_name = {str(ref): registry.make("adjust_logits", ref.name, ref.options) for ref in recipe.adjust}
    return Adjustments(by_name, taxonomy)


def sum_offsets(offsets: Offsets) -> torch.Tensor:
    """Sums the offsets of one or more adjustments: float32 [C, B] or [C, 1]."""
    return reduce(torch.add, offsets.values())


def add_offsets(logits: Logits, offsets_CB: torch.Tensor) -> Logits:
    """Adds offsets, float32 [C, B] or [C, 1], to logits chunk by chunk."""
    return logits.map(lambda start, stop, part_cB: part_cB.add_(offsets_CB[start:stop].to(part_cB.device)))


def add_offsets_to_inner(logits_TB: torch.Tensor, offsets_CB: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Adds to the logits of each inner taxon the largest offset of the classes at or below it: [T, B].

    An inner taxon is thus excluded only if all its classes are.
    """
    return logits_TB + find_largest_offsets_below(offsets_CB, taxonomy).to(logits_TB.device)


def find_largest_offsets_below(offsets_CB: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Returns for each inner taxon the largest offset of the classes at or below it: [T, B]."""
    nodes_T = taxonomy.inner_taxa
    if not len(nodes_T):
        return offsets_CB.new_zeros((0, offsets_CB.shape[1]))
    # reduceat needs a row after the last class. Of start, stop, start, … every second segment is a range.
    rows = np.vstack([offsets_CB.numpy(), np.zeros((1, offsets_CB.shape[1]), np.float32)])
    ranges = np.stack([taxonomy.leaf_start_N[nodes_T], taxonomy.leaf_stop_N[nodes_T]], axis=1).ravel()
    return torch.from_numpy(np.maximum.reduceat(rows, ranges, axis=0)[::2])
