"""An image classifier in place of a two-tower model: its scores take the way of embeddings, and its labels find their classes.

Legend: B images, L labels of the classifier, k classes that have a label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from bioclip_x.classes.score_columns import match_columns, refuse_unmatched, spread_columns
from bioclip_x.device_memory import FittingEncoder
from bioclip_x.errors import ModelError, PluginError, ScoresError
from bioclip_x.faults import describe, naming, remember_part
from bioclip_x.hooks.capabilities import (
    ImageClassifierCapabilities,
    LoadedEncoderCapabilities,
    ScorerCapabilities,
    get_capabilities,
)
from bioclip_x.hooks.components import ImageClassifier
from bioclip_x.hooks.registry import Registry
from bioclip_x.models import find_classifier_ref
from bioclip_x.recipe import Recipe
from bioclip_x.records import ImageFeatures, Logits, ModelCard, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels

ROUNDING: Final = 1e-4
"""By which a probability may be below 0 or above 1."""


@dataclass(frozen=True, eq=False)
class NamedClassifier:
    """A recipe's image classifier, its weights not loaded. name: the recipe's model. labels: L, with repeated ones."""

    name: str
    classifier: ImageClassifier
    capabilities: ImageClassifierCapabilities
    labels: tuple[str, ...]

    def is_refused(self, label: str) -> bool:
        """Whether an image with this label as the best is refused; the case of letters does not count."""
        return label.casefold() in {one.casefold() for one in self.capabilities.refuses}

    def make_own_taxonomy(self) -> Taxonomy:
        """Makes a flat tree of the labels that do not refuse, for recipes without a list of classes."""
        return from_labels([*dict.fromkeys(label for label in self.labels if not self.is_refused(label))])

    def load(self, recipe: Recipe) -> FittingEncoder:
        """Loads the weights. Raises ModelError for what only two-tower models can do."""
        for field, allowed in (("precision", ("auto", "fp32")), ("preprocess", ("model",))):
            if (given := getattr(recipe, field)) not in allowed:
                raise ModelError(
                    f"{self.name} is an image classifier, which has no {field} {given}; leave out --{field}"
                )
        with naming(self.classifier, "load", self.name):
            self.classifier.load(recipe.device)
            revision = self.classifier.revision
        fitting = FittingEncoder(ClassifierEncoder(self, revision))
        remember_part(fitting, self.classifier)
        return fitting


def find_classifier(registry: Registry, recipe: Recipe) -> NamedClassifier | None:
    """Makes the recipe's image classifier and reads its labels; None for a two-tower model.

    Raises PluginError for no labels, and for labels that are no strings, or blank.
    """
    ref = find_classifier_ref(registry, recipe.model)
    if ref is None:
        return None
    classifier = registry.make("classifiers", ref.name, ref.options)
    with naming(classifier, "labels"):
        labels = classifier.labels()
    if (
        isinstance(labels, str)
        or not len(labels)
        or not all(isinstance(label, str) and label.strip() for label in labels)
    ):
        raise PluginError(
            f"{describe(classifier)}: expected labels to return names, none of them blank; got {labels!r:.80}"
        )
    return NamedClassifier(
        recipe.model, classifier, get_capabilities(classifier, ImageClassifierCapabilities), tuple(labels)
    )


class ClassifierEncoder:
    """The loaded classifier, as what makes features of images: its scores of its own labels, [B, L], as it returns them."""

    capabilities = LoadedEncoderCapabilities(no_patches="it is an image classifier, without embeddings of patches")

    def __init__(self, named: NamedClassifier, revision: str) -> None:
        self._named = named
        self.card = ModelCard(
            name=named.name,
            revision=revision,
            tokenizer="",
            precision="",
            dim=0,  # of texts, of which it has none
            logit_scale=1.0,
            logit_bias=0.0,
            context_length=0,
        )

    def preprocess(self, image: Image) -> torch.Tensor:
        return self._named.classifier.preprocess(image)

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Returns the scores in place of embeddings, and refuses images whose best label is one that refuses."""
        classifier, labels = self._named.classifier, self._named.labels
        outputs = self._named.capabilities.outputs
        call = classifier.logits if outputs == "logits" else classifier.probabilities
        with naming(classifier, outputs):
            values_BL = call(pixels_B3HW)
        check_values(values_BL, (len(pixels_B3HW), len(labels)), outputs, describe(classifier))
        values_BL = values_BL.detach().float().cpu()
        best_B = [labels[index] for index in values_BL.argmax(1).tolist()]
        refused_B = tuple(f"the model says {best!r}" if self._named.is_refused(best) else "" for best in best_B)
        return ImageFeatures(values_BL, refused_B)

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        raise ModelError(f"{self.card.name} is an image classifier, which reads no texts")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)


