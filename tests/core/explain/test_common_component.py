"""A component that all images and all texts have in common says nothing, and changes no explanation.

CLIP's embeddings lie in two narrow cones (Liang et al., NeurIPS 2022): any text scores some 0.2 to 0.3 on any image. Here
such a component is added to the field guide's model: every cosine becomes 0.75·cos + 0.25, the logit scale is divided by
0.75, and so all differences of logits stay. Contributions relative to the mean text must stay, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from PIL.Image import Image

from bioclip_x import Classifier
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.records import Explanation, ImageFeatures
from bioclip_x_plugins.encoders.open_clip import OpenClip

KEPT: Final = 0.75
"""The part of a cosine that is left; the common component makes the rest."""
DRAWINGS: Final = Path(__file__).parents[3] / "examples" / "drawings"


def with_common_component(units_XD: torch.Tensor) -> torch.Tensor:
    """Unit rows with one dimension more: √0.75·x ⊕ √0.25."""
    common_X1 = torch.full((len(units_XD), 1), math.sqrt(1 - KEPT))
    return torch.cat([math.sqrt(KEPT) * units_XD, common_X1], dim=1)


class WithCommonComponent:
    """A loaded model, with a component in all of its embeddings."""

    def __init__(self, model: LoadedEncoder) -> None:
        self._model = model
        self.card = replace(
            model.card,
            name="field-guide-with-common-component",
            dim=model.card.dim + 1,
            logit_scale=model.card.logit_scale / KEPT,
        )

    def preprocess(self, image: Image) -> torch.Tensor:
        return self._model.preprocess(image)

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        features = self._model.encode_images(pixels_B3HW)
        return replace(features, embeddings_BD=with_common_component(features.embeddings_BD))

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        return with_common_component(self._model.encode_texts(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._model.count_tokens(texts)


@pytest.fixture(scope="module")
def model() -> Any:
    return OpenClip().load(
        "package:bioclip_x_field_guide/model", name="field-guide", device="cpu", precision="fp32", preprocess="model"
    )


def classifier(model: LoadedEncoder, pooling: str, banks: Path, **fields: Any) -> Classifier:
    return Classifier(plugins=["descriptors"], pooling=pooling, loaded=model, cache=banks, **fields)


def explanations(made: Classifier) -> list[Explanation]:
    found = [result.explanation for result in made.classify(DRAWINGS)]
    assert len(found) == len(list(DRAWINGS.glob("*.png"))) >= 10
    return [one for one in found if one is not None]


def both(model: Any, pooling: str, folder: Path) -> list[tuple[Explanation, Explanation]]:
    """Each drawing's explanation by the plain model, and by the one with the common component."""
    plain = explanations(classifier(model, pooling, folder / "plain"))
    shifted = explanations(classifier(WithCommonComponent(model), pooling, folder / "shifted"))
    assert len(plain) == len(shifted) >= 8, "a drawing that the model declines to name has none"
    return list(zip(plain, shifted))


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_contributions_stay_as_they_are(model: Any, pooling: str, tmp_path: Path) -> None:
    all_pairs = both(model, pooling, tmp_path)
    tied = [pair for pair in all_pairs if pair[0].margin <= 1e-4]
    assert all(shifted.margin == pytest.approx(plain.margin, abs=1e-3) for plain, shifted in tied), "the tie stays one"
    pairs = [pair for pair in all_pairs if pair not in tied]  # which of two that are tied wins is a matter of rounding
    assert len(pairs) >= (5 if pooling == "mean" else 1), "by the best text alone, most pairs are tied"
    for plain, shifted in pairs:
        assert (shifted.winner, shifted.runner_up) == (plain.winner, plain.runner_up)
        assert plain.baseline is not None and shifted.baseline is not None
        assert shifted.baseline == pytest.approx(KEPT * plain.baseline + 1 - KEPT, abs=1e-5)
        own = {(one.class_index, one.text): one for one in plain.contributions}
        assert len(own) == len(plain.contributions) == len(shifted.contributions) > 2
        for one in shifted.contributions:
            other = own[one.class_index, one.text]
            assert one.similarity == pytest.approx(KEPT * other.similarity + 1 - KEPT, abs=1e-5)
            assert one.contribution == pytest.approx(other.contribution, abs=1e-3)
            by_cosine, as_before = (
                one.similarity * model.card.logit_scale / KEPT,
                other.similarity * model.card.logit_scale,
            )
            assert by_cosine - as_before > 1, "what is relative to nothing does not stay"
        assert shifted.margin == pytest.approx(plain.margin, abs=1e-3)
        for told in (plain, shifted):
            assert not [line for line in told.remainders if line.kind == "mean text"]
            assert math.fsum(one.contribution for one in told.contributions) + told.rest == pytest.approx(
                told.margin, abs=1e-9, rel=0
            )


def test_of_ensemble_pooling_contributions_and_remainders_still_sum_to_the_margin(model: Any, tmp_path: Path) -> None:
    """Its pooled embeddings are unit vectors, which a common component changes: other contributions, and another margin."""
    for pair in both(model, "ensemble", tmp_path):
        for told in pair:
            contributions = math.fsum(one.contribution for one in told.contributions)
            assert contributions + math.fsum(one.contribution for one in told.remainders) == pytest.approx(
                told.margin, abs=1e-9, rel=0
            )
            assert told.rest == math.fsum(one.contribution for one in told.remainders)
            assert {line.kind for line in told.remainders} == {"mean text"}
