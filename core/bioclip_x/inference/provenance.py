"""Makes the provenance record of a run, which every output contains."""

from __future__ import annotations

from collections.abc import Iterator

from bioclip_x import __version__
from bioclip_x.classes.recipe_classes import Classes
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.calibration import AppliedCalibration
from bioclip_x.plugin_versions import list_plugins_in_use
from bioclip_x.recipe import Recipe
from bioclip_x.records import ModelCard, Provenance
from bioclip_x.text_bank.build import ClassBanks


def make_provenance(
    registry: Registry,
    recipe: Recipe,
    classes: Classes,
    banks: ClassBanks,
    card: ModelCard,
    calibration: AppliedCalibration,
) -> Provenance:
    """Collects what is needed to repeat the run and to judge its results."""
    tree, bank = classes.tree, banks.bank
    return Provenance(
        version=__version__,
        model=card.name,
        revision=card.revision,
        demo=card.demo,
        taxonomy=f"{tree.source} ({tree.fingerprint})",
        n_classes=tree.n_classes,
        n_prompts=len(bank.prompts),
        recipe=recipe.dump(),
        notes=tuple(_collect_notes(recipe, classes, banks, card, calibration)),
        ranks=classes.reported_ranks,
        plugins=list_plugins_in_use(registry, recipe),
        **calibration.provenance_fields,
    )


def _collect_notes(
    recipe: Recipe, classes: Classes, banks: ClassBanks, card: ModelCard, calibration: AppliedCalibration
) -> Iterator[str]:
    yield from classes.notes(recipe.language)
    yield from banks.notes
    if recipe.descriptors and not any(prompt.phrase for prompt in banks.bank.prompts):
        yield f"{recipe.descriptors} is not used: none of the chosen text builders reads descriptors"
    if card.demo and not classes.own:
        yield f"{card.name} is a demonstration: its shares are not meaningful for classes other than its own"
    yield from calibration.notes
    if cut := banks.bank.truncated:
        of_texts = f"{cut} of {len(banks.bank.prompts)} texts"
        yield f"{of_texts} are longer than the model's {card.context_length} tokens and were truncated"
