"""Decides on an image again: with some texts left out, or compared with another taxon.

Legend: P prompts, C classes, D embedding.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x.app.known_image import KnownEncoder, KnownImage
from bioclip_x.errors import RecipeError
from bioclip_x.explain.contrast import find_asked_node
from bioclip_x.hooks.capabilities import ScorerCapabilities, get_capabilities
from bioclip_x.messages import pluralise
from bioclip_x.records import Result, TextBank

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

MOST_PROMPTS: Final = 1 << 18
"""Prompts of a bank that is copied without some of them, which takes a moment and as much memory again."""

ClassText = tuple[int, str]
"""The index of a class, and one of its prompts."""


@dataclass(frozen=True, slots=True)
class Variant:
    """struck: prompts that are left out. why_not: the name of a taxon to compare with; "" for the second best."""

    struck: tuple[ClassText, ...] = ()
    why_not: str = ""


def decide_again(classifier: Classifier, image: KnownImage, variant: Variant) -> Result:
    """Returns the result of an image under a variant, from its known embedding.

    Raises RecipeError for a text or taxon that there is not, for all texts of a class, and where the scorer's class scores
    are not made of single texts.
    """
    recipe, registry = classifier.recipe, classifier.registry
    if variant.why_not and not recipe.explain:
        raise RecipeError("explanations are switched off, so two taxa cannot be compared")
    asked = find_asked_node(classifier.taxonomy, variant.why_not) if variant.why_not else None
    bank = leave_out(classifier, variant.struck) if variant.struck else None
    # A scorer keeps what it computes of its bank, and the classifier's own goes on classifying in another thread.
    scorer = registry.make("scorers", recipe.scorer.name, recipe.scorer.options) if bank else None
    encoder = KnownEncoder(classifier.encoder, image)
    with torch.inference_mode():
        [result] = classifier.batches.vary(bank=bank, scorer=scorer, asked=asked, encoder=encoder).classify(
            [image.decode()]
        )
    return replace(result, notes=image.result.notes)


def leave_out(classifier: Classifier, struck: Collection[ClassText]) -> TextBank:
    """Returns the classifier's bank without some prompts. Raises RecipeError as `decide_again`."""
    if not get_capabilities(classifier.scorer, ScorerCapabilities).pools_prompts:
        raise RecipeError(f"the scorer {classifier.scorer_name} does not score by single texts; none can be left out")
    bank = classifier.bank
    if len(bank.prompts) > MOST_PROMPTS:
        raise RecipeError(
            f"there are {pluralise(len(bank.prompts), 'text')}; up to {MOST_PROMPTS:,}, single ones can be left out"
        )
    return remove_prompts(bank, find_rows(bank, struck))


def find_rows(bank: TextBank, struck: Collection[ClassText]) -> list[int]:
    """Finds the rows of prompts. Raises RecipeError for one that there is not."""
    rows = []
    for class_index, text in struck:
        of_class = bank.of_class(class_index) if 0 <= class_index < bank.n_classes else slice(0, 0)
        found = [of_class.start + at for at, prompt in enumerate(bank.prompts[of_class]) if prompt.text == text]
        if not found:
            raise RecipeError(f"class {class_index} has no text {text!r}")
        rows += found
    return rows


def remove_prompts(bank: TextBank, rows: Sequence[int]) -> TextBank:
    """Returns the bank without some rows, and the mean text of what is left.

    Raises RecipeError for the last prompt of a class: a class without texts has no score.
    """
    is_kept_P = np.ones(len(bank.owner_P), bool)
    is_kept_P[list(rows)] = False
    kept_P = np.flatnonzero(is_kept_P)
    owner_P = bank.owner_P[kept_P]
    changed = np.unique(bank.owner_P[~is_kept_P])
    if not np.isin(changed, owner_P).all():
        raise RecipeError("the last text of a class cannot be left out: a class without texts has no score")
    index_P = torch.from_numpy(kept_P)
    left = replace(
        bank,
        prompts=tuple(bank.prompts[int(row)] for row in kept_P),
        embeddings_PD=bank.embeddings_PD[index_P],
        half_PD=None if bank.half_PD is None else bank.half_PD[index_P],
        owner_P=owner_P,
        weight_P=bank.weight_P[kept_P],
        key="",
        content="",
    )
    return replace(left, mean_D=update_mean_text(bank, left, changed.tolist()))


def update_mean_text(bank: TextBank, left: TextBank, changed: Sequence[int]) -> torch.Tensor | None:
    """Returns the mean text of `left`, in which only the classes `changed` differ: float64 [D]."""
    if bank.mean_D is None:
        return None
    mean_D = bank.mean_D.clone()
    for class_index in changed:
        mean_D += (_compute_class_mean(left, class_index) - _compute_class_mean(bank, class_index)) / bank.n_classes
    return mean_D


def _compute_class_mean(bank: TextBank, class_index: int) -> torch.Tensor:
    rows = bank.of_class(class_index)
    weight_P = torch.from_numpy(bank.weight_P[rows]).double()
    return (weight_P @ bank.embeddings_PD[rows].double()) / weight_P.sum()
