"""The classes of a recipe: their taxonomy, the selected subset, priors, and the taxonomy to report under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bioclip_x.classes.priors import Adjustments, make_adjustments
from bioclip_x.classes.subset import select_subset
from bioclip_x.classes.taxonomy_files import read_listed_taxonomy, read_own_taxonomy, read_taxonomy
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.components import LabelledScorer
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import list_some, pluralise
from bioclip_x.models import Family, load_own_classes
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.names.crosswalk import Crosswalk


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of one recipe.

    tree: their taxonomy, with whatever else a scorer with labels of its own has scores for. requested: without that. whole: the
    taxonomy of all listed classes. of_whole: int32, the index in `whole` of each class of `requested`, except the labels that
    the recipe puts beside it, which come last. own: the model's own list, if the recipe gives no other.
    adjustments: priors on them. crosswalk: to the taxonomy to report under, if it is another.
    """

    tree: Taxonomy
    requested: Taxonomy
    whole: Taxonomy
    of_whole: npt.NDArray[np.int32]
    own: OwnClasses | None
    adjustments: Adjustments
    crosswalk: Crosswalk | None

    @property
    def is_subset(self) -> bool:
        return len(self.of_whole) < self.whole.n_classes

    @property
    def reported_ranks(self) -> tuple[str, ...]:
        """The ranks in the tree's `rank_tables`; for plain labels, those of the taxonomy reported under."""
        return tuple(self.tree.rank_tables or (self.crosswalk.target.rank_tables if self.crosswalk else ()))

    def notes(self, language: str) -> Iterator[str]:
        """Yields notes on the classes for outputs."""
        yield from self.tree.notes
        if self.tree.n_classes == 1:
            only = self.tree.class_taxon(0).name
            yield f"{only} is the only class: every image that is not refused is named so, without a share"
        yield from self.adjustments.notes()
        if self.crosswalk:
            yield from self.crosswalk.notes()
        yield from _describe_names(self.tree, language)


def find_classes(
    registry: Registry,
    recipe: Recipe,
    family: Family | None,
    labelled: LabelledScorer | None,
    given: Taxonomy | None = None,
) -> Classes:
    """Finds the classes of a recipe. Loads no model. Raises BioclipXError for an invalid request.

    given: a tree in place of the recipe's. family: None for an image classifier. labelled: the scorer, if it has labels of its
    own.
    """
    listed = given or read_listed_taxonomy(registry, recipe)
    if listed is None and (labelled or family is None):
        raise RecipeError(
            f"the scorer {recipe.scorer.name!r} brings no list of classes: give --taxonomy FILE or --labels"
        )
    own = load_own_classes(family, recipe.model, embeddings=False) if listed is None and family else None
    whole = listed or read_own_taxonomy(registry, recipe.model, own)
    subset = select_subset(registry, recipe.subset, whole)
    cache = find_cache_folder() / "taxonomies"
    target = read_taxonomy(registry, recipe.report_as, cache=cache) if recipe.report_as else None
    requested = add_beside(subset.tree, recipe.beside)
    tree = labelled.extend(requested, whole) if labelled else requested
    return Classes(
        tree=tree,
        requested=requested,
        whole=whole,
        of_whole=subset.classes,
        own=own,
        adjustments=make_adjustments(registry, recipe, tree),
        crosswalk=Crosswalk(tree, target) if target else None,
    )


def _describe_names(taxonomy: Taxonomy, language: str) -> Iterator[str]:
    """Yields notes on names that several classes share, and on a language without common names."""
    nodes = np.flatnonzero(taxonomy.class_of_N >= 0).tolist()
    names = sorted(taxonomy.names[node] for node in nodes)
    shared = sorted({one for one, other in pairwise(names) if one == other})
    if shared:
        yield f"{pluralise(len(shared), 'name')} of several classes, distinguished by their lineages: {list_some(shared)}"
    languages = taxonomy.languages
    if languages and language not in languages:
        yield f"no class has a common name in language {language!r}; there are names in {list_some(sorted(languages))}"
