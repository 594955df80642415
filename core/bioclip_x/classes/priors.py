"""Priors on classes, added to their logits before the softmax.

Legend: B images, C classes, c classes of a part, I inner taxa.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch

from bioclip_x.components import LogitAdjustment
from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.recipe import Recipe
from bioclip_x.records import Logits, Source
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Adjustments:
    """The recipe's adjustments, by name, for one taxonomy."""

    by_name: Mapping[str, LogitAdjustment]
    taxonomy: Taxonomy

    def notes(self) -> tuple[str, ...]:
        """What they say of themselves."""
        return tuple(note for one in self.by_name.values() for note in one.notes(self.taxonomy))

    def of(self, logits: Logits, sources: Sequence[Source]) -> Logits:
        """Logits with all offsets added. Raises RecipeError where nothing is left, PluginError for a wrong shape or nan."""
        if not self.by_name:
            return logits
        offsets = {name: self._offsets(name, one, sources) for name, one in self.by_name.items()}
        offsets_CB = reduce(torch.add, offsets.values())
        if bool((offsets_CB == -torch.inf).all(0).any()):
            raise RecipeError(
                f"{', '.join(self.by_name)}: together they exclude every class; nothing is left to be named"
            )
        return replace(adjusted(logits, offsets_CB, self.taxonomy), offsets=offsets)

    def _offsets(self, name: str, one: LogitAdjustment, sources: Sequence[Source]) -> torch.Tensor:
        offsets = one.offsets(self.taxonomy, sources)
        n_classes, n_images = self.taxonomy.n_classes, len(sources)
        shape = tuple(offsets.shape) if isinstance(offsets, torch.Tensor) else type(offsets).__name__
        if shape not in ((n_classes,), (n_classes, n_images)):
            raise PluginError(
                f"the logit adjustment {name!r} must return offsets of shape {(n_classes,)} or {(n_classes, n_images)} "
                f"(classes, pictures); it returned {shape}"
            )
        if bool(offsets.isnan().any()) or bool((offsets == torch.inf).any()):
            raise PluginError(
                f"the logit adjustment {name!r} returned nan or +inf; only finite offsets and -inf are allowed"
            )
        return offsets.float() if offsets.ndim == 2 else offsets.float()[:, None]


def adjustments_of(registry: Registry, recipe: Recipe, taxonomy: Taxonomy) -> Adjustments:
    """The recipe's adjustments, made; nothing is read yet."""
    made = {str(ref): registry.make("adjust_logits", ref.name, ref.options) for ref in recipe.adjust}
    return Adjustments(made, taxonomy)


def adjusted(logits: Logits, offsets_CB: torch.Tensor, taxonomy: Taxonomy) -> Logits:
    """Logits plus offsets, float32 [C, B] or [C, 1], as they are made.

    An inner taxon with a text of its own gets the largest offset below it: it is excluded only if all its classes are.
    """
    inner_IB = logits.inner_IB
    if inner_IB is not None:
        inner_IB = inner_IB + highest_below(offsets_CB, taxonomy).to(inner_IB.device)

    def add(start: int, stop: int, part_cB: torch.Tensor) -> torch.Tensor:
        return part_cB.add_(offsets_CB[start:stop].to(part_cB.device))

    return replace(logits.map(add), inner_IB=inner_IB)


def highest_below(offsets_CB: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """[I, B]: for each inner taxon the largest offset among the classes at or below it."""
    nodes_I = taxonomy.inner_taxa
    if not len(nodes_I):
        return offsets_CB.new_zeros((0, offsets_CB.shape[1]))
    # A row more, since a range may end where the classes do. Of start, stop, start, … every second segment is a range.
    rows = np.vstack([offsets_CB.numpy(), np.zeros((1, offsets_CB.shape[1]), np.float32)])
    ranges = np.stack([taxonomy.leaf_start_N[nodes_I], taxonomy.leaf_stop_N[nodes_I]], axis=1).ravel()
    return torch.from_numpy(np.maximum.reduceat(rows, ranges, axis=0)[::2])
