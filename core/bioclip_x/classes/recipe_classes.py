"""What pictures may be named as: the list of classes, the part of it that is asked for, and under whose names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bioclip_x.classes.priors import Adjustments, adjustments_of
from bioclip_x.classes.subset import part_of
from bioclip_x.classes.taxonomy_files import listed_taxonomy, own_taxonomy, read_taxonomy
from bioclip_x.components import Encoder, OwnScores
from bioclip_x.errors import RecipeError
from bioclip_x.messages import some
from bioclip_x.models import own_classes
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.registry import Registry
from bioclip_x.settings import cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.crosswalk import Crosswalk


@dataclass(frozen=True, eq=False)
class Classes:
    """tree: of the classes. whole: of all that were listed, the same where no subset is asked for. of_whole: int32 [C], the
    class there of each. own: the model's own list, where nothing else was listed. adjustments: priors on them. crosswalk: to
    the taxonomy under whose names is reported.
    """

    tree: Taxonomy
    whole: Taxonomy
    of_whole: npt.NDArray[np.int32]
    own: OwnClasses | None
    adjustments: Adjustments
    crosswalk: Crosswalk | None

    @property
    def is_part(self) -> bool:
        return self.tree is not self.whole

    @property
    def reported_ranks(self) -> tuple[str, ...]:
        """Those that the tree has a table for; of labels, those of the taxonomy under whose names is reported."""
        return tuple(self.tree.rank_tables or (self.crosswalk.there.rank_tables if self.crosswalk else ()))

    def notes(self, language: str) -> Iterator[str]:
        """What a reader of the results must know of the list."""
        yield from self.tree.notes
        yield from self.adjustments.notes()
        if self.crosswalk:
            yield from self.crosswalk.notes()
        yield from _doubts(self.tree, language)


def find_classes(
    registry: Registry, recipe: Recipe, family: Encoder, own_scores: OwnScores | None, given: Taxonomy | None = None
) -> Classes:
    """The classes of a recipe; needs no model. Raises BioclipXError for whatever is wrong with the request.

    given: a tree in place of the recipe's. own_scores: the scorer, where it needs no model.
    """
    listed = given or listed_taxonomy(registry, recipe)
    if listed is None and own_scores:
        raise RecipeError(
            f"the scorer {recipe.scorer.name!r} brings no list of classes: give --taxonomy FILE or --labels"
        )
    own = own_classes(family, recipe.model, embeddings=False) if listed is None else None
    whole = listed or own_taxonomy(registry, recipe.model, own)
    part = part_of(registry, recipe.subset, whole)
    trees = cache_folder() / "taxonomies"
    there = read_taxonomy(registry, recipe.report_as, cache=trees) if recipe.report_as else None
    return Classes(
        tree=part.tree,
        whole=whole,
        of_whole=part.classes,
        own=own,
        adjustments=adjustments_of(registry, recipe, part.tree),
        crosswalk=Crosswalk(part.tree, there) if there else None,
    )


def _doubts(taxonomy: Taxonomy, language: str) -> Iterator[str]:
    """What a reader of the results might trip over: names that several classes bear, a language without names."""
    nodes = np.flatnonzero(taxonomy.class_of_N >= 0).tolist()
    names = sorted(taxonomy.names[node] for node in nodes)
    shared = sorted({one for one, other in pairwise(names) if one == other})
    if shared:
        yield f"{len(shared)} names are borne by several classes, told apart by their paths: {some(shared)}"
    languages = taxonomy.languages
    if languages and language not in languages:
        yield f"no class has a common name in language {language!r}; there are names in {some(sorted(languages))}"
