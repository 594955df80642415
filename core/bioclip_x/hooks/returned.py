"""Checks what components return: a value of another type or form is an error that names the component and what was expected.

Each function calls no component, or one method of one component, and raises PluginError.

Legend: B images, C classes, c classes of a chunk, P texts, D embedding, I held nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bioclip_x.errors import ComponentError
from bioclip_x.faults import describe, naming, refuse
from bioclip_x.hooks.components import Dataset, LinearHead, Sample
from bioclip_x.records import ImageFeatures, Logits, ModelCard, Prompt, PromptSet, Scores

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

    from bioclip_x.taxonomy import Taxonomy

T = TypeVar("T")

LOADED_METHODS = ("preprocess", "encode_images", "encode_texts", "count_tokens")


def check_type(component: object, method: str, returned: object, expected: type[T], at: str = "") -> T:
    """Returns what a method returned, if it is of the expected type."""
    if not isinstance(returned, expected):
        article = "an" if expected.__name__[0] in "AEIOaeio" else "a"
        refuse(component, method, f"{article} {expected.__name__}", returned, at)
    return returned


def check_texts(component: object, method: str, returned: Any, what: str = "texts") -> list[str]:
    """Returns the texts that a method returned or yields; a single text is no list of texts."""
    if isinstance(returned, str | bytes) or not isinstance(returned, Iterable):
        refuse(component, method, f"a list of {what}", returned)
    with naming(component, method):
        texts = list(returned)
    for text in texts:
        if not isinstance(text, str):
            refuse(component, method, f"a list of {what}, each a str", text)
    return texts


def check_tensor(
    component: object, method: str, returned: Any, shape: Sequence[int | None], at: str = "", *, finite: bool = True
) -> torch.Tensor:
    """Returns the tensor that a method returned. shape: None for a side of any length. finite: refuse NaN and infinities."""
    import torch

    sides = ", ".join("any" if side is None else str(side) for side in shape)
    expected = f"a floating-point tensor of shape ({sides})"
    if not isinstance(returned, torch.Tensor) or not returned.is_floating_point() or returned.ndim != len(shape):
        refuse(component, method, expected, returned, at)
    if any(side not in (None, actual) for side, actual in zip(shape, returned.shape, strict=True)):
        refuse(component, method, expected, returned, at)
    if finite and not bool(returned.isfinite().all()):
        refuse(component, method, "finite numbers", "NaN or infinity", at)
    return returned


def check_prompts(builder: object, returned: Any, classes: Sequence[int]) -> PromptSet:
    """Returns the prompts of a text builder. classes: those that were asked for."""
    written = check_type(builder, "build", returned, PromptSet)
    if not isinstance(written.prompts, list | tuple):
        refuse(builder, "build", "a PromptSet whose prompts are a tuple of Prompts", written.prompts)
    check_texts(builder, "build", written.notes, "notes")
    requested = classes if isinstance(classes, range) else frozenset(classes)
    for prompt in written.prompts:
        if not isinstance(prompt, Prompt):
            refuse(builder, "build", "a PromptSet of Prompts", prompt)
        if not isinstance(prompt.text, str) or not prompt.text.strip():
            refuse(builder, "build", "prompts whose text is not empty", prompt.text, f"the class {prompt.class_index}")
        if prompt.class_index not in requested:
            refuse(builder, "build", f"prompts of the {len(classes)} requested classes only", prompt.class_index)
        if not isinstance(prompt.weight, int | float) or not (prompt.weight > 0 and math.isfinite(prompt.weight)):
            refuse(builder, "build", "prompts whose weight is positive and finite", prompt.weight, repr(prompt.text))
    return written


def check_loaded(family: object, returned: Any) -> Any:
    """Returns the model that an encoder loaded, if it has a card and can embed."""
    if not isinstance(getattr(returned, "card", None), ModelCard):
        refuse(family, "load", "a model with a ModelCard as its attribute 'card'", returned)
    if missing := [name for name in LOADED_METHODS if not callable(getattr(returned, name, None))]:
        refuse(
            family, "load", f"a model with the methods {', '.join(LOADED_METHODS)} (it lacks {missing[0]})", returned
        )
    return returned


def check_trainable(family: object, returned: Any) -> None:
    """Refuses what is no model to train."""
    from torch.nn import Module

    if not isinstance(getattr(returned, "module", None), Module):
        refuse(family, "trainable", "a model with a torch module as its attribute 'module'", returned)


def check_features(encoder: object, returned: Any, n_images: int, dim: int | None) -> ImageFeatures:
    """Returns the embeddings of a batch of images. Embeddings that are not finite are for the caller to judge."""
    features = check_type(encoder, "encode_images", returned, ImageFeatures)
    check_tensor(encoder, "encode_images", features.embeddings_BD, (n_images, dim), finite=False)
    if len(check_texts(encoder, "encode_images", features.refused_B, "refusals")) != n_images:
        refuse(encoder, "encode_images", f"ImageFeatures with {n_images} texts refused_B", features.refused_B)
    return features


def check_finite(encoder: object, features: ImageFeatures) -> None:
    """Raises ComponentError, since it may be the fault of one image, for embeddings that are NaN or infinite."""
    if not bool(features.embeddings_BD.isfinite().all()):
        raise ComponentError(
            f"{describe(encoder)} returned NaN or infinity from encode_images; expected finite embeddings (--precision fp32 may "
            "help)"
        )


def check_scores(head: object, returned: Any, n_images: int, n_nodes: int) -> Scores:
    """Returns the scores of a head."""
    expected = f"Scores with log_probs_BI of shape ({n_images}, {n_nodes}) (images, held nodes of the tree)"
    if not isinstance(returned, Scores):
        refuse(head, "decide", expected, returned)
    if tuple(returned.log_probs_BI.shape) != (n_images, n_nodes):
        refuse(head, "decide", expected, returned.log_probs_BI)
    return returned


def check_counts(encoder: object, returned: Any, n_texts: int) -> list[int]:
    """Returns the numbers of tokens of texts."""
    is_list = isinstance(returned, Sequence) and not isinstance(returned, str)
    if not is_list or len(returned) != n_texts or not all(isinstance(count, int) for count in returned):
        refuse(encoder, "count_tokens", f"a list of {n_texts} ints", returned)
    return list(returned)


def check_logits(scorer: object, returned: Any, n_images: int, n_classes: int) -> Logits:
    """Returns the logits of a scorer, whose parts are checked when they are computed."""
    logits = check_type(scorer, "logits", returned, Logits)
    if (logits.n_images, logits.n_classes) != (n_images, n_classes):
        expected = f"Logits of {n_images} images and {n_classes} classes"
        refuse(scorer, "logits", expected, (logits.n_images, logits.n_classes))
    return logits


def check_coefficients(scorer: object, returned: Any, n_prompts: int) -> list[float]:
    """Returns the coefficients of a class's prompts."""
    shape = getattr(returned, "shape", None)
    if shape is None or tuple(shape) != (n_prompts,):
        refuse(scorer, "coefficients", f"an array of shape ({n_prompts},), a number per prompt of the class", returned)
    coefficients: list[float] = returned.tolist()
    if not all(map(math.isfinite, coefficients)):
        refuse(scorer, "coefficients", "finite numbers", coefficients)
    return coefficients


