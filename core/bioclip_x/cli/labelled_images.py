"""LabelledLogits images on the command line: the data set that is meant, and its images embedded by a recipe's classifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bioclip_x.capabilities import DatasetCapabilities
from bioclip_x.cli.classify import read_labels
from bioclip_x.errors import CalibrationError
from bioclip_x.registry import Registry, get_capabilities

if TYPE_CHECKING:
    from bioclip_x.components import Dataset
    from bioclip_x.evaluation.labelled_images import LabelledImages
    from bioclip_x.inference.classifier import Classifier

FIELDS: Final = (
    "model", "encoder", "device", "precision", "bank_precision", "preprocess", "taxonomy", "taxonomy_format", "dag", "labels",
    "subset", "text", "language", "descriptors", "missing", "background", "inherit", "pooling", "scorer", "adjust",
    "batch_size", "workers",
)  # fmt: skip
"""What decides the numbers. Head, rank and depth come after."""


def prepare(fields: dict[str, Any]) -> None:
    """Flags as a recipe wants them; and Pillow's warnings, of which each image has its own word, are turned off."""
    warnings.filterwarnings("ignore", module="PIL")
    fields["labels"] = read_labels(fields["labels"])


def find_dataset(registry: Registry, pictures: str) -> tuple[Dataset, str]:
    """The data set, and what outputs call it: a folder, a table, or one by its name (field-guide:count=500).

    Raises CalibrationError for what is none of these.
    """
    from bioclip_x.options import parse_ref

    path = Path(pictures)
    what = "folder" if path.is_dir() else path.suffix.lower()
    known: list[str] = []
    for name in registry.components("datasets"):
        capabilities = get_capabilities(registry.target("datasets", name), DatasetCapabilities)
        if what in capabilities.reads:
            options = {capabilities.path_option: path, **capabilities.evaluation_options}
            return registry.make("datasets", name, options), path.resolve().name
        known += [suffix for suffix in capabilities.reads if suffix.startswith(".")]
    ref = parse_ref(pictures)
    if ref.name not in registry.components("datasets"):
        raise CalibrationError(
            f"{pictures}: no such folder; expected a folder of folders named by class, a table ({', '.join(known)}) with the "
            f"columns path and label, or a data set by name: {', '.join(registry.components('datasets'))}"
        )
    return registry.make("datasets", ref.name, ref.options), str(ref)


def embed(
    registry: Registry,
    dataset: Dataset,
    *,
    recipe: Path | None,
    plugins: Sequence[str],
    fields: dict[str, Any],
    quiet: bool,
    check: Callable[[Classifier], object] = lambda classifier: None,
) -> tuple[Classifier, tuple[str, ...], LabelledImages]:
    """The recipe's classifier, uncalibrated; notes on recipe and labels; and the images.

    check: called with the classifier before any image is looked at; raises where it will not do.
    """
    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.cli.render.progress import Progress
    from bioclip_x.evaluation.labelled_images import embed_labelled_images
    from bioclip_x.inference.classifier import Classifier

    resolved, told = resolve(registry, file=recipe, plugins=plugins, flags=fields)
    resolved = resolved.model_copy(update={"calibration": "none", "depth": None})
    with Progress(enabled=not quiet) as progress:
        classifier = Classifier(registry=registry, recipe=resolved, progress=progress.texts)
        check(classifier)
        notes = (*told, *dataset.prepare(classifier.taxonomy))
        return classifier, notes, embed_labelled_images(classifier, dataset, progress.labelled)
