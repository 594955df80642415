"""Labelled images on the command line: finds the data set, and embeds its images with a recipe's classifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bioclip_x.cli.outputs.collisions import Paths, check_outputs, list_recipe_files
from bioclip_x.errors import CalibrationError
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import prepare_dataset
from bioclip_x.io.labels import read_labels

if TYPE_CHECKING:
    from bioclip_x.evaluation.labelled_images import LabelledImages
    from bioclip_x.hooks.components import Dataset
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.recipe import Recipe

FIELDS: Final = (
    "model", "encoder", "device", "precision", "bank_precision", "preprocess", "truncated",
    "full_decoding", "taxonomy", "taxonomy_format", "dag", "labels", "subset", "beside", "text", "language", "descriptors",
    "missing", "background", "inherit", "pooling", "scorer", "adjust",
    "batch_size", "workers",
)  # fmt: skip
"""Recipe fields that determine the logits. Head, rank and depth are applied later."""


def check_dataset_outputs(
    registry: Registry, images: str, outputs: Paths, inputs: Paths, recipes: Sequence[Recipe]
) -> None:
    """Raises BioclipXError if an output would replace what is read: the files of recipes, or the data set's own.

    images: as for `find_dataset`.
    """
    from bioclip_x.cli.outputs.recipe_files import iterate_option_files
    from bioclip_x.hooks.options import parse_ref

    data = [images]
    if not Path(images).exists() and (ref := parse_ref(images)).name in registry.components("datasets"):
        data = [str(path) for path in iterate_option_files(registry, "datasets", ref)]
    check_outputs(outputs, inputs, recipe_files=list_recipe_files(registry, *recipes), images=data)


def prepare_fields(fields: dict[str, Any]) -> None:
    """Converts option values for a recipe, and turns off Pillow's warnings."""
    warnings.filterwarnings("ignore", module="PIL")
    if fields["labels"] is not None:
        fields["labels"] = read_labels(fields["labels"])


def find_dataset(registry: Registry, images: str) -> tuple[Dataset, str]:
    """Makes the data set of a folder, a table, or a name (field-guide:count=500); returns it with its name for outputs.

    Raises CalibrationError for anything else.
    """
    from bioclip_x.hooks.options import parse_ref

    path = Path(images)
    file_type = "folder" if path.is_dir() else path.suffix.lower()
    known: list[str] = []
    for name, target in registry.targets("datasets").items():
        capabilities = get_capabilities(target, DatasetCapabilities)
        if file_type in capabilities.reads:
            options = {capabilities.path_option: path, **capabilities.evaluation_options}
            return registry.make("datasets", name, options), path.resolve().name
        known += [suffix for suffix in capabilities.reads if suffix.startswith(".")]
    ref = parse_ref(images)
    if ref.name not in registry.components("datasets"):
        raise CalibrationError(
            f"{images}: no such folder; expected a folder of folders named by class, a table ({', '.join(known)}) with the "
            f"columns path and label, or a data set by name: {', '.join(registry.components('datasets'))}"
        )
    return registry.make("datasets", ref.name, ref.options), str(ref)


def embed_dataset(
    registry: Registry,
    dataset: Dataset,
    *,
    recipe: Path | None,
    plugins: Sequence[str],
    fields: dict[str, Any],
    quiet: bool,
    check_recipe: Callable[[Recipe], object],
    check: Callable[[Classifier], object] = lambda classifier: None,
) -> tuple[Classifier, tuple[str, ...], LabelledImages]:
    """Embeds a data set; returns the recipe's classifier, uncalibrated, notes on recipe and labels, and the images.

    check_recipe, check: called with the resolved recipe, and with the classifier, before images are read; raise if it is
        unsuitable.
    """
    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.evaluation.labelled_images import embed_labelled_images
    from bioclip_x.evaluation.own_classes import find_own_taxonomy
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.progress import Progress

    resolved, recipe_notes = resolve(registry, file=recipe, plugins=plugins, flags=fields)
    check_recipe(resolved)
    resolved = resolved.model_copy(update={"calibration": "none", "depth": None})
    with Progress(enabled=not quiet) as progress:
        classes = find_own_taxonomy(dataset, resolved)
        classifier = Classifier(registry=registry, recipe=resolved, taxonomy=classes, progress=progress.texts)
        check(classifier)
        classifier.files.serve(dataset)
        notes = (*recipe_notes, *prepare_dataset(dataset, classifier.taxonomy))
        return classifier, notes, embed_labelled_images(classifier, dataset, progress.labelled)
