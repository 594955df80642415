"""Measures a phrase that a user types on an image: its similarity, what it would add to the margin, and where it is seen.

Legend: P prompts of one class, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from bioclip_x.app.known_image import KnownEncoder, KnownImage
from bioclip_x.errors import RecipeError
from bioclip_x.explain.heat_maps import make_heat_mapper
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities, ScorerCapabilities, get_capabilities
from bioclip_x.records import Explanation, HeatMap, Prompt, PromptContribution, Result, TextBank

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

TINY: Final = 1e-12
"""Lower bound of a length: opposite texts may cancel."""


@dataclass(frozen=True, slots=True)
class AddedText:
    """The phrase as one more text of a class.

    text: as the class's descriptors are written. similarity: its cosine. change: what it adds to the class's logit.
    margin: of the winner over the runner-up, with it.
    """

    class_name: str
    is_winner: bool
    text: str
    similarity: float
    change: float
    margin: float


@dataclass(frozen=True, slots=True)
class PhraseFigures:
    """similarity: the cosine of image and phrase as it was typed. baseline: that of the mean text of the list, or None.

    margin: of the winner over the runner-up, without the phrase. added: to the winner and to the runner-up; empty where
    class scores are not made of single texts, or nothing is explained. heat_map: None where the model has no patches.
    spread: how far the highest patch of all texts of the two classes, and of the phrase, lies above the mean of its map.
    is_truncated: whether the phrase is longer than what the model reads.
    """

    phrase: str
    similarity: float
    baseline: float | None
    margin: float | None
    added: tuple[AddedText, ...]
    heat_map: HeatMap | None
    spread: float
    is_truncated: bool


def measure_phrase(
    classifier: Classifier, image: KnownImage, phrase: str, bank: TextBank | None = None
) -> PhraseFigures:
    """Embeds a phrase, and compares it with an image. Raises RecipeError for a model without texts.

    bank: by which the image's result was decided, if not by the classifier's.
    """
    bank = bank or classifier.bank
    if classifier.labelled_scorer is not None:
        raise RecipeError(f"{classifier.recipe.model} reads no texts, so no phrase can be compared with an image")
    explanation = image.result.explanation
    classes = _find_compared(explanation) if _pools_prompts(classifier) else []
    texts = [phrase, *(write_like(bank, class_index, phrase) for class_index in classes)]
    encoder = classifier.encoder
    with torch.inference_mode(), naming(encoder, "encode_texts", repr(phrase)):
        embeddings_PD = encoder.encode_texts(texts)
        [n_tokens] = encoder.count_tokens([phrase])
    x_D = image.embedding_D.double()
    similarities = (embeddings_PD.double() @ x_D).tolist()
    scale = classifier.batches.calibration.card.logit_scale
    added = []
    for place, class_index in enumerate(classes, 1):
        assert explanation is not None
        change = scale * compute_change(bank, class_index, embeddings_PD[place], x_D)
        sign = 1.0 if place == 1 else -1.0
        name = explanation.winner_class if place == 1 else explanation.runner_up_class
        margin = explanation.margin + sign * change
        added.append(AddedText(name, place == 1, texts[place], similarities[place], change, margin))
    heat_map, spread = _map(classifier, bank, image, phrase, embeddings_PD[0])
    return PhraseFigures(
        phrase=phrase,
        similarity=similarities[0],
        baseline=explanation.baseline if explanation else None,
        margin=explanation.margin if explanation else None,
        added=tuple(added),
        heat_map=heat_map,
        spread=spread,
        is_truncated=n_tokens > encoder.card.context_length,
    )


def compute_change(bank: TextBank, class_index: int, text_D: torch.Tensor, x_D: torch.Tensor) -> float:
    """Computes what one more text of a class adds to its pooled cosine; times the logit scale, to its logit.

    text_D, x_D: unit embeddings of the text, and float64 of the image. The text's weight is the mean of the class's.
    """
    rows = bank.of_class(class_index)
    texts_PD, weight_P = bank.embeddings_PD[rows].double(), torch.from_numpy(bank.weight_P[rows]).double()
    with_PD = torch.cat([texts_PD, text_D.double()[None]])
    with_P = torch.cat([weight_P, weight_P.mean()[None]])
    return pool(with_PD, with_P, x_D, bank.pooling) - pool(texts_PD, weight_P, x_D, bank.pooling)


def pool(texts_PD: torch.Tensor, weight_P: torch.Tensor, x_D: torch.Tensor, pooling: str) -> float:
    """Computes the pooled cosine of a class, in float64: of `mean`, Σ w cos / Σ w; `ensemble`, Σ w cos / |Σ w t|; `max`."""
    cos_P = texts_PD @ x_D
    if pooling == "max":
        return float(cos_P.max())
    total = weight_P.sum() if pooling == "mean" else (weight_P @ texts_PD).norm().clamp(min=TINY)
    return float(weight_P @ cos_P / total)


def write_like(bank: TextBank, class_index: int, phrase: str) -> str:
    """Writes a phrase as the descriptors of a class are written; as it is for a class without descriptors.

    "rounded ears" → "the red fox, which has rounded ears", if a text of the class is "the red fox, which has a bushy tail".
    """
    for prompt in bank.prompts[bank.of_class(class_index)]:
        if prompt.kind == "descriptor" and prompt.phrase and prompt.text.count(prompt.phrase) == 1:
            return prompt.text.replace(prompt.phrase, phrase)
    return phrase


def _pools_prompts(classifier: Classifier) -> bool:
    return get_capabilities(classifier.scorer, ScorerCapabilities).pools_prompts


def _find_compared(explanation: Explanation | None) -> list[int]:
    """Returns the classes of which an explanation lists texts, the winner's first."""
    return list(dict.fromkeys(one.class_index for one in explanation.contributions)) if explanation else []