def check_loss(loss: object, returned: Any, at: str) -> Mapping[str, torch.Tensor]:
    """Returns the parts of a loss by name; "" for one without parts."""
    import torch

    parts = returned if isinstance(returned, Mapping) else {"": returned}
    for name, part in parts.items():
        if not isinstance(name, str) or not isinstance(part, torch.Tensor) or part.numel() != 1 or part.ndim > 0:
            refuse(loss, "__call__", "a scalar tensor, or a mapping of names to scalar tensors", returned, at)
    return parts


def check_heads(loss: object, returned: Any) -> Mapping[str, LinearHead]:
    """Returns the linear heads of a loss by name."""
    if not isinstance(returned, Mapping) or not all(isinstance(head, LinearHead) for head in returned.values()):
        refuse(loss, "export_heads", "a mapping of names to LinearHeads", returned)
    return returned


def prepare_dataset(dataset: Dataset, taxonomy: Taxonomy) -> list[str]:
    """Prepares a data set, and looks at its length and its first image's label. Returns its notes."""
    with naming(dataset, "prepare"):
        returned = dataset.prepare(taxonomy)
    notes = check_texts(dataset, "prepare", returned, "notes")
    with naming(dataset, "__len__"):
        n_images = len(dataset)
    if n_images:
        get_name(dataset, 0)
        node = get_sample(dataset, 0).node
        if not -1 <= node < taxonomy.n_nodes:
            refuse(dataset, "sample", f"a Sample whose node is one of the taxonomy's {taxonomy.n_nodes}, or -1", node)
    return notes


def get_name(dataset: Dataset, index: int) -> str:
    """Returns the name of a data set's image."""
    with naming(dataset, "name", f"image {index}"):
        name = dataset.name(index)
    return check_type(dataset, "name", name, str, f"image {index}")


def get_sample(dataset: Dataset, index: int) -> Sample:
    """Returns the label and texts of a data set's image."""
    with naming(dataset, "sample", f"image {index}"):
        sample = dataset.sample(index)
    return check_type(dataset, "sample", sample, Sample, f"image {index}")


def get_image(dataset: Dataset, index: int, name: str) -> Image | np.ndarray | str | bytes | Any:
    """Returns an image of a data set, or where it is."""
    with naming(dataset, "image", name):
        image = dataset.image(index)
    if image is None or isinstance(image, bool | int | float | list | tuple | Mapping):
        refuse(
            dataset, "image", "a path, URL, the bytes of a file, a PIL image, or uint8 of shape (H, W, 3)", image, name
        )
    return image
