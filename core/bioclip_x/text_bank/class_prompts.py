"""Runs the recipe's text builders and puts their prompts in class order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bioclip_x.errors import ComponentError, RecipeError
from bioclip_x.faults import describe, naming, summarise
from bioclip_x.hooks.components import TextBuilder
from bioclip_x.hooks.returned import check_prompts
from bioclip_x.messages import pluralise
from bioclip_x.prints import diverted
from bioclip_x.prompts import DescriptorSet, load_descriptors
from bioclip_x.recipe import Recipe
from bioclip_x.records import ModelCard, Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy import Taxonomy


def make_text_request(
    taxonomy: Taxonomy, recipe: Recipe, card: ModelCard, descriptors: DescriptorSet | None
) -> TextRequest:
    """Makes the request for the texts of all classes. descriptors: the recipe's; None for the model's own."""
    if descriptors is None and card.descriptors:
        descriptors = replace(load_descriptors(card.descriptors), source=f"{card.name}: {card.descriptors.name}")
    return TextRequest(
        taxonomy=taxonomy,
        classes=range(taxonomy.n_classes),
        language=recipe.language,
        descriptors=descriptors,
        missing=recipe.missing,
    )


def write_prompts(builders: Sequence[TextBuilder], request: TextRequest) -> PromptSet:
    """Collects all builders' prompts, sorted by class, with a note on classes that have the same texts.

    Raises RecipeError if a class has no prompt.
    """
    prompts: list[Prompt] = []
    notes: list[str] = []
    for builder in builders:
        written = _build(builder, request)
        prompts.extend(written.prompts)
        notes.extend(written.notes)
    without = set(request.classes) - {prompt.class_index for prompt in prompts}
    if without:
        example = request.taxonomy.class_taxon(min(without)).name
        classes = pluralise(len(without), "class", "classes")
        raise RecipeError(f"no text builder wrote a text for {classes}, among them {example!r}")
    prompts.sort(key=lambda prompt: prompt.class_index)  # stable: within a class, builders keep their order
    tied = find_shared_texts(prompts)
    if tied:
        names = ", ".join(request.taxonomy.class_taxon(c).name for c in tied[0][:3])
        groups = pluralise(len(tied), "group")
        notes.append(f"{groups} of classes with identical texts, which cannot be distinguished; first: {names}")
    return PromptSet(tuple(prompts), tuple(notes))


def _build(builder: TextBuilder, request: TextRequest) -> PromptSet:
    """Runs a builder. If it fails, it is run on halves of the classes until the one is found at which it fails."""
    try:
        with naming(builder, "build"):
            written = builder.build(request)
    except ComponentError as failure:
        name = _find_failing_class(builder, request)
        if name is None or not failure.__cause__:
            raise
        raise ComponentError(
            f"{describe(builder)} failed in build at the class {name!r}: {summarise(failure.__cause__)}"
        ) from failure.__cause__
    return check_prompts(builder, written, request.classes)


def _find_failing_class(builder: TextBuilder, request: TextRequest) -> str | None:
    """Returns the name of a class for which alone a builder fails; None if it fails for several together only."""
    classes = request.classes
    while len(classes) > 1:
        halves = classes[: len(classes) // 2], classes[len(classes) // 2 :]
        failing = [half for half in halves if _fails(builder, replace(request, classes=half))]
        if not failing:
            return None
        classes = failing[0]
    return request.taxonomy.class_taxon(classes[0]).name if classes else None


def _fails(builder: TextBuilder, request: TextRequest) -> bool:
    try:
        with diverted():
            builder.build(request)
    except (Exception, SystemExit):
        return True
    return False


def find_shared_texts(prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
    """Returns the groups of classes with identical sets of texts."""
    texts: dict[int, set[str]] = defaultdict(set)
    for prompt in prompts:
        texts[prompt.class_index].add(prompt.text)
    groups: dict[frozenset[str], list[int]] = defaultdict(list)
    for class_index, class_texts in texts.items():
        groups[frozenset(class_texts)].append(class_index)
    return [tuple(group) for group in groups.values() if len(group) > 1]
