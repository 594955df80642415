"""A list of the species that can be met, as a limit or as a prior.

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
"""Of a prior, in log-odds, unless another is given."""


@dataclass(frozen=True, eq=False, slots=True)
class _Prepared:
    """What the list comes to in one taxonomy. offsets_C: float32 [C]."""

    taxonomy: Taxonomy
    offsets_C: torch.Tensor
    notes: tuple[str, ...]


class SpeciesList:
    """Classes at or below a taxon of the list are favoured (`prior`), or are the only ones (`hard`).

    file: names, one a line, or any taxonomy file, whose classes are taken. mode, strength: hard adds -inf to the logit of a
    class off the list. prior adds -strength to it, so that p(class) ∝ exp(logit - strength·[off the list]): the odds of any
    class on the list against any off it are exp(strength) times as high (20 times by default). Names are found by
    rank, name, ids and synonyms; what is lost or ambiguous is told in the notes.
    """

    def __init__(self, file: Path, *, mode: Literal["hard", "prior"] = "hard", strength: float | None = None) -> None:
        if strength is not None and mode == "hard":
            raise RecipeError(f"species-list: strength={strength:g} is of mode=prior; a hard list excludes altogether")
        strength = STRENGTH if strength is None else strength
        self.file, self.mode, self.strength = file, mode, strength
        self._prepared: _Prepared | None = None
        if not (math.isfinite(strength) and strength > 0):
            raise RecipeError(f"species-list: expected a strength above 0 (log-odds), got {strength}")

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """float32 [C], the same for every image. Raises TaxonomyError where no name of the list is found."""
        return self._prepare(taxonomy).offsets_C

    def notes(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Which mode, how many classes are on the list, and which names are not found. Raises as `offsets` does."""
        return self._prepare(taxonomy).notes

    def _prepare(self, taxonomy: Taxonomy) -> _Prepared:
        if self._prepared is None or self._prepared.taxonomy is not taxonomy:
            self._prepared = self._made(taxonomy)
        return self._prepared

    def _made(self, taxonomy: Taxonomy) -> _Prepared:
        import torch

        listed = match_list(Resolver(taxonomy), read_species_list(create_registry(**from_environment()), self.file))
        if not listed.nodes:
            unmatched = listed.unknown_with_suggestions or list_some(listed.ambiguous)
            raise TaxonomyError(
                f"species-list: none of the {listed.n} names in {self.file} is one taxon of "
                f"{taxonomy.source or 'the taxonomy'}, so no class is left: {unmatched}"
            )
        mask_C = mask_of(taxonomy, listed.nodes)
        off = -math.inf if self.mode == "hard" else -self.strength
        offsets_C = torch.where(torch.from_numpy(mask_C), 0.0, off).float()
        count = f"{int(mask_C.sum())} of {taxonomy.n_classes} classes are on it"
        effect = (
            "the others are excluded"
            if self.mode == "hard"
            else f"the logits of the others are lowered by {self.strength:g}"
        )
        told = f"species list {self.file} ({self.mode}): {count}; {effect}"
        return _Prepared(taxonomy, offsets_C, (told, *listed.notes(str(self.file))))