def _map(
    classifier: Classifier, bank: TextBank, image: KnownImage, phrase: str, embedding_D: torch.Tensor
) -> tuple[HeatMap | None, float]:
    """Makes the heat map of a phrase, and the spread of it and of all texts of the compared classes."""
    if get_capabilities(classifier.encoder, LoadedEncoderCapabilities).no_patches:
        return None, 0.0
    explanation = image.result.explanation
    classes = _find_compared(explanation)
    small, extended = _add_to_compared(bank, classes, explanation, phrase, embedding_D)
    recipe = classifier.recipe.model_copy(update={"heat_maps": True, "explain": True})
    mapper = make_heat_mapper(recipe, KnownEncoder(classifier.encoder, image), small)
    assert mapper is not None
    with torch.inference_mode():
        [mapped] = mapper.add_maps([image.decode()], [replace(image.result, explanation=extended)])
    maps = _list_maps(mapped)
    return maps[-1], max(_compute_spread(one) for one in maps)


def _add_to_compared(
    bank: TextBank, classes: list[int], explanation: Explanation | None, phrase: str, embedding_D: torch.Tensor
) -> tuple[TextBank, Explanation]:
    """Returns a bank of the compared classes and the phrase, as a text of the class after all, and an explanation by these."""
    rows = np.concatenate([np.arange(0), *(np.r_[bank.of_class(one)] for one in sorted(classes))]).astype(np.int64)
    owner = bank.n_classes
    prompts = (*(bank.prompts[int(row)] for row in rows), Prompt(phrase, owner, "phrase", phrase))
    small = replace(
        bank,
        prompts=prompts,
        embeddings_PD=torch.cat([bank.embeddings_PD[torch.from_numpy(rows)], embedding_D[None]]),
        owner_P=np.append(bank.owner_P[rows], owner),
        weight_P=np.append(bank.weight_P[rows], np.float32(1)),
        n_classes=owner + 1,
        half_PD=None,
        mean_D=None,
    )
    typed = PromptContribution(phrase, phrase, "phrase", "", owner, 0.0, 0.0)
    before = explanation or Explanation("", "", "", "", 0.0, (), 0.0)
    return small, replace(before, contributions=(*before.contributions, typed))


def _list_maps(result: Result) -> list[HeatMap]:
    contributions = result.explanation.contributions if result.explanation else ()
    return [one.heat_map for one in contributions if one.heat_map]


def _compute_spread(heat_map: HeatMap) -> float:
    values_hw = np.array(heat_map.values_hw)
    return float(values_hw.max() - values_hw.mean())
