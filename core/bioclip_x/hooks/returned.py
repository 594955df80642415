"""Checks what components return: a value of another type or form is an error that names the component and what was expected.

Each function calls no component, or one method of one component, and raises PluginError.

Legend: B images, C classes, c classes of a chunk, P texts, D embedding, I held nodes, K best classes or reported nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bioclip_x.errors import ComponentError
from bioclip_x.faults import describe, naming, refuse
from bioclip_x.hooks.components import Dataset, LinearHead, Sample
from bioclip_x.messages import add_article
from bioclip_x.records import ImageFeatures, Logits, ModelCard, Prompt, PromptSet, Scores

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

    from bioclip_x.taxonomy import Taxonomy

T = TypeVar("T")

ROUNDING: Final = 1e-3
"""Of log-probabilities, float32 sums over a million classes."""
LOADED_METHODS = ("preprocess", "encode_images", "encode_texts", "count_tokens")


def check_type(component: object, method: str, returned: object, expected: type[T], at: str = "") -> T:
    """Returns what a method returned, if it is of the expected type."""
    if not isinstance(returned, expected):
        refuse(component, method, add_article(expected.__name__), returned, at)
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
        if not isinstance(prompt.class_index, int | Integral) or prompt.class_index not in requested:
            refuse(builder, "build", f"prompts of the {len(classes)} requested classes only", prompt.class_index)
        if not isinstance(prompt.weight, int | float | Real) or not (
            prompt.weight > 0 and math.isfinite(prompt.weight)
        ):
            refuse(builder, "build", "prompts whose weight is positive and finite", prompt.weight, repr(prompt.text))
    return replace(written, prompts=tuple(map(_use_own_numbers, written.prompts)))


def _use_own_numbers(prompt: Prompt) -> Prompt:
    """Returns a prompt whose numbers are Python's, not numpy's, which JSON does not take."""
    if type(prompt.weight) in (int, float) and type(prompt.class_index) is int:
        return prompt
    return replace(prompt, weight=float(prompt.weight), class_index=int(prompt.class_index))


def check_loaded(family: object, returned: Any) -> Any:
    """Returns the model that an encoder loaded, if it has a card, whose numbers can be, and can embed."""
    if not isinstance(card := getattr(returned, "card", None), ModelCard):
        refuse(family, "load", "a model with a ModelCard as its attribute 'card'", returned)
    if not (0 < card.logit_scale < math.inf and math.isfinite(card.logit_bias)):
        refuse(
            family,
            "load",
            "a model with a logit scale above 0 and a logit bias, both finite",
            (card.logit_scale, card.logit_bias),
        )
    if card.dim < 1 or card.context_length < 1:
        refuse(family, "load", "a model with dim and context_length above 0", (card.dim, card.context_length))
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


def check_scores(head: object, returned: Any, n_images: int, taxonomy: Taxonomy) -> Scores:
    """Returns the scores of a head, if their parts have the right types and shapes and name classes, nodes and ranks of the tree.

    For the log-probabilities themselves see `check_log_probs`.
    """
    import torch

    floats, ints = (torch.float32, torch.float64), (torch.int64,)
    shape, sides = (n_images, len(taxonomy.held_nodes)), " (images, held nodes of the tree)"
    if not isinstance(returned, Scores):
        refuse(head, "decide", f"Scores with log_probs_BI of shape {shape}{sides}", returned)
    _check_part(head, "log_probs_BI", returned.log_probs_BI, floats, shape, sides)
    top_BK, nodes_BK, n_classes = returned.top_BK, returned.reported_BK, taxonomy.n_classes
    _check_part(head, "top_BK", top_BK, ints, (n_images, None))
    _check_part(head, "log_top_BK", returned.log_top_BK, floats, tuple(top_BK.shape), " (as top_BK)")
    _check_indices(head, f"top_BK of classes, 0 to {n_classes - 1}", top_BK, (top_BK >= 0) & (top_BK < n_classes))
    if nodes_BK is not None:
        _check_part(head, "reported_BK", nodes_BK, ints, (n_images, None))
        is_node_BK = (nodes_BK >= -1) & (nodes_BK < taxonomy.n_nodes)
        _check_indices(head, f"reported_BK of nodes, 0 to {taxonomy.n_nodes - 1}, or -1", nodes_BK, is_node_BK)
        is_held_BK = torch.from_numpy((taxonomy.place_N[nodes_BK.numpy()] >= 0) | (nodes_BK.numpy() < 0))
        class_BK = torch.from_numpy(taxonomy.leaf_start_N[nodes_BK.numpy()])
        is_top_BK = (class_BK[:, :, None] == top_BK[:, None, :]).any(2)
        _check_indices(head, "reported_BK of held nodes and of classes in top_BK", nodes_BK, is_held_BK | is_top_BK)
    if returned.n_tied_B is not None:
        _check_part(head, "n_tied_B", returned.n_tied_B, ints, (n_images,))
    ranks = tuple(taxonomy.rank_tables)
    if not isinstance(returned.ranks, list | tuple) or any(one not in ranks for one in returned.ranks):
        refuse(head, "decide", f"Scores with ranks among {ranks}", returned.ranks)
    return returned


def _check_part(
    head: object, name: str, part: object, types: Sequence[torch.dtype], shape: Sequence[int | None], note: str = ""
) -> None:
    """Refuses a part of scores that is no tensor on the CPU of one of these types and this shape. None: of any length but 0."""
    import torch

    if (
        isinstance(part, torch.Tensor)
        and part.dtype in types
        and part.device.type == "cpu"
        and part.ndim == len(shape)
        and all(actual == side or (side is None and actual) for actual, side in zip(part.shape, shape, strict=True))
    ):
        return
    sides = ", ".join("any" if side is None else str(side) for side in shape)
    expected = f"Scores with {name} of shape ({sides}){note}, a tensor of {types[0]} on the CPU"
    at = str(part.device) if isinstance(part, torch.Tensor) and part.device.type != "cpu" else ""
    refuse(head, "decide", expected, part, at)


def _check_indices(head: object, expected: str, index_BK: torch.Tensor, is_right_BK: torch.Tensor) -> None:
    if not bool(is_right_BK.all()):
        refuse(head, "decide", f"Scores with {expected}", index_BK[~is_right_BK][0].item())


def check_log_probs(head: object, scores: Scores, images: Sequence[str], is_excluded_B: Sequence[bool]) -> None:
    """Refuses log-probabilities of NaN or above 0, but for those of images of which no class is left."""
    for name in ("log_probs_BI", "log_top_BK"):
        largest_B = getattr(scores, name).amax(1).tolist()  # nan if one is
        for image, largest, is_excluded in zip(images, largest_B, is_excluded_B, strict=True):
            if not (largest <= ROUNDING or is_excluded):
                refuse(head, "decide", f"Scores with {name} of at most 0, without NaN", largest, image)


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
