"""The classifier at hand, made from what is chosen, and what the page shows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bioclip_x.app.choices import NONE, OWN, Choices, Settings
from bioclip_x.app.names import NameSearch
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import (
    LoadedEncoderCapabilities,
    ReportCapabilities,
    ScorerCapabilities,
    get_capabilities,
)
from bioclip_x.hooks.components import CardReport
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.classifier import Classifier
from bioclip_x.recipe import Recipe
from bioclip_x.records import Provenance

LOADING = ("model", "encoder", "device", "precision", "preprocess")
"""Fields of a recipe that determine the model in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """settings: the choice that it was made from. number: of the choice, counted from 1."""

    settings: Settings
    classifier: Classifier
    provenance: Provenance
    names: NameSearch
    number: int

    @property
    def has_own_descriptors(self) -> bool:
        return bool(self.classifier.encoder.card.descriptors)

    def describe(self) -> dict[str, Any]:
        """Returns what the page shows: model, classes, what the numbers mean, and what can be asked."""
        provenance = self.provenance
        scorer = get_capabilities(self.classifier.scorer, ScorerCapabilities)
        names = ("model", "revision", "demo", "taxonomy", "n_classes", "n_prompts", "probabilities", "version")
        about: dict[str, Any] = {name: getattr(provenance, name) for name in names}
        return about | {
            "notes": list(provenance.notes),
            "reads_phrases": self.classifier.labelled_scorer is None,
            "strikes": scorer.pools_prompts and self.classifier.recipe.explain,
            "explains": self.classifier.recipe.explain,
            "no_maps": get_capabilities(self.classifier.encoder, LoadedEncoderCapabilities).no_patches,
        }


def load(
    registry: Registry,
    choices: Choices,
    settings: Settings,
    before: Loaded | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Loaded:
    """Makes the classifier of a choice; the model of `before` is used again if it is the same.

    Raises BioclipXError for a choice that is not possible, and for a recipe without a model of images.
    """
    recipe, notes = choices.make_recipe(settings)
    loaded = before.classifier.encoder if before and _is_same_model(before.classifier.recipe, recipe) else None
    classifier = Classifier(registry=registry, recipe=recipe, loaded=loaded, progress=progress)
    if classifier.precomputed_scorer:
        raise RecipeError(
            f"the scorer {classifier.scorer_name} reads scores that are computed already; the app names new photos"
        )
    provenance = replace(classifier.provenance, notes=(*notes, *classifier.provenance.notes))
    names = NameSearch(classifier.taxonomy, recipe.language)
    return Loaded(settings, classifier, provenance, names, before.number + 1 if before else 1)


def load_first(registry: Registry, choices: Choices, *, is_plain: bool, progress: Callable[[int, int], None]) -> Loaded:
    """Makes the classifier of the command line; where that says nothing of texts, with the model's own descriptors, if any.

    is_plain: whether nothing chooses the texts. A page that explains names needs texts that say something.
    """
    first = load(registry, choices, choices.first, progress=progress)
    if not is_plain or not first.has_own_descriptors or first.settings.descriptors != NONE:
        return first
    described = load(registry, choices, replace(first.settings, descriptors=OWN), first, progress)
    return replace(described, number=1)


def find_card_report(registry: Registry) -> CardReport:
    """Finds the report whose cards the page shows. Raises RecipeError if no plugin has one."""
    for report in registry.make_all("reports").values():
        if get_capabilities(report, ReportCapabilities).cards:
            card_report: CardReport = report
            return card_report
    raise RecipeError("no loaded plugin has a report with cards, which the app shows")


def _is_same_model(one: Recipe, other: Recipe) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in LOADING)
