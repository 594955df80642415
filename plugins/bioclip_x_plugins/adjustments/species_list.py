"""Restricts the classes to a list of species, or uses it as a prior.

Legend: C classes, B images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from bioclip_x.plugin import (
    RecipeError,
    Resolver,
    Source,
    Taxonomy,
    TaxonomyError,
    create_registry,
    from_environment,
    list_some,
    mask_of,
    match_list,
    read_species_list,
)

if TYPE_CHECKING:
    import torch


STRENGTH: Final = 3.0
"""Default strength of a prior, in log-odds."""


@dataclass(frozen=True, eq=False, slots=True)
class _Prepared:
    """The list applied to one taxonomy. offsets_C: float32 [C]."""

    taxonomy: Taxonomy
    offsets_C: torch.Tensor
    notes: tuple[str, ...]


class SpeciesList:
    """Favours classes at or below a taxon of the list (`prior`), or excludes all others (`hard`).

    file: names, one per line, or any taxonomy file, whose classes are used. mode, strength: hard adds -inf to the logits of
    classes off the list. prior adds -strength, so that p(class) ∝ exp(logit - strength·[off the list]): the odds of a class
    on the list against one off it increase by a factor of exp(strength) (20 by default). Names are matched by rank, name, ids
    and synonyms; notes list unmatched and ambiguous ones.
    """

    def __init__(self, file: Path, *, mode: Literal["hard", "prior"] = "hard", strength: float | None = None) -> None:
        if strength is not None and mode == "hard":
            raise RecipeError(f"species-list: strength={strength:g} needs mode=prior; a hard list excludes all others")
        strength = STRENGTH if strength is None else strength
        self.file, self.mode, self.strength = file, mode, strength
        self._prepared: _Prepared | None = None
        if not (math.isfinite(strength) and strength > 0):
            raise RecipeError(f"species-list: expected a strength above 0 (log-odds), got {strength}")

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns offsets, float32 [C], for all images. Raises TaxonomyError if no name of the list is matched."""
        return self._prepare(taxonomy).offsets_C

    def notes(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Returns the mode, the number of classes on the list, and unmatched names. Raises as `offsets` does."""
        return self._prepare(taxonomy).notes

    def _prepare(self, taxonomy: Taxonomy) -> _Prepared:
        if self._prepared is None or self._prepared.taxonomy is not taxonomy:
            self._prepared = self._apply(taxonomy)
        return self._prepared

    def _apply(self, taxonomy: Taxonomy) -> _Prepared:
        import torch

        listed = match_list(Resolver(taxonomy), read_species_list(create_registry(**from_environment()), self.file))
        if not listed.nodes:
            unmatched = listed.unknown_with_suggestions or list_some(listed.ambiguous)
            raise TaxonomyError(
                f"species-list: none of the {listed.n} names in {self.file} is one taxon of "
                f"{taxonomy.source or 'the taxonomy'}, so no class is left: {unmatched}"
            )
        mask_C = mask_of(taxonomy, listed.nodes)
        n_taxa = taxonomy.n_classes - taxonomy.n_beside
        count = f"{int(mask_C[:n_taxa].sum())} of {n_taxa} classes are on it"
        mask_C[n_taxa:] = True  # a list of species says nothing of the labels beside the tree, such as blank
        off = -math.inf if self.mode == "hard" else -self.strength
        offsets_C = torch.where(torch.from_numpy(mask_C), 0.0, off).float()
        effect = (
            "the others are excluded"
            if self.mode == "hard"
            else f"the logits of the others are lowered by {self.strength:g}"
        )
        note = f"species list {self.file} ({self.mode}): {count}; {effect}"
        return _Prepared(taxonomy, offsets_C, (note, *listed.notes(str(self.file))))