def check_values(values_BL: torch.Tensor, shape: tuple[int, int], outputs: str, where: str) -> None:
    """Raises PluginError for scores that are no tensor of this shape, not finite, or expected to be probabilities and none."""
    if not isinstance(values_BL, torch.Tensor) or tuple(values_BL.shape) != shape:
        got = tuple(values_BL.shape) if isinstance(values_BL, torch.Tensor) else type(values_BL).__name__
        raise PluginError(f"{where}: expected {outputs} to return a tensor {shape} (images, labels), got {got}")
    if not values_BL.isfinite().all():
        raise PluginError(f"{where}: expected finite {outputs}, got NaN or infinity")
    if outputs == "probabilities" and ((values_BL < -ROUNDING) | (values_BL > 1 + ROUNDING)).any():
        low, high = float(values_BL.min()), float(values_BL.max())
        raise PluginError(
            f"{where}: expected probabilities from 0 to 1, got {low:.3g} to {high:.3g}; are these logits?"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Where a class's logit comes from. class_k: ascending. first_k: a label of each. more: place in k → all labels of the class,
    where it has several.
    """

    class_k: npt.NDArray[np.int64]
    first_k: torch.Tensor
    more: dict[int, list[int]]
    n_classes: int
    notes: tuple[str, ...]


class LabelScorer:
    """Turns a classifier's scores of its own labels into logits of the classes.

    Labels of one class are added up as probabilities; those of no class stand beside the tree.
    """

    capabilities = ScorerCapabilities(needs_texts=False)

    def __init__(self, named: NamedClassifier) -> None:
        self._named = named
        self._columns: _Columns | None = None
        remember_part(self, named.classifier)

    revision = ""
    """The loaded model's card has it."""

    def extend(self, taxonomy: Taxonomy, whole: Taxonomy) -> Taxonomy:
        """Returns the tree with what else has labels. Raises ScoresError if no label is of a class."""
        labels = self._named.labels
        matched = match_columns(labels, {}, taxonomy, whole)
        refuse_unmatched(matched, labels, taxonomy, self._named.name, "labels")
        of_class: dict[int, list[int]] = defaultdict(list)
        for index, label in enumerate(labels):
            if label in matched.class_of:
                of_class[matched.class_of[label]].append(index)
        class_k = sorted(of_class)
        notes = (*matched.notes(len(labels), "labels"), *self._note_missing(matched.tree.n_classes, len(class_k)))
        self._columns = _Columns(
            np.array(class_k, np.int64),
            torch.tensor([of_class[c][0] for c in class_k]),
            {place: of_class[c] for place, c in enumerate(class_k) if len(of_class[c]) > 1},
            matched.tree.n_classes,
            notes,
        )
        return matched.tree

    def _note_missing(self, n_classes: int, n_labelled: int) -> Iterator[str]:
        if n_labelled < n_classes:
            yield f"{n_classes - n_labelled} of {n_classes} classes have no label of {self._named.name}, and no share"

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Returns notes on labels. taxonomy: as `extend` returned it."""
        return self._matched.notes

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns the classifier's logits, or logarithms of its probabilities; -inf for a class without a label."""
        columns, values_BL = self._matched, features.embeddings_BD
        if self._named.capabilities.outputs == "probabilities":
            values_BL = values_BL.clamp(0, 1).log()
        logits_Bk = values_BL[:, columns.first_k]
        for place, labels in columns.more.items():
            logits_Bk[:, place] = values_BL[:, labels].logsumexp(1)
        return spread_columns(logits_Bk.T.contiguous(), columns.class_k, columns.n_classes)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns an empty array, since there are no texts."""
        return np.empty(0, np.float32)

    @property
    def _matched(self) -> _Columns:
        if self._columns is None:
            raise ScoresError(
                f"the labels of {self._named.name} have no classes yet; call extend(taxonomy, whole) first"
            )
        return self._columns
