"""Checks of scorers. A scorer that reads a file needs it as an option. Legend: B images, C classes, P prompts, D embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.capabilities import ScorerCapabilities
from bioclip_x.records import ImageFeatures, Logits, ModelCard
from bioclip_x.registry import get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import D, make_bank, make_card, make_taxonomy


def make_features(images: int = 3) -> ImageFeatures:
    embeddings_BD = F.normalize(torch.randn(images, D, generator=torch.Generator().manual_seed(1)), dim=1)
    return ImageFeatures(embeddings_BD, ("",) * images, tuple(f"{i}.jpg" for i in range(images)))


def make_ready(subject: Subject) -> Any:
    """Makes a scorer of texts. Raises NotApplicable for others, which read what only their author knows."""
    scorer = subject.make()
    capabilities = get_capabilities(scorer, ScorerCapabilities)
    if not capabilities.needs_embeddings or not capabilities.needs_texts:
        raise NotApplicable("it reads scores or weights of its own, which only its own tests have")
    return scorer


def compute(scorer: Any, features: ImageFeatures, card: ModelCard | None = None, pooling: str = "mean") -> Logits:
    logits = scorer.logits(features, make_bank(pooling), card or make_card(), make_taxonomy())
    assert isinstance(logits, Logits), f"expected Logits, got {type(logits).__name__}; Logits.of(tensor) makes them"
    return logits


def check_logits_are_of_images_and_classes(subject: Subject) -> None:
    """Logits are finite, float32, for every image and class."""
    logits_BC = compute(make_ready(subject), make_features()).logits_BC
    shape = (3, make_taxonomy().n_classes)
    assert tuple(logits_BC.shape) == shape, f"expected {shape}, got {tuple(logits_BC.shape)}"
    assert logits_BC.dtype == torch.float32, f"expected float32, got {logits_BC.dtype}"
    assert logits_BC.isfinite().all(), "expected finite logits"


def check_parts_are_of_the_whole(subject: Subject) -> None:
    """Any range of classes has the logits that it has among all."""
    logits = compute(make_ready(subject), make_features())
    for start, stop in ((0, 1), (2, 5), (6, 7)):
        part, expected = logits.part(start, stop), logits.logits_BC[:, start:stop].T
        assert torch.allclose(part, expected, atol=1e-5), f"expected classes {start} to {stop - 1} as among all"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image's logits are the same alone and in a batch."""
    scorer, features = make_ready(subject), make_features()
    together = compute(scorer, features).logits_BC
    for row in range(3):
        one = ImageFeatures(features.embeddings_BD[row : row + 1], ("",), features.names[row : row + 1])
        alone = compute(scorer, one).logits_BC
        assert torch.allclose(alone, together[row : row + 1], atol=1e-5), (
            "expected the same logits alone and in a batch"
        )


def check_logit_scale_is_applied(subject: Subject) -> None:
    """Twice the model's logit scale gives twice the logits, without a bias."""
    scorer, features = make_ready(subject), make_features()
    once, twice = (compute(scorer, features, make_card(scale)).logits_BC for scale in (10.0, 20.0))
    assert torch.allclose(2 * once, twice, atol=1e-4), "expected logits in proportion to card.logit_scale"


def check_coefficients_explain_logits(subject: Subject) -> None:
    """A scorer that pools prompts has class logits of exactly scale · Σ a_p · cos_p."""
    scorer = make_ready(subject)
    if not get_capabilities(scorer, ScorerCapabilities).pools_prompts:
        raise NotApplicable("it does not declare pools_prompts")
    for pooling in ("mean", "ensemble", "max"):
        bank, features, card = make_bank(pooling), make_features(), make_card()
        logits_BC = scorer.logits(features, bank, card, make_taxonomy()).logits_BC
        for row, x_D in enumerate(features.embeddings_BD):
            for c in range(bank.n_classes):
                coefficients = scorer.coefficients(x_D, bank, c)
                cosines = (bank.embeddings_PD[bank.of_class(c)] @ x_D).numpy()
                expected = card.logit_scale * float(np.dot(coefficients, cosines))
                found = float(logits_BC[row, c])
                assert abs(found - expected) < 1e-3, (
                    f"expected the logit {expected} from the coefficients, got {found} ({pooling})"
                )


def check_input_is_left_alone(subject: Subject) -> None:
    """It does not change the embeddings that it is given."""
    features = make_features()
    before = features.embeddings_BD.clone()
    compute(make_ready(subject), features).part(0, 3)
    assert torch.equal(features.embeddings_BD, before), "expected the embeddings to be left as they are"
