"""Scorers, each with one fault."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bioclip_x.plugin import (
    ImageFeatures,
    Logits,
    ModelCard,
    NearestImage,
    ScorerCapabilities,
    SupportImages,
    Taxonomy,
    TextBank,
)

KIND = "scorers"


class Right:
    """the first text of each class"""

    capabilities = ScorerCapabilities(pools_prompts=True)

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        first_C = [bank.of_class(c).start for c in range(bank.n_classes)]
        return self.change(Logits.of(card.logit_scale * features.embeddings_BD @ bank.embeddings_PD[first_C].T))

    def change(self, logits: Logits) -> Logits:
        return logits

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        prompts = bank.of_class(class_index)
        return np.eye(1, prompts.stop - prompts.start, dtype=np.float32)[0]


class RightOfExamples:
    """the nearest example of each class"""

    capabilities = ScorerCapabilities(needs_texts=False, support_option="support")

    def __init__(self, *, support: Path) -> None:
        self.given: Any = None

    @property
    def revision(self) -> str:
        return str(float(self.given.embeddings_nD[0, 0]))

    def prepare_support(self, support: SupportImages, taxonomy: Taxonomy) -> Sequence[str]:
        self.given = support
        return ["two examples of each class"]

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        cosine_nB = self.given.embeddings_nD @ features.embeddings_BD.T
        return Logits.of(cosine_nB.reshape(taxonomy.n_classes, 2, -1).amax(1).T)

    def nearest(self, embedding_D: torch.Tensor, class_index: int) -> Sequence[NearestImage]:
        rows = np.flatnonzero(self.given.class_n == class_index)
        cosine_r = (self.given.embeddings_nD[rows] @ embedding_D).tolist()
        found = [NearestImage(self.given.names[row], class_index, cosine) for row, cosine in zip(rows, cosine_r)]
        return sorted(found, key=lambda one: -one.cosine)


class RightOfScores:
    """the number of an image"""

    capabilities = ScorerCapabilities(needs_embeddings=False)
    model, revision = "a table", "1"
    names = ("1.jpg", "2.jpg")

    def extend(self, taxonomy: Taxonomy, whole: Taxonomy) -> Taxonomy:
        return taxonomy

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        return ()

    def image_names(self) -> Sequence[str]:
        return self.names

    def problem(self, name: str) -> str:
        return "" if name in self.names else "it is not in the table"

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        score_B = torch.tensor([float(name[0]) for name in features.names])
        return Logits.of(score_B[:, None] * torch.arange(taxonomy.n_classes))


class Transposed(Right):
    """logits of classes by images"""

    def change(self, logits: Logits) -> Logits:
        return Logits.of(logits.logits_BC.T)


class WholeOnly(Right):
    """all classes, whichever are asked for"""

    def change(self, logits: Logits) -> Logits:
        whole_CB = logits.logits_BC.T
        return Logits(lambda start, stop: whole_CB, logits.n_images, logits.n_classes)


class Centred(Right):
    """logits less those of the batch"""

    def change(self, logits: Logits) -> Logits:
        return Logits.of(logits.logits_BC - logits.logits_BC.mean(0))


class Unscaled(Right):
    """cosines"""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        return Logits.of(super().logits(features, bank, card, taxonomy).logits_BC / card.logit_scale)


class OfAllTexts(Right):
    """coefficients of all texts"""

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        return np.ones(len(bank.prompts), np.float32)


class OtherCoefficients(Right):
    """coefficients that do not explain the logits"""

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        return super().coefficients(embedding_D, bank, class_index) * np.float32(2)


class InPlace(Right):
    """embeddings that are changed"""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        features.embeddings_BD.mul_(2)
        return super().logits(features, bank, card, taxonomy)


class OneNote(RightOfExamples):
    """a note in place of a list"""

    def prepare_support(self, support: SupportImages, taxonomy: Taxonomy) -> Sequence[str]:
        return super().prepare_support(support, taxonomy)[0]


class AlwaysTheSame(RightOfExamples):
    """a revision that does not depend on the examples"""

    revision = "1"  # type: ignore[assignment]


class FarFirst(RightOfExamples):
    """the nearest example last"""

    def nearest(self, embedding_D: torch.Tensor, class_index: int) -> Sequence[NearestImage]:
        return list(reversed(super().nearest(embedding_D, class_index)))


class Silent(RightOfScores):
    """no reason why an image has no scores"""

    def problem(self, name: str) -> str:
        return ""


def make_given(folder: Path, target: type) -> dict[str, Any]:
    return {"options": {"support": folder}} if issubclass(target, RightOfExamples) else {}


RIGHT = (Right, RightOfExamples, RightOfScores)
FAULTY = {
    "logits_are_of_images_and_classes": Transposed,
    "parts_are_of_the_whole": WholeOnly,
    "images_do_not_affect_each_other": Centred,
    "logit_scale_is_applied": Unscaled,
    "coefficients_are_of_prompts": OfAllTexts,
    "coefficients_explain_logits": OtherCoefficients,
    "input_is_left_alone": InPlace,
    "notes_are_lines": OneNote,
    "revision_tells_it_apart": AlwaysTheSame,
    "nearest_examples_come_first": FarFirst,
    "images_without_scores_are_told": Silent,
}
